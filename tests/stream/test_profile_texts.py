"""A reference of free text: told from identifiers, held apart from what it was made of, small."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest

from driftlog.records import REFERENCE, TEXT_PARTS, Event, ReferenceProfile, SignalType
from driftlog.settings import ModelSettings
from stream.calibration_check import check_budget
from stream.preparation import Preparation
from stream.profile import profile_of_events
from stream.profiling.columns import columns_of
from stream.profiling.exclusion import is_free_text
from stream.profiling.prose import is_prose
from stream.sample import sample_of_columns, sample_of_events
from stream.texts import text_readers
from tests.stream.event_log import settings
from tests.stream.sentences import notes, text_events
from tests.stream.test_profile_columns import cells

RNG = np.random.default_rng(6)
ROWS = 600
HEX = [hashlib.sha256(b"%d" % at).hexdigest() for at in range(ROWS)]
PLAIN = ModelSettings()


def profile_of(events: list[Event], models: ModelSettings = PLAIN) -> ReferenceProfile:
    return profile_of_events(events, model="support", version="1", origin="file", models=models)


def inputs(profile: ReferenceProfile) -> set[str]:
    return {one.signal for one in profile.signals if one.role == "input"}


def changed(column: list[Any], name: str = "note") -> list[Event]:
    events = text_events(["-"] * len(column))
    return [
        msgspec.structs.replace(event, inputs={"age": event.inputs["age"], name: value})
        for event, value in zip(events, column, strict=True)
    ]


TEXTS = notes(3_000, seed=1)
SEVERAL = notes(400, 4)
FOUR = {f"input.note.{part}" for part in TEXT_PARTS}


@cache
def of_texts() -> ReferenceProfile:
    return profile_of(text_events(TEXTS))


def test_free_text_is_four_signals_of_one_input_by_itself() -> None:
    assert inputs(of_texts()) == FOUR | {"age"}
    assert not of_texts().excluded
    by_part = {one.text.part: one for one in of_texts().signals if one.text is not None}
    assert {one.text.input for one in by_part.values() if one.text} == {"note"}
    assert by_part["length"].mean == pytest.approx(np.mean([len(t) for t in TEXTS]), rel=0.02)
    assert 0.01 < by_part["unknown_words"].mean < 0.3  # the names
    assert by_part["ngrams"].type is SignalType.CATEGORY
    assert set(by_part["ngrams"].levels) <= {*(f"bucket {n:02}" for n in range(1, 12)), "rare"}


@pytest.mark.parametrize(
    "column",
    [
        HEX,
        [f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:32]}" for h in HEX],
        [" ".join(h[at : at + 4] for at in range(0, 24, 4)) for h in HEX],
        [f"GB29 NWBK {int(h[:4], 16):05} {int(h[4:8], 16):05}" for h in HEX],
        [f"+49 30 {int(h[:5], 16):07}" for h in HEX],
        [f"order {int(h[:6], 16)} of the year 2024" for h in HEX],
        [f"https://shop.example/{h}?from=news" for h in HEX],
        [f"{h[:9]}@mail.example" for h in HEX],
        ["".join(RNG.choice(list("行李丢了航班"), 3)) + h[:2] for h in HEX],
    ],
    ids=["hex", "uuid", "blocks", "iban", "phone", "pattern", "url", "mail", "short names"],
)
def test_identifiers_stay_out(column: list[str]) -> None:
    found = profile_of(changed(column))
    assert inputs(found) == {"age"}
    assert "identifiers" in found.excluded["note"]


@pytest.mark.parametrize(
    "column",
    [
        notes(ROWS, 2, "language"),
        notes(ROWS, 2, "topic"),
        ["".join(RNG.choice(list("行李丢了航班晚点我们很失望谢谢"), 16)) for _ in range(ROWS)],
        [None if at % 3 else text for at, text in enumerate(notes(ROWS, 3))],
        [SEVERAL[at] for at in RNG.integers(0, 400, ROWS)],  # some come twice
    ],
    ids=["german", "banking", "chinese", "nulls", "repeated"],
)
def test_prose_of_any_language_is_text(column: list[Any]) -> None:
    assert inputs(profile_of(changed(column))) == FOUR | {"age"}


def test_levels_of_several_words_stay_levels() -> None:
    names = [" ".join(text.split()[:6]) for text in notes(40, 5)]
    column = [names[at] for at in RNG.integers(0, 40, 70)]
    assert is_prose(column)
    assert not is_free_text(cells(column))
    assert inputs(profile_of(changed(column))) == {"age", "note"}


def test_settings_say_what_is_text_and_what_is_not() -> None:
    few = ["late", "early", "on time", "7"] * 50
    text = profile_of(changed([*few, 7, True]), ModelSettings(types={"note": "text"}))
    assert inputs(text) == FOUR | {"age"}
    lengths = next(one for one in text.signals if one.signal == "input.note.length")
    assert lengths.missing == 0.0  # by hand: numbers are read as texts
    category = profile_of(changed(TEXTS[:300]), ModelSettings(types={"note": "category"}))
    assert inputs(category) == {"age", "note"}
    out = profile_of(changed(TEXTS[:300]), ModelSettings(exclude=("note",)))
    assert inputs(out) == {"age"}
    chosen = profile_of(changed(TEXTS[:300]), ModelSettings(include=("note",)))
    assert inputs(chosen) == FOUR


def test_signals_that_would_be_called_like_another_input_are_none() -> None:
    events = [
        msgspec.structs.replace(
            event, inputs={"input.a": event.inputs["note"], "input.a.words": 1.0, "b": 2.0}
        )
        for event in text_events(TEXTS[:300])
    ]
    found = profile_of(events)
    assert inputs(found) == {"input.input.a.words", "b"}
    assert "input.input.a.words" in found.excluded["input.a"]


def test_the_share_of_unknown_words_is_that_of_rows_to_come() -> None:
    """By the rows that the vocabulary was made of itself it would be far too low."""
    rows = 3_000
    many = [f"w{''.join(chr(97 + int(c)) for c in str(at))}" for at in range(20_000)]

    def zipf(seed: int) -> list[str]:
        rng = np.random.default_rng(seed)
        picks = np.minimum(rng.zipf(1.15, (rows, 15)), len(many)) - 1
        return [" ".join(many[int(at)] for at in row) for row in picks]

    reference = profile_of(text_events(zipf(1)))
    shape = {one.text.part: one for one in reference.signals if one.text is not None}
    later = text_readers(reference.signals)["note"].read(
        zipf(2), np.random.default_rng(1).integers(0, 2**62, rows).astype(np.uint64)
    )
    unknown = later.numbers["input.note.unknown_words"]
    expected = shape["unknown_words"]
    error = expected.sd / (rows / 2) ** 0.5
    assert abs(unknown.mean() - expected.mean) < 5 * error
    seen = later.categories["input.note.ngrams"]
    names = [seen.levels[code] for code in seen.codes]
    shares = dict(zip(shape["ngrams"].bins, shape["ngrams"].shares, strict=True))
    chi = sum(
        (names.count(bucket) / rows - share) ** 2 / share
        for bucket, share in shares.items()
        if share > 0.002
    )
    assert chi * rows / 3 < 35  # (1/n + 1/m) with m half of n; chi-square, 11 df, .001


def test_a_reference_holds_no_word_and_stays_small() -> None:
    raw = REFERENCE.encode(of_texts())
    assert REFERENCE.decode(raw) == of_texts()
    assert b"wonderful" not in raw and b"refund" not in raw
    many = [" ".join(f"x{at}y{k}".translate(LETTERS) for k in range(20)) for at in range(900)]
    large = profile_of(text_events([" ".join([text] * 5) for text in many]))
    assert inputs(large) == FOUR | {"age"}
    assert 20_000 < len(REFERENCE.encode(large)) < 60_000


LETTERS = str.maketrans("0123456789", "abcdefghij")


def test_the_same_rows_in_any_order_make_the_same_reference() -> None:
    events = text_events(TEXTS[:500])
    assert profile_of(events[::-1]) == profile_of(events)


def test_a_sample_has_the_cells_of_the_stream() -> None:
    events = text_events([*TEXTS[:200], None, ""])
    sample = sample_of_events(events, of_texts(), PLAIN)
    prepared = sample.prepared(Preparation(of_texts().signals), np.arange(202, dtype=np.intp))
    at = [one.signal for one in of_texts().signals].index("input.note.length")
    assert prepared.missing[at].tolist() == [False] * 200 + [True, False]
    assert sample.numbers["input.note.length"][:3].tolist() == [len(t) for t in TEXTS[:3]]


def test_the_budget_is_kept_on_free_text() -> None:
    sample = sample_of_columns(columns_of(text_events(TEXTS)), of_texts(), PLAIN, own=True)
    assert 0.45 < len(sample) / len(TEXTS) < 0.55  # the others taught the reference its words
    check = check_budget(of_texts(), sample, settings(detection__expected_rate=50.0), rows=60_000)
    assert check.runs[-1].incidents == 0
    assert check.runs[0].incidents <= check.runs[0].expected
