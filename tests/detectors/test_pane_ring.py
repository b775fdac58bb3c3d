"""Windows of panes and their packed state."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detectors.contract import IntArray
from detectors.moments import Moments
from detectors.packing import pack, unpack
from detectors.pane_ring import PaneRing
from tests.detectors.streams import marks

INT64 = st.integers(-(2**63), 2**63 - 1)


@settings(deadline=None)
@given(values=arrays(np.int64, st.integers(0, 40), elements=st.one_of(st.just(0), INT64)))
def test_signed_integers_survive_packing(values: IntArray) -> None:
    assert np.array_equal(unpack(pack(values, signed=True), values.size, signed=True), values)


@settings(deadline=None)
@given(
    values=arrays(
        np.int64, st.integers(0, 40), elements=st.one_of(st.just(0), st.integers(0, 2**63 - 1))
    )
)
def test_counts_survive_packing(values: IntArray) -> None:
    assert np.array_equal(unpack(pack(values), values.size), values)


@settings(deadline=None)
@given(data=st.binary(max_size=30), count=st.integers(0, 20))
def test_bytes_that_are_no_packed_integers_are_refused_and_nothing_else(
    data: bytes, count: int
) -> None:
    try:
        assert unpack(data, count).size == count
    except ValueError as error:
        assert "does not hold" in str(error)


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="holds -1"):
        pack(np.array([-1]))


@settings(max_examples=60, deadline=None)
@given(
    panes=st.integers(1, 6),
    pushes=st.lists(st.tuples(st.integers(1, 8), st.integers(0, 5)), max_size=20),
)
def test_the_total_is_the_sum_of_the_last_panes(panes: int, pushes: list[tuple[int, int]]) -> None:
    ring = PaneRing(panes, (1,))
    history = {}
    pane = -1
    for gap, count in pushes:
        pane += gap
        history[pane] = count
        ring.push(pane, np.array([count]))
        assert ring.total[0] == sum(c for p, c in history.items() if p > pane - panes)
        for k in range(panes + 1):
            recent = sum(c for p, c in history.items() if p > pane - k)
            assert ring.span(k)[0] == recent
            assert ring.span(panes, k)[0] == ring.total[0] - recent
        copy = PaneRing(panes, (1,))
        copy.restore(ring.state())
        assert copy.state() == ring.state()
        assert np.array_equal(copy.total, ring.total)


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 60), seed=st.integers(0, 2**32))
def test_moments_are_those_of_the_rows_at_any_cut_and_after_a_round_trip(
    cut: int, seed: int
) -> None:
    z = np.random.default_rng(seed).normal(size=(2, 120)) * 3
    z[0, ::7] = np.nan
    moments = Moments(2, panes=2)
    for pane, rows in enumerate((z[:, :60], z[:, 60:])):
        moments.update(rows[:, :cut], marks(cut))
        moved = Moments(2, panes=2)
        moved.restore(moments.state())
        moments = moved
        moments.update(rows[:, cut:], marks(60 - cut))
        moments.end_pane(pane)
    for span, rows in (
        (moments.span(1), z[:, 60:]),
        (moments.span(2, 1), z[:, :60]),
        (moments.span(2), z),
    ):
        assert np.allclose(span.mean, np.nanmean(rows, axis=1), atol=2e-4)
        assert np.allclose(span.sd, np.nanstd(rows, axis=1), atol=1e-3)
        assert np.array_equal(span.n, (~np.isnan(rows)).sum(axis=1))
        assert np.array_equal(span.missing, np.isnan(rows).sum(axis=1))


def test_a_span_without_rows_has_zeros_and_no_nan() -> None:
    span = Moments(2).span(10)
    assert not any(np.any(v) for v in (span.n, span.missing, span.mean, span.sd))


def test_moments_of_one_signal_can_be_cut_or_forgotten() -> None:
    moments = Moments(2)
    for pane in range(3):
        moments.update(np.ones((2, 10)), marks(10))
        moments.end_pane(pane)
    moments.keep_last(np.array([True, False]), 1)
    assert moments.span(60).n.tolist() == [10, 30]
    moments.reset(np.array([False, True]))
    assert moments.span(60).n.tolist() == [10, 0]
