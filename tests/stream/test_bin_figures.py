"""Quantiles and levels of a window, from the shares of its bins."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from driftlog.records import SignalProfile, SignalType
from stream.bin_figures import quantiles, top_levels, usual_quantiles
from stream.preparation import Preparation
from stream.profiling.signals import signal_profile
from stream.rows import MISSING, CategoryColumn

UNTIMED = hypothesis.settings(deadline=None)
Floats = NDArray[np.float64]
KINDS = ("normal", "lognormal", "counts", "zeros", "nulls")


def values(kind: str, rng: np.random.Generator, rows: int) -> Floats:
    made: dict[str, Floats] = {
        "normal": rng.normal(1000, 200, rows),
        "lognormal": rng.lognormal(0, 1, rows),
        "counts": rng.poisson(4, rows).astype(float),
        "zeros": np.where(rng.random(rows) < 0.3, 0.0, rng.normal(50, 5, rows)),
        "nulls": np.where(rng.random(rows) < 0.2, np.nan, rng.normal(-7, 2, rows)),
    }
    return made[kind]


@cache
def profile(kind: str) -> SignalProfile:
    return signal_profile(
        "x", "input", SignalType.NUMBER, values(kind, np.random.default_rng(1), 20_000)
    )


def shares(one: SignalProfile, rows: Floats) -> Floats:
    bins = Preparation([one]).of_columns(len(rows), {"x": rows}, {}).bins[0]
    return np.bincount(bins, minlength=len(one.bins)) / len(rows)


def told(one: SignalProfile, rows: Floats) -> list[float | None]:
    return list(quantiles(one, shares(one, rows)))


@pytest.mark.parametrize("kind", KINDS)
def test_of_unchanged_rows_the_quantiles_are_those_of_the_reference(kind: str) -> None:
    one = profile(kind)
    again = values(kind, np.random.default_rng(2), 20_000)
    spread = float(np.nanstd(again))
    for found, usual in zip(told(one, again), usual_quantiles(one), strict=True):
        assert found is not None and usual is not None
        assert found == pytest.approx(usual, abs=0.1 * spread)


@pytest.mark.parametrize(
    ("kind", "shift"),
    [
        *(("normal", shift) for shift in (-0.8, -0.5, 0.3, 0.8)),
        *(("lognormal", shift) for shift in (0.3, 0.8)),  # the other way is out of its range
        *(("nulls", shift) for shift in (-0.5, 0.3, 0.8)),
    ],
)
def test_of_moved_rows_they_are_near_the_truth(kind: str, shift: float) -> None:
    one = profile(kind)
    rows = values(kind, np.random.default_rng(3), 20_000)
    sd = float(np.nanstd(rows))
    rows = rows + shift * sd
    truth = np.nanquantile(rows, [0.05, 0.5, 0.95])
    for found, true in zip(told(one, rows), truth, strict=True):
        assert found == pytest.approx(true, abs=0.3 * sd)


def test_what_lies_beyond_all_that_the_reference_held_is_not_made_up() -> None:
    one = profile("normal")
    rows = values("normal", np.random.default_rng(4), 5_000)
    assert told(one, 100 * rows) == [None, None, None]
    mixed = np.where(np.arange(5_000) % 10 == 0, 1e6, rows)
    low, middle, high = told(one, mixed)
    assert low is not None and middle is not None and high is None


def test_without_a_value_and_without_numbers_there_are_none() -> None:
    assert told(profile("normal"), np.full(10, np.nan)) == []
    flag = signal_profile("f", "input", SignalType.BOOLEAN, (np.arange(100) % 2).astype(np.float64))
    assert usual_quantiles(flag) == () == quantiles(flag, np.array([0, 0.5, 0.5, 0]))
    bare = SignalProfile(
        signal="x", role="input", type=SignalType.NUMBER, rows=9, missing=0, bins=(), shares=()
    )
    assert usual_quantiles(bare) == () == quantiles(bare, np.zeros(0))


@UNTIMED
@given(st.sampled_from(KINDS), st.data())
def test_quantiles_rise_and_stay_within_the_reference_s_range(
    kind: str, data: st.DataObject
) -> None:
    one = profile(kind)
    counts = data.draw(
        st.lists(st.integers(0, 1000), min_size=len(one.bins), max_size=len(one.bins))
    )
    found = quantiles(one, np.array(counts) / max(sum(counts), 1))
    known = [x for x in found if x is not None]
    assert all(a <= b for a, b in pairwise(known))
    assert all(one.edges[0] <= x <= one.edges[-1] for x in known)


def test_the_largest_levels_are_named_with_their_shares() -> None:
    names = ("UA", "AA", "DL", "B6", "WN", "AS")
    codes = np.repeat([0, 1, 2, 3, 4, 5, MISSING], [40, 20, 10, 9, 8, 3, 10]).astype(np.int32)
    one = signal_profile("x", "input", SignalType.CATEGORY, CategoryColumn(names, codes))
    found = top_levels(one, np.array(one.shares))
    assert list(found) == ["UA", "AA", "DL", "B6", "WN"]
    assert found["UA"] == pytest.approx(0.4, abs=0.02)
    assert top_levels(profile("normal"), np.array(profile("normal").shares)) == {}
