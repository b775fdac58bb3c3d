"""A column of free text frozen as the signals made of it."""

from __future__ import annotations

from collections import Counter
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from driftlog.records import (
    TEXT_PARTS,
    SignalProfile,
    SignalType,
    TextPart,
    TextSource,
    text_signal,
)
from stream.profiling.calendar import Calendar
from stream.profiling.signals import signal_profile
from stream.profiling.types import Texts
from stream.rows import CategoryColumn
from stream.texts import (
    BUCKETS,
    SLOTS,
    TextReader,
    pairs_of,
    slot_of,
    texts_of,
    word_hash,
    words_of,
)

__all__ = ["MOST_WORDS", "halves", "text_profiles"]

MOST_WORDS: Final = 5_000  # of a vocabulary
# Times. Rarer words may be names, which no reference should keep. And of the rows that a vocabulary
# is made of it knows more than of others, by the words just frequent enough for it: from five times
# on that is less than the smallest effect that matters.
_LEAST_SEEN: Final = 5
_BLOCKS: Final = 64  # in turn for what is known and for how often it is met
_MOST_READ: Final = 20_000  # rows that a vocabulary is made of
_WEIGHT: Final = 0.5  # a change moves two of the four: in the drift share a text counts as one
# A point more or less of unknown words is no change, however steady the reference was.
_LEAST_UNKNOWN_SD: Final = 0.04


def text_profiles(
    name: str,
    texts: Texts,
    keys: NDArray[np.uint64],
    calendar: Calendar | None = None,
    ts_ms: NDArray[np.int64] | None = None,
) -> tuple[SignalProfile, ...]:
    """Freeze an input of free text as its four signals.

    What is known (the vocabulary, and which pairs of words are usual) comes from one half of the
    rows, how often it is met from the other: in the rows that a vocabulary was made of fewer words
    are unknown than there ever will be again. The halves are made of blocks in turn, so that both
    see the whole time and a burst of equal texts falls into one of them.

    Args:
        name: the input's own name.
        texts: (m,), in event-time order; at least one is a text.
        keys: `stream.rows.event_hash` of each row's event id, (m,).
        calendar: which cycles their times can carry: of length and words, which all rows tell of.
        ts_ms: their times, (m,), with a calendar.

    Source: hashed n-grams after Weinberger et al. (2009), ICML; held-out counts after Jelinek and
    Mercer (1985).
    """
    known, met = halves(texts.codes)
    vocabulary, buckets = _known(texts.take(known))
    sources = {
        "length": TextSource(input=name, part="length"),
        "words": TextSource(input=name, part="words"),
        "unknown_words": TextSource(input=name, part="unknown_words", vocabulary=vocabulary),
        "ngrams": TextSource(input=name, part="ngrams", buckets=buckets),
    }
    signals: dict[TextPart, str] = {part: text_signal(name, part) for part in TEXT_PARTS}
    cells = TextReader(signals, vocabulary, buckets).read(texts_of(texts), keys)
    found = (
        *(
            signal_profile(
                signals[part],
                "input",
                SignalType.NUMBER,
                cells.numbers[signals[part]],
                calendar=calendar,
                ts_ms=ts_ms,
            )
            for part in ("length", "words")
        ),
        signal_profile(
            signals["unknown_words"],
            "input",
            SignalType.NUMBER,
            cells.numbers[signals["unknown_words"]][met],
            least_sd=_LEAST_UNKNOWN_SD,
        ),
        signal_profile(
            signals["ngrams"],
            "input",
            SignalType.CATEGORY,
            cells.categories[signals["ngrams"]].take(met),
        ),
    )
    return tuple(
        msgspec.structs.replace(one, text=sources[part], weight=_WEIGHT)
        for part, one in zip(TEXT_PARTS, found, strict=True)
    )


def halves(codes: NDArray[np.int32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows that say what is known, and rows that say how often; all of them where one has none.

    Args:
        codes: of the texts in event-time order, negative where there is none, (m,).
    """
    rows = np.arange(len(codes), dtype=np.intp)
    for block in (rows * _BLOCKS // len(codes), np.cumsum(codes >= 0)):
        known, met = rows[block % 2 == 0], rows[block % 2 == 1]
        if (codes[known] >= 0).any() and (codes[met] >= 0).any():
            return known, met
    return rows, rows


def _known(texts: CategoryColumn) -> tuple[bytes, bytes]:
    """Return the vocabulary and the buckets of the slots, as `TextSource` holds them."""
    rows = texts.codes[texts.codes >= 0]
    if len(rows) > _MOST_READ:
        rows = rows[np.linspace(0, len(rows) - 1, _MOST_READ).astype(np.intp)]
    words: Counter[bytes] = Counter()
    pairs: dict[bytes, float] = {}
    for code in rows.tolist():  # row by row: sums must not depend on how the rows were gathered
        found = words_of(texts.levels[code])
        words.update(found)
        share = 1.0 / (len(found) + 1)
        for pair in pairs_of(found):
            pairs[pair] = pairs.get(pair, 0.0) + share
    frequent = sorted(
        (word for word, times in words.items() if times >= _LEAST_SEEN),
        key=lambda word: (-words[word], word),
    )[:MOST_WORDS]
    vocabulary = np.array(sorted({word_hash(word) for word in frequent}), dtype="<u4").tobytes()
    return vocabulary, _buckets(pairs)


def _buckets(pairs: dict[bytes, float]) -> bytes:
    """Slots by how usual their pairs are: the most usual fill the first bucket, and so on down.

    Shares fall evenly from bucket to bucket, so that a change of wording moves rows from large
    buckets to small ones. In slots gathered by chance it would even out: most pairs are rare, and a
    bucket of hundreds of them holds about as much whatever the language is.
    """
    shares = np.zeros(SLOTS)
    for pair, share in pairs.items():
        shares[slot_of(pair)] += share
    order = np.argsort(-shares, kind="stable")
    falling = np.arange(len(BUCKETS), 0, -1)
    ends = np.cumsum(falling / falling.sum())
    reached = np.cumsum(shares[order]) / shares.sum()
    found = np.empty(SLOTS, dtype=np.uint8)
    found[order] = np.minimum(np.searchsorted(ends, reached), len(BUCKETS) - 1)
    return found.tobytes()
