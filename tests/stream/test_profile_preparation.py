"""Rows as the detectors take them: the same as cell by cell."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlog.records import Event, ReferenceProfile, SignalProfile, SignalType
from driftlog.settings import ModelSettings
from stream.preparation import Preparation
from stream.profile import profile_of_events
from stream.rows import MISSING, WRONG_TYPE, CategoryColumn

RNG = np.random.default_rng(2)
ROWS = 400
COLUMNS: dict[str, list[Any]] = {
    "constant": [4.25] * ROWS,
    "few": RNG.integers(0, 4, ROWS).tolist(),
    "flag": (RNG.random(ROWS) < 0.2).tolist(),
    "level": RNG.choice(["a", "b", "c"], ROWS, p=[0.7, 0.29, 0.01]).tolist(),
    "one": ["x"] * ROWS,
    "real": RNG.normal(size=ROWS).tolist(),
    "town": [f"t{int(v)}" for v in np.minimum(RNG.zipf(1.3, ROWS), 10**6)],
    "zeros": np.where(RNG.random(ROWS) < 0.8, 0.0, RNG.lognormal(size=ROWS)).tolist(),
}


def _profile() -> ReferenceProfile:
    events = [
        Event(
            event_id=f"e{i}",
            correlation_id="c",
            ts_ms=i * 100,
            model="m",
            version="1",
            inputs=dict(zip(COLUMNS, row, strict=True)),
        )
        for i, row in enumerate(zip(*COLUMNS.values(), strict=True))
    ]
    return profile_of_events(
        events, model="m", version="1", origin="file", models=ModelSettings(), source=""
    )


PROFILE = _profile()
PREPARATION = Preparation(PROFILE.signals)
NUMBERS = st.one_of(
    st.sampled_from([math.nan, math.inf, 0.0, 1.0, 4.25, 3.0, -1.0]),
    st.sampled_from([e for s in PROFILE.signals for e in s.edges]),
    st.floats(allow_nan=False, allow_infinity=False),
)
TEXTS = st.one_of(
    st.sampled_from([MISSING, WRONG_TYPE]),
    st.sampled_from(["a", "b", "c", "x", "new", "t1", "t2", "t3", "t31", "t77", ""]),
)


def _z(signal: SignalProfile, cell: Any) -> float:
    """The rule of one cell, without arrays."""
    if cell in (MISSING, WRONG_TYPE) if isinstance(cell, int) else False:
        return math.nan
    if signal.type is SignalType.CATEGORY:
        at = _level(signal, cell)
        nats = signal.surprise[at]
        if signal.sd == 0:
            return 10.0 if nats > signal.mean else 0.0
        return (nats - signal.mean) / signal.sd
    if not math.isfinite(cell):
        return math.nan
    if signal.sd == 0:
        return 0.0 if cell == signal.mean else math.copysign(10.0, cell - signal.mean)
    low, high = signal.clip
    return (min(max(float(cell), low), high) - signal.mean) / signal.sd


def _level(signal: SignalProfile, level: str) -> int:
    if level in signal.levels:
        return signal.levels.index(level)
    return len(signal.levels) + (level not in signal.other_levels)


def _bin(signal: SignalProfile, cell: Any) -> str:
    if signal.type is SignalType.CATEGORY:
        if cell == MISSING:
            return "missing"
        if cell == WRONG_TYPE:
            return "wrong type"
        at = _level(signal, cell)
        return [*signal.bins[: len(signal.levels)], "other levels", "unseen"][at]
    if math.isnan(cell):
        return "missing"
    if math.isinf(cell):
        return "wrong type"
    return signal.bins[sum(edge <= float(cell) for edge in signal.edges)]


@settings(deadline=None, max_examples=60)
@given(st.data(), st.integers(0, 12))
def test_every_cell_is_prepared_as_if_it_were_alone(data: st.DataObject, n: int) -> None:
    numbers: dict[str, Any] = {}
    categories: dict[str, CategoryColumn] = {}
    cells: dict[str, list[Any]] = {}
    for signal in PROFILE.signals:
        if not data.draw(st.integers(0, 5)):  # a column that has vanished
            absent: Any = MISSING if signal.type is SignalType.CATEGORY else math.nan
            cells[signal.signal] = [absent] * n
        elif signal.type is SignalType.CATEGORY:
            column = data.draw(st.lists(TEXTS, min_size=n, max_size=n))
            cells[signal.signal] = column
            levels = data.draw(st.permutations(list(dict.fromkeys(map(str, column)))))
            codes = [c if isinstance(c, int) else levels.index(c) for c in column]
            categories[signal.signal] = CategoryColumn(
                tuple(levels), np.array(codes, dtype=np.int32)
            )
        else:
            cells[signal.signal] = data.draw(st.lists(NUMBERS, min_size=n, max_size=n))
            numbers[signal.signal] = np.array(cells[signal.signal], dtype=np.float64)
    given_numbers = {name: column.copy() for name, column in numbers.items()}
    prepared = PREPARATION.of_columns(n, numbers, categories)
    assert prepared.z.shape == prepared.bins.shape == prepared.plain.shape == (len(cells), n)
    for s, signal in enumerate(PROFILE.signals):
        expected = np.array([_z(signal, cell) for cell in cells[signal.signal]])
        np.testing.assert_allclose(prepared.z[s], expected, rtol=1e-9, atol=1e-9)
        names = [signal.bins[code] for code in prepared.bins[s]]
        assert names == [_bin(signal, cell) for cell in cells[signal.signal]]
    np.testing.assert_array_equal(prepared.missing, np.isnan(prepared.plain))
    assert not np.isinf(prepared.plain).any()
    for name, column in numbers.items():
        np.testing.assert_array_equal(column, given_numbers[name])


def test_plain_values_are_in_the_signals_own_unit() -> None:
    raw = np.array([-50.0, 0.0, 50.0, np.nan, np.inf])
    prepared = PREPARATION.of_columns(5, {"real": raw, "constant": raw}, {})
    for name in ("real", "constant"):
        s = [one.signal for one in PROFILE.signals].index(name)
        signal = PROFILE.signals[s]
        back = signal.mean + (signal.sd or 1.0) * prepared.plain[s]
        np.testing.assert_allclose(back[:3], raw[:3])
        assert np.isnan(back[3:]).all()


def test_the_references_own_rows_have_the_shares_that_it_says() -> None:
    numbers = {
        name: np.array(column, dtype=np.float64)
        for name, column in COLUMNS.items()
        if not isinstance(column[0], str)
    } | {"error": np.zeros(ROWS)}
    levels = {name: tuple(dict.fromkeys(c)) for name, c in COLUMNS.items() if type(c[0]) is str}
    categories = {
        name: CategoryColumn(known, np.array([known.index(v) for v in COLUMNS[name]], np.int32))
        for name, known in levels.items()
    }
    prepared = PREPARATION.of_columns(ROWS, numbers, categories)
    for s, signal in enumerate(PROFILE.signals):
        counts = np.bincount(prepared.bins[s], minlength=len(signal.bins)) + 0.5
        shares = dict(zip(signal.bins, counts / counts.sum(), strict=True))
        if signal.other_levels:  # levels seen once stand for those never seen
            both = dict(zip(signal.bins, signal.shares, strict=True))
            merged = shares["other levels"] + shares["unseen"]
            assert merged == pytest.approx(both["other levels"] + both["unseen"])
            continue
        assert list(shares.values()) == pytest.approx(list(signal.shares), abs=1e-8)
        assert abs(float(np.nanmean(prepared.z[s]))) < 1e-6
        if signal.sd and signal.type is not SignalType.BOOLEAN:
            assert float(np.nanstd(prepared.z[s])) == pytest.approx(1.0, abs=1e-6)


def test_shares_are_padded_and_sum_to_one() -> None:
    shares = PREPARATION.shares
    assert shares.shape == (len(PROFILE.signals), max(len(s.bins) for s in PROFILE.signals))
    np.testing.assert_allclose(np.nansum(shares, axis=1), 1.0, atol=1e-12)
    assert (~np.isnan(shares)).sum(axis=1).tolist() == [len(s.bins) for s in PROFILE.signals]
    assert PREPARATION.rows.tolist() == [ROWS] * len(PROFILE.signals)


def test_no_signals_and_no_rows_are_no_trouble() -> None:
    assert Preparation([]).of_columns(3, {}, {}).z.shape == (0, 3)
    assert PREPARATION.of_columns(0, {}, {}).bins.shape == (len(PROFILE.signals), 0)
