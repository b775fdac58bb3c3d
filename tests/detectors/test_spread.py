"""The spread detector: what moves without moving the mean, soon, and quiet on any shape of data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import PageHinkley, Spread
from detectors.autocorrelation import long_run_variance
from detectors.calibration import cusum_thresholds, exponents
from detectors.contract import FloatArray
from detectors.page_hinkley import ALLOWANCES
from detectors.spread import distance
from detectors.standardise import NumberStandardiser, number_scale
from tests.detectors.streams import KINDS, Rng, marks

BETWEEN = 2e4  # rows between false alarms of one signal
REFERENCES = 5
ROWS = 100_000  # with each reference
MOST = 39  # of 25 expected in half a million rows: Poisson, 99.7 %
NUMBERS = sorted(kind for kind in KINDS if kind != "boolean 1 %")


def calibrated(z: FloatArray, between: float, signals: int = 1, on_alarm: str = "hold") -> Spread:
    """For rows like those of the reference z, standardised, as a profile freezes it."""
    root = distance(z)
    centre, scale = float(root.mean()), float(root.std())
    root = (root - centre) / scale
    variance = long_run_variance(root)
    theta = exponents(root, ALLOWANCES, variance)
    h = cusum_thresholds(theta, ALLOWANCES, variance, z.size, between)
    each = np.ones(signals)
    bank = np.repeat(h[None], signals, axis=0)
    return Spread(bank, centre * each, scale * each, on_alarm=on_alarm)  # type: ignore[arg-type]  # a literal


@pytest.mark.parametrize("kind", NUMBERS)
def test_false_alarms_of_quiet_data_are_within_the_budget(kind: str) -> None:
    rng = np.random.default_rng(17)
    found = 0
    for _ in range(REFERENCES):
        reference = KINDS[kind](rng, 10_000)
        standardiser = NumberStandardiser([number_scale(reference)])
        z = standardiser.z(reference[None])[0]
        detector = calibrated(z, BETWEEN, on_alarm="reset")
        detector.update(standardiser.z(KINDS[kind](rng, ROWS)[None]), marks(ROWS))
        found += len(detector.end_pane(0).hits)
    assert found <= MOST


def two_humps(rng: Rng, shape: tuple[int, int]) -> FloatArray:
    """Mean 0 and variance 1 like N(0,1)."""
    humps: FloatArray = np.where(rng.random(shape) < 0.5, -0.9, 0.9)
    return humps + float(np.sqrt(0.19)) * rng.normal(size=shape)


CHANGE, RUNS, LENGTH = 500, 40, 2500
# Change -> the median of rows it may take at one false alarm in a million rows a signal.
CHANGES = {"x 2": 80, "x 1.41": 200, "x 0.71": 280, "humps": 450}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_spread_or_shape_is_seen_soon_and_its_onset_is_near(change: str) -> None:
    rng = np.random.default_rng(5)
    z = rng.normal(size=(RUNS, LENGTH))
    after = z[:, CHANGE:]
    after[:] = two_humps(rng, after.shape) if change == "humps" else after * float(change[2:])
    detector = Spread.textbook(RUNS)
    detector.update(z, marks(LENGTH))
    reading = detector.end_pane(0)
    first = dict(reversed(reading.hits))
    assert reading.alarm.all() and min(first.values()) >= CHANGE
    delay = np.median(list(first.values())) - CHANGE
    assert delay <= CHANGES[change]
    onset = reading.onset[0] // 100  # a row each 100 ms
    assert np.median(np.abs(onset - CHANGE)) <= 0.25 * delay
    assert not reading.direction.any()
    grown = reading.ratio > 1.0
    assert grown.all() if change != "x 0.71" else not grown.any()


def test_the_ratio_is_that_of_the_standard_deviations() -> None:
    rng = np.random.default_rng(3)
    z = rng.normal(size=(200, 600))
    z[:, 100:] *= 2.0
    detector = Spread.textbook(200)
    detector.update(z, marks(600))
    assert np.median(detector.end_pane(0).ratio) == pytest.approx(2.0, abs=0.3)


@pytest.mark.parametrize("shift", [0.25, 0.5, 1.0, 2.0, 3.0])
def test_a_shift_of_the_mean_is_seen_first_by_the_detector_of_means(shift: float) -> None:
    rng = np.random.default_rng(9)
    z = rng.normal(size=(RUNS, LENGTH))
    z[:, CHANGE:] += shift
    first = []
    for detector in (PageHinkley.textbook(RUNS), Spread.textbook(RUNS)):
        detector.update(z, marks(LENGTH))
        rows = np.full(RUNS, LENGTH)
        for s, row in detector.end_pane(0).hits:
            rows[s] = min(rows[s], row)
        first.append(rows)
    mean, spread = first
    assert np.mean(mean <= spread) >= 0.9


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32), factor=st.floats(0.1, 10.0))
def test_it_is_the_bank_of_means_over_the_standardised_distances(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(2, 500))
    z[:, 250:] *= factor
    z[:, ::17] = np.nan
    h = np.full((2, 2, len(ALLOWANCES)), 9.0)
    centre, scale = np.array([0.8, 0.9]), np.array([0.3, 0.4])
    detector, bank = Spread(h, centre, scale), PageHinkley(h)
    detector.update(z, marks(500))
    bank.update((np.sqrt(np.abs(z)) - centre[:, None]) / scale[:, None], marks(500))
    found, expected = detector.end_pane(0), bank.end_pane(0)
    assert found.hits == expected.hits
    assert np.array_equal(found.score, expected.score)
    assert np.array_equal(found.onset, expected.onset)


def test_a_signal_without_thresholds_is_off() -> None:
    h = np.full((2, 2, len(ALLOWANCES)), 9.0)
    h[1] = np.inf
    detector = Spread(h, np.array([0.8, 0.0]), np.array([0.3, 0.0]))
    detector.update(np.full((2, 500), 50.0), marks(500))
    reading = detector.end_pane(0)
    assert reading.alarm.tolist() == [True, False]
    assert reading.score[1] == 0.0 and reading.ratio[1] == 1.0


def test_what_does_not_fit_is_refused() -> None:
    h = np.full((2, 2, len(ALLOWANCES)), 9.0)
    with pytest.raises(ValueError, match="centre has shape"):
        Spread(h, np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match="scale holds 0"):
        Spread(h, np.ones(2), np.array([1.0, 0.0]))
