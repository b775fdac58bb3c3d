"""Broken data is named as what it is; a changed world is not."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.quality.model import profile_of
from driftlog.records import Fault, FaultKind, SignalProfile, SignalType, TextSource
from stream.faults import FaultWatch, Look, Usual, recognise
from stream.faults.swapped import swapped
from stream.rows import MISSING, WRONG_NUMBER, WRONG_READABLE, WRONG_TYPE, CategoryColumn, Rows

Values = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Values]

ROWS = 400
LEVELS = ("UA", "AA", "DL", "WN", "other carrier")


def normal(rng: np.random.Generator, n: int) -> Values:
    return rng.normal(1000.0, 200.0, n)


def skewed(rng: np.random.Generator, n: int) -> Values:
    return np.exp(rng.standard_normal(n))


def counted(rng: np.random.Generator, n: int) -> Values:
    return rng.poisson(20.0, n).astype(float)


def celsius(rng: np.random.Generator, n: int) -> Values:
    return np.round(rng.normal(15.0, 8.0, n), 1)


def share(rng: np.random.Generator, n: int) -> Values:
    return rng.beta(5.0, 2.0, n)


def carrier(rng: np.random.Generator, n: int) -> Values:
    return rng.choice(4, n, p=[0.5, 0.25, 0.15, 0.1]).astype(float)


DRAWS: dict[str, Draw] = {
    "normal": normal,
    "skewed": skewed,
    "counted": counted,
    "celsius": celsius,
    "share": share,
}


@cache
def profile(name: str, draw: Draw | None = None) -> SignalProfile:
    """A reference of 10,000 rows; "carrier" is a category."""
    rng = np.random.default_rng(1)
    kind = SignalType.CATEGORY if name == "carrier" else SignalType.NUMBER
    values = carrier(rng, 10_000) if name == "carrier" else (draw or DRAWS[name])(rng, 10_000)
    return profile_of({name: (values, kind)}, {name: LEVELS}).signals[0]


def look(name: str, change: Callable[[Values], Values], seed: int = 2) -> Look:
    """Rows of which all are changed, as the watch hands them to the recognisers."""
    values = change(DRAWS[name](np.random.default_rng(seed), ROWS))
    return watched(profile(name), rows(numbers={name: values}))


def look_at_texts(*texts: str | None, mistyped: int = 0) -> Look:
    levels = tuple(dict.fromkeys(text for text in texts if text is not None))
    codes = [MISSING if text is None else levels.index(text) for text in texts]
    column = CategoryColumn(levels, np.array([*codes, *[WRONG_TYPE] * mistyped], dtype=np.int32))
    return watched(profile("carrier"), rows(texts={"carrier": column}))


def rows(
    numbers: dict[str, Values] | None = None, texts: dict[str, CategoryColumn] | None = None
) -> Rows:
    numbers, texts = numbers or {}, texts or {}
    columns: list[NDArray[Any]] = [*numbers.values(), *(t.codes for t in texts.values())]
    count = len(columns[0])
    return Rows(
        model="m",
        version="1",
        ts_ms=np.arange(count, dtype=np.int64),
        key=np.arange(count, dtype=np.uint64),
        partition=np.zeros(count, dtype=np.int32),
        offset=np.arange(count, dtype=np.int64),
        correlation_id=[""] * count,
        segment=CategoryColumn((), np.full(count, MISSING, dtype=np.int32)),
        numbers=numbers,
        categories=texts,
    )


def watched(one: SignalProfile, held: Rows) -> Look:
    """What the recognisers are shown of a pane."""
    watch = _Showing((one,))
    watch.step(np.array([True]), np.zeros(1, dtype=np.int64), held, None)
    (found,) = watch.shown
    return found


class _Showing(FaultWatch):
    def __init__(self, signals: tuple[SignalProfile, ...]) -> None:
        super().__init__(signals)
        self.shown: list[Look] = []

    def _take(self, i: int, rows: Rows, pick: slice, onset_ms: int) -> Look | None:
        found = super()._take(i, rows, pick, onset_ms)
        if found is not None:
            self.shown.append(found)
        return found


def some(value: float, part: float) -> Callable[[Values], Values]:
    return lambda x: np.where(np.arange(len(x)) % 10 < 10 * part, value, x)


BROKEN: list[tuple[str, Callable[[Values], Values], FaultKind, str]] = [
    ("normal", lambda x: x * 100, FaultKind.UNIT, "is 100 times larger than usual: unit changed?"),
    (
        "skewed",
        lambda x: x / 1000,
        FaultKind.UNIT,
        "is 1,000 times smaller than usual: unit changed?",
    ),
    (
        "counted",
        lambda x: x * 60,
        FaultKind.UNIT,
        "is 60 times larger than usual: minutes to seconds",
    ),
    (
        "normal",
        lambda x: x * 1.609344,
        FaultKind.UNIT,
        "is 1.609 times larger than usual: miles to kilometres?",
    ),
    (
        "normal",
        lambda x: x * 0.3048,
        FaultKind.UNIT,
        "is 3.281 times smaller than usual: feet to metres?",
    ),
    ("share", lambda x: x * 100, FaultKind.UNIT, "is 100 times larger than usual: unit changed?"),
    (
        "celsius",
        lambda x: 1.8 * x + 32,
        FaultKind.TEMPERATURE,
        "looks like Fahrenheit where Celsius was usual",
    ),
    (
        "celsius",
        lambda x: x + 273.15,
        FaultKind.TEMPERATURE,
        "looks like Kelvin where Celsius was usual",
    ),
    ("skewed", np.log, FaultKind.LOGARITHM, "holds the natural logarithm of its usual values"),
    ("normal", np.log10, FaultKind.LOGARITHM, "holds the logarithm to base 10 of its usual values"),
    ("normal", lambda x: -x, FaultKind.SIGN, "has its sign flipped: minus what it usually is"),
    ("normal", lambda x: np.full(len(x), x[0]), FaultKind.STUCK, "feed stuck?"),
    (
        "skewed",
        some(-999.0, 0.3),
        FaultKind.SENTINEL,
        "is -999 in 30% of rows: stands for no value?",
    ),
    ("normal", some(0.0, 0.1), FaultKind.SENTINEL, "is 0 in 10% of rows: stands for no value?"),
    (
        "normal",
        some(1010.5, 0.3),
        FaultKind.DEFAULT,
        "is 1,010.5 in 30% of rows: filled by default?",
    ),
    ("normal", lambda x: np.minimum(x, 1150.0), FaultKind.CLIPPED, "is cut off at 1,150 in"),
    ("share", np.round, FaultKind.ROUNDED, "has no decimals any more: rounded or cut?"),
    ("normal", some(np.nan, 0.3), FaultKind.NULLS, "is null in 0% → 30% of rows"),
    (
        "normal",
        some(np.nan, 1.1),
        FaultKind.VANISHED,
        "is null in all of the last 400 rows: column gone?",
    ),
    (
        "normal",
        some(WRONG_READABLE, 1.1),
        FaultKind.TYPE,
        'is text in all of rows: numbers sent as text, as "1.5"?',
    ),
    (
        "normal",
        some(WRONG_NUMBER, 0.3),
        FaultKind.TYPE,
        "is no number in 30% of rows: type changed?",
    ),
]


@pytest.mark.parametrize(("name", "change", "kind", "words"), BROKEN)
def test_what_broke_is_named_in_plain_words(
    name: str, change: Callable[[Values], Values], kind: FaultKind, words: str
) -> None:
    found = recognise(look(name, change))
    assert found is not None
    assert found.kind is kind and words in found.words


@pytest.mark.parametrize(
    ("texts", "kind", "words"),
    [
        (["UA", "AA", "unknown", "DL"], FaultKind.SENTINEL, 'is "unknown" in 25% of rows'),
        (["UA", "AA", ""], FaultKind.SENTINEL, 'is "" in 33% of rows: stands for no value?'),
        (["AA"], FaultKind.STUCK, 'is "AA" in all of the last 400 rows: feed stuck?'),
        (["ua", "aa", "dl"], FaultKind.FORMAT, "is written another way in 100% of rows"),
        (["UA", "AA", None], FaultKind.NULLS, "is null in 0% → 33% of rows"),
        ([None], FaultKind.VANISHED, "is null in all of the last 400 rows: column gone?"),
    ],
)
def test_texts_break_too(texts: list[str | None], kind: FaultKind, words: str) -> None:
    found = recognise(look_at_texts(*(texts * ROWS)[:ROWS]))
    assert found is not None
    assert found.kind is kind and words in found.words


def test_numbers_where_texts_were_are_another_type() -> None:
    found = recognise(look_at_texts(*["UA", "AA"] * 100, mistyped=200))
    assert found is not None and found.words == "is no text in 50% of rows: type changed?"


DRIFTS: list[tuple[str, Callable[[Values, float], Values]]] = [
    *((name, lambda x, by: x + by * x.std()) for name in DRAWS),
    *((name, lambda x, by: x - by * x.std()) for name in DRAWS),
    ("normal", lambda x, by: 1000 + (1 + by) * (x - 1000)),
    ("celsius", lambda x, by: 15 + (x - 15) / (1 + by)),
    ("counted", lambda x, by: np.floor(x * (1 + by / 4))),
]


@hypothesis_settings(deadline=None, max_examples=150)
@given(
    case=st.sampled_from(DRIFTS),
    by=st.sampled_from([0.25, 0.5, 1.0, 2.0, 3.0]),
    seed=st.integers(0, 1_000_000),
)
def test_a_changed_world_is_no_fault(
    case: tuple[str, Callable[[Values, float], Values]], by: float, seed: int
) -> None:
    name, change = case
    assert recognise(look(name, lambda x: change(x, by), seed)) is None


@pytest.mark.parametrize(
    "texts",
    [
        ["UA", "AA", "DL", "WN", "XX", "UA", "UA", "AA", "UA", "AA"],  # a new level in a tenth
        ["AA", "AA", "DL", "WN"],  # one level gone
        ["WN", "WN", "WN", "DL", "DL", "AA", "UA"],  # the mix turned round
    ],
)
def test_a_new_mix_of_levels_is_no_fault(texts: list[str]) -> None:
    assert recognise(look_at_texts(*(texts * ROWS)[:ROWS])) is None


def test_two_columns_in_each_others_place_name_each_other() -> None:
    distance, counts = profile("normal"), profile("counted")
    rng = np.random.default_rng(5)
    held = rows(numbers={"normal": counted(rng, ROWS), "counted": normal(rng, ROWS)})
    watch = FaultWatch((distance, counts))
    watch.step(np.array([True, True]), np.zeros(2, dtype=np.int64), held, None)
    told = [watch.of(0), watch.of(1)]
    assert [one.words if one else "" for one in told] == [
        "holds the values of counted: columns swapped?",
        "holds the values of normal: columns swapped?",
    ]


def test_two_columns_that_drift_each_their_own_way_are_not_swapped() -> None:
    one, other = look("normal", lambda x: x + 600), look("counted", lambda x: x + 60)
    assert swapped([(0, one), (1, other)]) == {}


# -- over panes -----------------------------------------------------------------------------------


def step(watch: FaultWatch, values: Values, *, moved: bool = True, onset: int = 0) -> Fault | None:
    held = rows(numbers={"normal": values})
    watch.step(np.array([moved]), np.array([onset], dtype=np.int64), held, None)
    return watch.of(0)


def test_of_a_signal_that_has_not_moved_nothing_is_kept() -> None:
    watch = FaultWatch((profile("normal"),))
    values = normal(np.random.default_rng(6), ROWS) * 100
    assert step(watch, values) is not None and watch.state()
    assert step(watch, values, moved=False) is None
    assert watch.state() == []


def test_rows_from_before_the_onset_are_not_looked_at() -> None:
    values = normal(np.random.default_rng(7), ROWS)
    values[200:] *= 100
    assert step(FaultWatch((profile("normal"),)), values) is None
    assert step(FaultWatch((profile("normal"),)), values, onset=200) is not None


def test_few_rows_a_pane_add_up() -> None:
    watch = FaultWatch((profile("normal"),))
    rng = np.random.default_rng(8)
    told = [step(watch, normal(rng, 10) * 100) is not None for _ in range(6)]
    assert not told[0] and told[-1]


@hypothesis_settings(deadline=None, max_examples=20)
@given(cut=st.integers(1, 11), seed=st.integers(0, 100))
def test_a_restart_changes_nothing(cut: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    panes = [rng.normal(1000.0, 200.0, 40) * (60 if i > 4 else 1) for i in range(12)]
    whole, before = FaultWatch((profile("normal"),)), FaultWatch((profile("normal"),))
    told = [step(whole, values) for values in panes]
    again = [step(before, values) for values in panes[:cut]]
    after = FaultWatch((profile("normal"),))
    after.restore(before.state())
    again += [step(after, values) for values in panes[cut:]]
    assert told == again
    assert after.state() == whole.state()


def test_texts_are_kept_within_bounds_and_the_latest_weigh_most() -> None:
    watch = FaultWatch((profile("carrier"),))
    moved, onset = np.array([True]), np.zeros(1, dtype=np.int64)
    for pane in range(40):
        levels = tuple(f"{pane}-{i}" * 200 for i in range(300))
        column = CategoryColumn(levels, np.arange(300, dtype=np.int32))
        watch.step(moved, onset, rows(texts={"carrier": column}), None)
    ((_, _, _, counts, *_),) = watch.state()
    assert len(counts) <= 100 and max(map(len, counts)) <= 100


# -- what a reference knows -----------------------------------------------------------------------


def test_a_reference_knows_its_frequent_values_and_whether_they_are_whole() -> None:
    values = np.where(np.arange(1000) % 4 == 0, 7.0, np.arange(1000) / 3)
    found = profile_of({"x": (values, SignalType.NUMBER)}).signals[0]
    assert found.common == ((7.0, 0.251),)  # 21/3 is 7 as well
    assert found.whole is not None and 0.4 < found.whole < 0.6
    assert Usual(found).share_of(7.0) == 0.251


def test_without_frequent_values_a_bin_says_how_often_one_may_be() -> None:
    old = profile("normal").__class__(
        **{
            name: getattr(profile("normal"), name)
            for name in profile("normal").__struct_fields__
            if name not in ("common", "whole")
        }
    )
    assert 0.05 < Usual(old).share_of(1000.0) < 0.15
    held = rows(numbers={"normal": normal(np.random.default_rng(9), ROWS) * 100})
    found = recognise(watched(old, held))
    assert found is not None and found.kind is FaultKind.UNIT


def test_of_what_is_made_of_a_text_only_its_absence_is_told() -> None:
    source = TextSource(input="normal", part="length")
    made = msgspec.structs.replace(profile("normal"), text=source)
    values = normal(np.random.default_rng(10), ROWS)
    assert recognise(watched(made, rows(numbers={"normal": values * 100}))) is None
    found = recognise(watched(made, rows(numbers={"normal": np.full(ROWS, np.nan)})))
    assert found is not None and found.kind is FaultKind.VANISHED
