"""A level that is off for a whole window: told where it is gross, whatever the rows depend on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import LevelShift
from detectors.autocorrelation import long_run_variance
from detectors.calibration import adwin_scale
from detectors.contract import FloatArray, Reading
from detectors.level_shift import block_extremes
from detectors.moments import SpanMoments
from tests.detectors.streams import KINDS, ar1, marks

PANE = 600
PANES = 20


def standardised(x: FloatArray) -> tuple[FloatArray, float, float]:
    return (x - x.mean()) / x.std(), float(x.mean()), float(x.std())


def judge_of(z: FloatArray, level: float = 1e-6) -> LevelShift:
    return LevelShift(
        np.array([long_run_variance(z)]),
        np.array([z.size]),
        level=level,
        skewness=adwin_scale(z),
        blocks=[block_extremes(z)],
        panes=PANES,
    )


def alarms(judge: LevelShift, z: FloatArray) -> list[int]:
    found = []
    for pane in range(z.size // PANE):
        rows = z[None, pane * PANE : (pane + 1) * PANE]
        judge.update(rows, marks(rows.shape[1]))
        if judge.end_pane(pane).alarm[0]:
            found.append(pane)
    return found


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_quiet_rows_raise_nothing_and_a_gross_lasting_shift_does(kind: str) -> None:
    rng = np.random.default_rng(3)
    reference, mean, sd = standardised(KINDS[kind](rng, 20_000))
    quiet = (KINDS[kind](rng, 60_000) - mean) / sd
    assert not alarms(judge_of(reference), quiet)
    assert alarms(judge_of(reference), quiet + 3.0)


def test_a_level_that_wanders_is_quiet_until_it_leaves_what_the_reference_showed() -> None:
    """100,000 rows that hold some hundred independent ones, as the weather of a season."""
    rng = np.random.default_rng(4)
    reference, mean, sd = standardised(ar1(rng, 100_000, 0.998))
    later = (ar1(rng, 200_000, 0.998) - mean) / sd
    assert long_run_variance(reference) > 500
    # The formula for independent rows would have every window of it for a change.
    assert np.abs(later[: PANES * PANE].mean()) > 6 * np.sqrt(1.0 / (PANES * PANE))
    assert not alarms(judge_of(reference), later)
    told = alarms(judge_of(reference), later + 5.0)
    assert told and told[-1] == later.size // PANE - 1


def test_a_cycle_that_the_reference_went_through_is_no_news() -> None:
    """An hour a day at 4 sd, longer than a window: in months of it V hardly shows the cycle."""
    rng = np.random.default_rng(5)
    busy = np.arange(1_200_000) % 240_000 < 10_000
    blocks = block_extremes(rng.normal(size=busy.size) + 4.0 * busy)
    assert max(high for _, _, high in blocks) > 4.0
    known, unknown = (
        LevelShift(np.array([2.0]), np.array([10**7]), blocks=one, panes=PANES)
        for one in ([blocks], None)
    )
    hour = rng.normal(size=PANE * 15) + 4.0
    assert alarms(unknown, hour)
    assert not alarms(known, hour)
    # As far above the peak as the peak is above the rest: news.
    known.reset()
    assert alarms(known, hour + 4.0)


def test_a_few_huge_values_are_no_level() -> None:
    """One of 1e6 among 12,000: the mean is off by 83 sd, that of the clipped values hardly."""
    judge = LevelShift(np.ones(1), np.array([20_000]), panes=PANES)

    def read(clipped: float, mean: float) -> Reading:
        span = SpanMoments(
            np.array([12_000]), np.zeros(1, np.int64), np.array([clipped]), np.ones(1)
        )
        return judge.read(span, np.array([mean]), np.array([PANES]))

    assert read(0.01, 83.0).score[0] == 0.02
    assert not read(0.01, 83.0).alarm[0]
    # Where most rows lie beyond the clip the mean may tell how far: up to twice.
    assert read(1.9, 3.1).score[0] == 3.1
    assert read(-1.9, 3.1).score[0] == 0.0


@pytest.mark.parametrize(("rows", "panes"), [(99, 20), (5_000, 9)])
def test_a_short_while_is_not_lasting(rows: int, panes: int) -> None:
    """Neither fewer than 100 values nor fewer than ten panes of them, however far off."""
    judge = LevelShift(np.ones(1), np.array([10_000]), panes=PANES)
    for pane in range(panes):
        part = np.full((1, rows // panes), 50.0)
        judge.update(part, marks(part.shape[1]))
        assert not judge.end_pane(pane).alarm[0]


def test_a_window_of_few_independent_values_says_nothing() -> None:
    judge = LevelShift(np.array([2_000.0]), np.array([1e6]), panes=PANES)
    assert not alarms(judge, np.full(PANE * PANES, 9.0))  # 12,000 rows stand for six
    assert alarms(LevelShift(np.array([500.0]), np.array([1e6]), panes=PANES), np.full(12_000, 9.0))


@settings(max_examples=50, deadline=None)
@given(
    st.floats(1, 1e4),
    st.floats(1, 10),
    st.integers(100, 10**6),
    st.floats(1e-9, 0.05),
)
def test_less_known_is_never_less_needed(
    variance: float, more: float, rows: int, level: float
) -> None:
    """Threshold by dependence, size of the reference, and level."""
    n, up = np.array([50_000]), np.array([True])

    def threshold(v: float, m: float, a: float) -> float:
        return float(LevelShift(np.array([v]), np.array([m]), level=a).thresholds(n, up)[0])

    base = threshold(variance, rows, level)
    assert base >= 2.0
    assert threshold(variance * more, rows, level) >= base - 1e-9
    assert threshold(variance, max(rows / more, 1.0), level) >= base - 1e-9
    assert threshold(variance, rows, level / more) >= base - 1e-9


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 3_000))
def test_extremes_of_blocks_bound_every_block_and_shrink_with_size(seed: int, rows: int) -> None:
    z = np.random.default_rng(seed).normal(size=rows)
    found = block_extremes(z)
    assert [size for size, _, _ in found] == [64 * 2**j for j in range(len(found))]
    assert bool(found) == (rows >= 320)
    for size, low, high in found:
        means = z[: rows // size * size].reshape(-1, size).mean(axis=1)
        assert low - 1e-9 <= means.min() and means.max() <= high + 1e-9
    lows = [low for _, low, _ in found]
    assert lows == sorted(lows)  # two halves cannot both be above their whole
