"""Free text as signals: length, words, unknown words, and which pairs of words are usual.

Derived where events become columns, so that no text goes further than the events themselves: the
``columns`` topic carries three numbers and a bucket a text, whatever its size.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftlog.records import SignalProfile, TextPart
from stream.rows import MISSING, WRONG_NUMBER, WRONG_TYPE, CategoryColumn

__all__ = [
    "BUCKETS",
    "MOST_CHARACTERS",
    "SLOTS",
    "UNSPACED",
    "TextCells",
    "TextReader",
    "pairs_of",
    "slot_of",
    "text_readers",
    "texts_of",
    "word_hash",
    "words_of",
]

MOST_CHARACTERS: Final = 2_000  # of a text that words are taken from; its length is always whole
SLOTS: Final = 4_096  # that pairs of words are hashed to
BUCKETS: Final = (*(f"bucket {number:02}" for number in range(1, 12)), "rare")
_START, _END = b"^", b"$"  # no word: words hold no punctuation
_MOST_REMEMBERED: Final = 50_000  # words
_LONGEST_REMEMBERED: Final = 40  # bytes
_PLAIN: Final = bytes(
    ord("0") if chr(byte).isdigit() else ord(chr(byte).lower()) if chr(byte).isalnum() else 32
    for byte in range(128)
) + bytes(range(128, 256))
# Scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, kana, Han.
UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
# Marks that belong to the letter before, which Python does not count as letters.
_MARKS: Final = (
    "\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670\u0900-\u0903\u093a-\u0963\u0980-\u0dff"
)
_WORD: Final = re.compile(f"[{UNSPACED}]|(?:[^\\W_{UNSPACED}]+|[{_MARKS}]+)+")
_DIGIT: Final = re.compile(r"\d")
_copy_hash = blake2b(digest_size=8).copy


def words_of(text: str) -> list[bytes]:
    """Return the words of a text's first 2,000 characters, as UTF-8.

    Lower case; letters and digits that stand together; apostrophes are dropped, every digit is a
    0 (numbers and dates are many, and all new), and of scripts without spaces each character is a
    word.

    >>> words_of("Gate B12: don't_wait!")
    [b'gate', b'b00', b'dont', b'wait']
    """
    head = text[:MOST_CHARACTERS]
    if head.isascii():
        return head.encode("ascii").translate(_PLAIN, b"'").split()
    # A lone surrogate, which JSON from elsewhere may hold, must not end the batch.
    raw = head.lower().encode("utf-8", "surrogatepass").translate(_PLAIN, b"'")
    found: list[bytes] = []
    for part in raw.split():
        if part.isascii():
            found.append(part)
        else:
            found += _remembered_words(part) if len(part) <= _LONGEST_REMEMBERED else _words(part)
    return found


def _words(part: bytes) -> list[bytes]:
    """The words of what stands between ASCII spaces and punctuation, and is not all ASCII."""
    text = part.decode("utf-8", "surrogatepass").replace("\N{RIGHT SINGLE QUOTATION MARK}", "")
    return [word.encode() for word in _WORD.findall(_DIGIT.sub("0", text))]


_remembered_words = lru_cache(maxsize=20_000)(_words)


def pairs_of(words: Sequence[bytes]) -> list[bytes]:
    """Return neighbouring words, the text's start and end being neighbours too; never empty."""
    return [
        left + b" " + right for left, right in zip((_START, *words), (*words, _END), strict=True)
    ]


def word_hash(word: bytes) -> int:
    """32 bits of BLAKE2b: of 5,000 known words one in a million others looks like one of them."""
    one = _copy_hash()
    one.update(word)
    return int.from_bytes(one.digest()[:4], "little")


def slot_of(pair: bytes) -> int:
    """One of `SLOTS` for a pair of words, by BLAKE2b."""
    return word_hash(pair) % SLOTS


@dataclass(frozen=True, slots=True)
class TextCells:
    """n texts as columns by signal, in the coding of `stream.rows.Rows`.

    numbers: length in characters; words, their count; unknown words, the share of the words that
        are outside the vocabulary (0 of a text without words).
    categories: ngrams, the bucket of one pair of words of each text.
    """

    numbers: dict[str, NDArray[np.float64]]
    categories: dict[str, CategoryColumn]


class TextReader:
    """Reads the texts of one input by what its reference knows.

    Args:
        signals: name of the signal of each part; a reference may lack some.
        vocabulary: `word_hash` of each word known, 4 bytes each, little-endian.
        buckets: number of the bucket of each slot, a byte each; empty: all are rare.
    """

    def __init__(
        self, signals: Mapping[TextPart, str], vocabulary: bytes = b"", buckets: bytes = b""
    ) -> None:
        self._signals = dict(signals)
        whole = len(vocabulary) // 4 * 4
        self._unknown = _Unknown(np.frombuffer(vocabulary[:whole], dtype="<u4").tolist())
        rare = len(BUCKETS) - 1
        self._buckets = bytes(min(one, rare) for one in buckets[:SLOTS].ljust(SLOTS, b"\xff"))

    def empty(self) -> TextCells:
        """Return the columns of no texts."""
        return self.read((), np.empty(0, dtype=np.uint64))

    def read(self, texts: Sequence[Any], keys: NDArray[np.uint64]) -> TextCells:
        """Return n texts as cells; None is missing, what is no text of a wrong type.

        Each text shows one of its pairs of words, picked by the row's key: then rows are
        independent of each other, as the chi-square behind PSI needs, and the pick is the same
        whenever the log is read.

        Args:
            texts: (n,).
            keys: `stream.rows.event_hash` of each row's event id, (n,).
        """
        count = len(texts)
        length = np.full(count, np.nan)
        words = np.full(count, np.nan)
        unknown = np.full(count, np.nan)
        codes = np.full(count, MISSING, dtype=np.int32)
        is_unknown, buckets = self._unknown.__getitem__, self._buckets
        for at, (text, key) in enumerate(zip(texts, keys.tolist(), strict=True)):
            if type(text) is not str:
                if text is not None:
                    length[at] = words[at] = unknown[at] = WRONG_NUMBER
                    codes[at] = WRONG_TYPE
                continue
            found = words_of(text)
            many = len(found)
            length[at] = len(text)
            words[at] = many
            unknown[at] = sum(map(is_unknown, found)) / many if many else 0.0
            left = key % (many + 1)
            pair = b"%b %b" % (
                found[left - 1] if left else _START,
                found[left] if left < many else _END,
            )
            codes[at] = buckets[slot_of(pair)]
        numbers: dict[TextPart, NDArray[np.float64]]
        numbers = {"length": length, "words": words, "unknown_words": unknown}
        return TextCells(
            {name: numbers[part] for part, name in self._signals.items() if part in numbers},
            {
                name: CategoryColumn(BUCKETS, codes)
                for part, name in self._signals.items()
                if part not in numbers
            },
        )


def texts_of(column: CategoryColumn) -> list[Any]:
    """Return a column as `TextReader.read` takes it."""
    # The codes of no text, -2 and -1, find their places from the end.
    held = (*column.levels, WRONG_TYPE, None)
    return [held[code] for code in column.codes.tolist()]


class _Unknown(dict[bytes, bool]):
    """Whether a word is outside the vocabulary; remembers those looked up, within bounds."""

    def __init__(self, hashes: Iterable[int]) -> None:
        super().__init__()
        self._known = frozenset(hashes)

    def __missing__(self, word: bytes) -> bool:
        unknown = word_hash(word) not in self._known
        if len(word) <= _LONGEST_REMEMBERED:
            if len(self) >= _MOST_REMEMBERED:
                self.clear()
            self[word] = unknown
        return unknown


def text_readers(signals: Iterable[SignalProfile]) -> dict[str, TextReader]:
    """Return the readers of a reference's text inputs, by name of the input."""
    found: dict[str, dict[TextPart, SignalProfile]] = {}
    for one in signals:
        if one.text is not None:
            found.setdefault(one.text.input, {})[one.text.part] = one
    readers = {}
    for name, parts in found.items():
        sources = [one.text for one in parts.values() if one.text is not None]
        readers[name] = TextReader(
            {part: one.signal for part, one in parts.items()},
            vocabulary=b"".join(source.vocabulary for source in sources),
            buckets=b"".join(source.buckets for source in sources),
        )
    return readers
