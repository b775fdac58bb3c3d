"""Thresholds solved from a reference keep false alarms in their budget, and still see drift."""

import numpy as np
import pytest

from detectors import ADWIN, PageHinkley
from detectors.autocorrelation import indicator_inflation, long_run_variance
from detectors.calibration import (
    adwin_log_inv_delta,
    adwin_scale,
    chi_square_levels,
    cusum_thresholds,
    exponents,
)
from detectors.contract import FloatArray
from detectors.page_hinkley import ALLOWANCES
from detectors.standardise import NumberStandardiser, number_scale
from tests.detectors.streams import KINDS, Rng, ar1, marks

BETWEEN = 2e4  # rows between false alarms of one signal
REFERENCES = 5
ROWS = 200_000  # with each reference
MOST = 70  # of 50 expected in a million rows: Poisson, 99.7 %


def thresholds(z: FloatArray, between: float) -> FloatArray:
    variance = long_run_variance(z)
    theta = exponents(z, ALLOWANCES, variance)
    return cusum_thresholds(theta, ALLOWANCES, variance, z.size, between)


def adwin_for(z: FloatArray, between: float, signals: int = 1) -> ADWIN:
    law = adwin_log_inv_delta(between, long_run_variance(z))
    return ADWIN(np.full(signals, law), scale=adwin_scale(z))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_false_alarms_of_quiet_data_are_within_the_budget(kind: str) -> None:
    rng = np.random.default_rng(17)
    cusum = adwin = 0
    for _ in range(REFERENCES):
        reference = KINDS[kind](rng, 10_000)
        standardiser = NumberStandardiser([number_scale(reference)])
        z = standardiser.z(reference[None])[0]
        bank = PageHinkley(thresholds(z, BETWEEN)[None], on_alarm="reset")
        windows = adwin_for(z, BETWEEN)
        quiet = standardiser.z(KINDS[kind](rng, ROWS)[None])
        bank.update(quiet, marks(ROWS))
        windows.update(quiet, marks(ROWS))
        cusum += len(bank.end_pane(0).hits)
        adwin += len(windows.end_pane(0).hits)
    assert cusum <= MOST
    assert adwin <= MOST


def first_hits(rng: Rng, d: float, between: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Delays of both detectors over 200 runs, and the onset errors of the bank, in rows."""
    reference = rng.normal(size=100_000)
    change, runs = 4011, 200
    rows = change + int(8 * np.log(between) / d**2)
    z = rng.normal(size=(runs, rows))
    z[:, change:] += d
    h = thresholds(reference, between)
    bank = PageHinkley(np.broadcast_to(h, (runs, *h.shape)))
    windows = adwin_for(reference, between, runs)
    delays = []
    for detector in (bank, windows):
        detector.update(z[:, :change], marks(change))
        detector.end_pane(0)
        detector.update(z[:, change:], marks(rows - change, change))
        reading = detector.end_pane(1)
        if detector is bank:
            onsets = reading.onset[0] / 100 - change
        first = np.full(runs, float(rows))
        for s, row in reversed(reading.hits):
            first[s] = row + 1
        delays.append(first)
    return delays[0], delays[1], onsets


@pytest.mark.parametrize("d", [0.25, 0.5, 1.0])
def test_a_shift_is_seen_near_the_least_delay_there_is(d: float) -> None:
    between = 1e6
    least = 2 * np.log(between) / d**2
    cusum, adwin, onsets = first_hits(np.random.default_rng(5), d, between)
    assert 0.5 * least < cusum.mean() < 1.3 * least
    assert adwin.mean() < 1.3 * least + 32
    assert np.median(np.abs(onsets)) < 0.15 * cusum.mean()


def test_long_run_variance_is_one_for_independent_values_and_19_for_ar1_of_nine_tenths() -> None:
    rng = np.random.default_rng(1)
    assert long_run_variance(rng.normal(size=100_000)) == pytest.approx(1.0, abs=0.1)
    assert long_run_variance(ar1(rng, 100_000, 0.9)) == pytest.approx(19.0, rel=0.2)
    assert long_run_variance(ar1(rng, 2_000, 0.9)) == pytest.approx(19.0, rel=0.35)


def wandering(rng: Rng, rows: int, day: int, sd: float) -> FloatArray:
    """Values whose mean is drawn anew each day of so many rows, as calls in campaigns are."""
    level = np.repeat(rng.normal(size=-(-rows // day)) * sd, day)[:rows]
    values: FloatArray = (rng.normal(size=rows) + level) / np.sqrt(1 + sd * sd)
    return values


def test_a_mean_that_wanders_from_day_to_day_is_seen_in_a_reference_of_ten_days() -> None:
    rng = np.random.default_rng(8)
    true = (1 + 0.25 * 200) / 1.25
    found = [long_run_variance(wandering(rng, 2_000, 200, 0.5)) for _ in range(60)]
    # Blocks of at most 40 rows, and the correlation of neighbours, tell a fifteenth of it.
    assert 0.5 * true < np.median(found) < 2 * true
    assert np.quantile(found, 0.1) > 0.2 * true


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"AR(1) .8"}))
def test_few_long_blocks_prove_nothing_of_independent_values(kind: str) -> None:
    rng = np.random.default_rng(9)
    found = []
    for rows in [2_000] * 150 + [20_000] * 50:
        reference = KINDS[kind](rng, rows)
        z = NumberStandardiser([number_scale(reference)]).z(reference[None])[0]
        found.append(long_run_variance(z))
    assert sum(v > 2 for v in found) <= 7  # 1 % of 200, and the luck of the draw


@pytest.mark.parametrize("z", [np.array([]), np.array([np.nan]), np.zeros(100), np.array([1.0])])
def test_a_reference_that_says_nothing_has_usable_thresholds(z: FloatArray) -> None:
    assert long_run_variance(z) == 1.0
    h = thresholds(z, 1e6)
    assert (h > 0).all() and np.isfinite(h[:, -1]).all()
    assert adwin_scale(z) == 1.0


def test_clipping_leaves_thirty_rows_beyond_and_a_thousandth_of_a_small_reference() -> None:
    rng = np.random.default_rng(4)
    for rows, beyond in ((1_000, 1), (10_000, 10), (50_000, 30), (100_000, 30), (400_000, 120)):
        reference = rng.normal(size=rows)
        scale = number_scale(reference)
        for clipped in (reference < scale.low, reference > scale.high):
            assert np.count_nonzero(clipped) == pytest.approx(beyond, abs=1)


def test_a_large_shift_is_not_clipped_away() -> None:
    rng = np.random.default_rng(6)
    between, d, runs = 1e6, 3.0, 2_000
    reference = rng.normal(size=100_000)
    standardiser = NumberStandardiser([number_scale(reference)])
    h = thresholds(standardiser.z(reference[None])[0], between)
    bank = PageHinkley(np.broadcast_to(h, (runs, *h.shape)))
    scales = NumberStandardiser([number_scale(reference)] * runs)
    bank.update(scales.z(rng.normal(size=(runs, 300))), marks(300))
    bank.end_pane(0)
    bank.update(scales.z(rng.normal(size=(runs, 40)) + d), marks(40, 300))
    first = dict(reversed(bank.end_pane(1).hits))
    assert len(first) == runs
    # The thresholds' own T is some three times the nominal one: 1.5 of the yardstick at that.
    assert np.mean(list(first.values())) + 1 < 1.5 * 2 * np.log(3 * between) / d**2


def test_a_changed_constant_alarms_within_three_rows() -> None:
    scale = number_scale(np.full(10_000, 5.0))
    standardiser = NumberStandardiser([scale])
    bank = PageHinkley(thresholds(standardiser.z(np.full((1, 10_000), 5.0))[0], 1e8)[None])
    x = np.full((1, 100), 5.0)
    x[0, 60:] = 5.1
    bank.update(standardiser.z(x), marks(100))
    reading = bank.end_pane(0)
    assert 60 <= reading.hits[0][1] <= 62
    assert reading.onset[0, 0] == 6000


def test_thresholds_grow_with_the_budget_skewness_and_correlation() -> None:
    rng = np.random.default_rng(3)
    h = {}
    for kind in ("normal", "lognormal", "AR(1) .8"):
        reference = KINDS[kind](rng, 100_000)
        z = NumberStandardiser([number_scale(reference)]).z(reference[None])[0]
        h[kind] = thresholds(z, 1e6)
        assert (thresholds(z, 1e8) >= h[kind]).all()
    assert (h["lognormal"][0] > h["normal"][0]).all()  # the long tail is above
    assert (h["AR(1) .8"] > 2 * h["normal"]).all()


def test_allowances_within_the_error_of_the_reference_are_dropped() -> None:
    z = np.random.default_rng(3).normal(size=1000)
    h = cusum_thresholds(exponents(z, ALLOWANCES, 1.0), ALLOWANCES, 1.0, z.size, 1e6)
    smallest = 3 / np.sqrt(1000)
    assert np.array_equal(np.isinf(h[0]), np.array(ALLOWANCES) < smallest)


def test_budgets_of_a_month_have_finite_thresholds() -> None:
    z = np.random.default_rng(3).normal(size=100_000)
    assert np.isfinite(thresholds(z, 1e12)).all()
    assert 18 < adwin_log_inv_delta(1e12, 1.0) < 22
    assert adwin_log_inv_delta(1e12, 1e6) == pytest.approx(300 * np.log(10))


def test_inflation_of_bin_shares_is_one_when_independent_and_several_when_not() -> None:
    rng = np.random.default_rng(1)
    independent = rng.integers(0, 12, size=50_000).astype(np.int16)
    assert 1.0 <= indicator_inflation(independent) < 1.5
    values = ar1(rng, 50_000, 0.9)
    deciles = np.searchsorted(np.quantile(values, np.arange(1, 10) / 10), values)
    assert indicator_inflation(deciles.astype(np.int16)) > 3
    # A rate that is set once a day: the reference holds ten days, not 2,000 rows.
    daily = np.repeat(np.arange(10) % 5, 200).astype(np.int16)
    assert indicator_inflation(daily) > 100
    assert indicator_inflation(np.zeros(100, dtype=np.int16)) == 1.0
    assert indicator_inflation(np.array([], dtype=np.int16)) == 1.0


def test_chi_square_levels_reach_far_into_the_tail() -> None:
    table = chi_square_levels(np.array([1e-3, 1e-12]), 40)
    assert np.isfinite(table).all()
    assert (np.diff(table, axis=1) > 0).all() and (table[1] > table[0]).all()
