"""How sure an onset is: nine of ten true changes lie within the interval."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import PSI, PageHinkley
from detectors.autocorrelation import long_run_variance
from detectors.calibration import cusum_thresholds, exponents
from detectors.change_point import changed_panes, half_width
from detectors.contract import FloatArray
from detectors.page_hinkley import ALLOWANCES

SHARES = np.full(8, 1 / 8)
CHANGE = 2_000


def quiet(rng: np.random.Generator, signals: int, rows: int, phi: float) -> FloatArray:
    noise = rng.normal(size=(signals, rows)) * np.sqrt(1 - phi * phi)
    noise[:, 0] /= np.sqrt(1 - phi * phi)
    for i in range(1, rows):
        noise[:, i] += phi * noise[:, i - 1]
    return np.asarray(noise)


@pytest.mark.parametrize(("shift", "phi"), [(0.25, 0.0), (0.5, 0.0), (1.0, 0.0), (1.0, 0.8)])
def test_the_change_lies_within_the_interval_of_a_cusum_in_nine_runs_of_ten(
    shift: float, phi: float
) -> None:
    rng = np.random.default_rng(3)
    before = quiet(rng, 1, 50_000, phi)[0]
    variance = long_run_variance(before)
    theta = exponents(before, ALLOWANCES, variance)
    h = cusum_thresholds(theta, ALLOWANCES, variance, before.size, 1e6)
    signals = 200
    z = quiet(rng, signals, CHANGE + 3_000, phi)
    z[:, CHANGE:] += shift
    bank = PageHinkley(np.repeat(h[None], signals, axis=0), ALLOWANCES)
    at = np.zeros((3, z.shape[1]), dtype=np.int64)
    at[2] = np.arange(z.shape[1])
    bank.update(z, at)
    reading = bank.end_pane(0)
    first = dict(reversed(reading.hits))
    within = []
    for signal, row in first.items():
        if row < CHANGE:
            continue
        onset = int(reading.onset[2, signal])
        measured = z[signal, onset : row + 1].mean(keepdims=True)
        width = half_width(measured, np.array([variance]))[0]
        within.append(abs(onset - CHANGE) <= width)
    assert len(within) > 150
    assert 0.84 <= np.mean(within) <= 0.99


def test_twice_the_shift_is_four_times_as_sure_and_dependence_costs_its_variance() -> None:
    one = half_width(np.array([0.5, 0.25, 0.5]), np.array([1.0, 1.0, 9.0]))
    assert one[1] == pytest.approx(4 * one[0])
    assert one[2] == pytest.approx(9 * one[0])


def test_no_interval_is_shorter_than_a_row_and_none_is_endless() -> None:
    assert half_width(np.array([1e6]), np.ones(1)) == 1.0
    assert np.isfinite(half_width(np.zeros(1), np.ones(1))).all()


@pytest.mark.parametrize("rows", [60, 600])
def test_the_pane_of_a_change_of_bins_lies_among_the_likely_ones(rows: int) -> None:
    rng = np.random.default_rng(5)
    found, lengths = [], []
    for _ in range(400):
        since = int(rng.integers(15, 45))
        # So small that the best pane is often not the true one.
        other = SHARES + np.where(np.arange(8) < 4, 1, -1) * 0.009 * np.sqrt(600 / rows)
        usual = rng.multinomial(rows, SHARES, size=60 - since)
        panes = np.concatenate([rng.multinomial(rows, other, size=since), usual])
        likely = changed_panes(panes, SHARES)
        found.append(likely.fewest <= since <= likely.most)
        lengths.append(likely.most - likely.fewest)
    assert np.mean(lengths) >= 2
    assert 0.84 <= np.mean(found) <= 0.99


def test_autocorrelation_makes_more_panes_likely() -> None:
    rng = np.random.default_rng(6)
    other = np.array([0.17, 0.13, 0.125, 0.125, 0.125, 0.125, 0.1, 0.1])
    usual = rng.multinomial(200, SHARES, size=40)
    counts = np.concatenate([rng.multinomial(200, other, size=20), usual])
    independent, dependent = changed_panes(counts, SHARES), changed_panes(counts, SHARES, 9.0)
    assert independent.best == dependent.best
    assert dependent.fewest <= independent.fewest <= independent.best
    assert independent.best <= independent.most <= dependent.most
    assert dependent.most - dependent.fewest > independent.most - independent.fewest


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 1000), min_size=4, max_size=4), min_size=1, max_size=20))
def test_there_is_an_answer_for_whatever_a_window_holds(counts: list[list[int]]) -> None:
    found = changed_panes(np.array(counts, dtype=np.int64), np.full(4, 0.25))
    assert 1 <= found.fewest <= found.best <= found.most <= len(counts)


def test_a_window_names_the_pane_since_which_its_bins_differ() -> None:
    rng = np.random.default_rng(7)
    psi = PSI.textbook(2)
    for pane in range(30):
        if pane == 15:
            continue  # a pane without rows takes its place all the same
        p = np.full((2, 12), 1 / 12)
        if pane >= 20:
            p[1, :6], p[1, 6:] = 1 / 18, 1 / 9
        codes = np.stack([rng.choice(12, size=400, p=one) for one in p]).astype(np.int16)
        psi.update(codes, np.zeros((3, 400), dtype=np.int64))
        psi.end_pane(pane)
    found = psi.changed_panes(1)
    assert (found.best, found.fewest <= 10 <= found.most) == (10, True)
    assert found.most - found.fewest <= 2
