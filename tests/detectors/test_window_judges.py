"""Kolmogorov-Smirnov, Jensen-Shannon, Wasserstein and chi-square: told by scipy and by chance."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2, chi2_contingency, ks_2samp, wasserstein_distance

from detectors import PSI, ChiSquare, JensenShannon, KolmogorovSmirnov, Wasserstein
from detectors.autocorrelation import indicator_inflation, long_run_variance, ordered_inflation
from detectors.bins import number_bins
from detectors.contract import FloatArray, IntArray
from detectors.encoding import NumberEncoder
from detectors.window_judge import WindowJudge
from tests.detectors.streams import KINDS, ar1, marks

UNTIMED = run(deadline=None, max_examples=25)
M = 10_000
CENTRES = np.array([[-1.5, -0.7, 0.0, 0.8, 1.6, np.nan]])
FIVE = np.array([[0.2, 0.2, 0.2, 0.2, 0.19, 0.01]])  # five bins of values, and missing
ORDERED = np.array([5])


def ks(**options: float) -> KolmogorovSmirnov:
    return KolmogorovSmirnov(FIVE, np.array([M]), ORDERED, **options)  # type: ignore[arg-type]  # passed on


def distance(**options: float) -> Wasserstein:
    return Wasserstein(FIVE, np.array([M]), ORDERED, CENTRES, **options)  # type: ignore[arg-type]  # passed on


windows = st.lists(st.integers(0, 400), min_size=6, max_size=6).filter(lambda c: sum(c[:5]) >= 30)


@UNTIMED
@given(windows)
def test_at_the_bins_they_are_the_classical_distances(counts: list[int]) -> None:
    """Of values that stand at the centres of their bins, scipy says the same."""
    now = np.repeat(CENTRES[0, :5], counts[:5])
    usual = np.repeat(CENTRES[0, :5], [2000, 2000, 2000, 2000, 1900])
    window = np.array([counts])
    assert ks().read(window).score[0] == pytest.approx(ks_2samp(now, usual).statistic)
    expected = wasserstein_distance(now, usual)
    assert distance().read(window).score[0] == pytest.approx(expected, abs=1e-12)


@UNTIMED
@given(windows.filter(lambda c: min(c) >= 10))
def test_bins_that_are_all_well_filled_are_compared_as_by_scipy(counts: list[int]) -> None:
    window, shares = np.array([counts]), np.array([[0.2, 0.2, 0.2, 0.2, 0.1, 0.1]])
    q = window[0] / window.sum()
    bits = jensenshannon(q, shares[0], base=2) ** 2
    assert JensenShannon(shares, np.array([M])).read(window).score[0] == pytest.approx(bits)
    told = chi2_contingency([counts, shares[0] * M], correction=False)
    judge = ChiSquare(shares, np.array([M]), level=1e-3)
    reading = judge.read(window)
    assert reading.score[0] == pytest.approx(told.statistic)
    assert reading.threshold[0] == pytest.approx(chi2.isf(1e-3, 5))
    assert judge.p_value(window)[0] == pytest.approx(told.pvalue, rel=1e-6, abs=1e-280)


def test_on_raw_values_bins_hide_little() -> None:
    """Both are at most the classical distances, and by a tenth or so less."""
    rng = np.random.default_rng(3)
    usual = rng.normal(size=20_000)
    for shift in (0.0, 0.2, 0.5, 1.0):
        now = rng.normal(shift, 1.0, size=5_000)
        reference = Reference(usual)
        window = reference.counts(now[None])
        classical = ks_2samp(now, usual).statistic
        score = reference.judges(1, 1e-3)["kolmogorov_smirnov"].read(window).score[0]
        assert classical - 0.06 < score <= classical + 1e-12
        clipped = np.clip(now, *np.quantile(usual, [0.001, 0.999]))
        score = reference.judges(1, 1e-3)["wasserstein"].read(window).score[0]
        classical = wasserstein_distance(clipped, usual)
        assert 0.88 * classical - 0.02 < score < classical + 0.02


def test_a_shift_of_the_mean_is_told_in_standard_deviations_less_what_bins_hide() -> None:
    rng = np.random.default_rng(4)
    reference = Reference(40.0 + 7.0 * rng.normal(size=20_000))
    window = reference.counts(40.0 + 7.0 * rng.normal(0.5, 1.0, size=(1, 20_000)))
    assert reference.judges(1, 1e-3)["wasserstein"].read(window).score[0] == pytest.approx(
        0.45, abs=0.02
    )


@pytest.mark.parametrize("missing", [0, 900])
def test_missing_values_are_not_the_business_of_ordered_distances(missing: int) -> None:
    window = np.array([[40, 40, 40, 40, 38, missing]])
    for judge in (ks(), distance()):
        reading = judge.read(window)
        assert reading.score[0] < 1e-12 and not reading.alarm[0]


def test_a_level_that_the_reference_lacks_has_a_finite_divergence_of_one_at_most() -> None:
    shares = np.array([[0.5, 0.4999, 0.0001]])
    judge = JensenShannon(shares, np.array([M]))
    all_new = judge.read(np.array([[0, 0, 500]]))
    assert 0.99 < all_new.score[0] <= 1.0 and all_new.alarm[0]
    assert not judge.read(np.array([[250, 250, 0]])).alarm[0]


def test_signals_without_an_order_are_not_watched_by_ordered_distances() -> None:
    shares, rows = np.repeat(FIVE, 2, axis=0), np.full(2, M)
    judge = KolmogorovSmirnov(shares, rows, np.array([5, 0]))
    assert judge.watched.tolist() == [True, False]
    reading = judge.read(np.array([[0, 0, 0, 0, 500, 0]] * 2))
    assert reading.alarm.tolist() == [True, False]
    assert reading.score[1] == 0.0 and reading.threshold[1] == 1.0


def test_a_threshold_set_by_hand_is_taken_as_it_is() -> None:
    window = np.array([[30, 40, 40, 40, 48, 0]])
    score = float(ks().read(window).score[0])
    for fixed, alarm in ((score, True), (1.01 * score, False)):
        judge = KolmogorovSmirnov(FIVE, np.array([M]), ORDERED, fixed=np.array([fixed]))
        reading = judge.read(window)
        assert reading.threshold[0] == fixed and reading.alarm[0] == alarm
    # A PSI by hand is compared with the PSI itself.
    psi = PSI(FIVE, np.array([M]), fixed=np.array([0.02])).read(window)
    assert psi.score[0] == psi.psi[0] and psi.threshold[0] == 0.02
    # Too few rows say nothing, by hand or not.
    few = np.array([[0, 0, 0, 0, 20, 0]])
    assert not PSI(FIVE, np.array([M]), fixed=np.array([0.02])).read(few).alarm[0]


def test_judges_that_read_the_window_of_another_say_what_they_would_have_said() -> None:
    rng = np.random.default_rng(5)
    psi, own, reader = (cls.textbook(2) for cls in (PSI, JensenShannon, JensenShannon))
    for pane in range(70):
        codes = rng.integers(0, 12 if pane < 40 else 9, size=(2, 90)).astype(np.int16)
        for judge in (psi, own):
            judge.update(codes, marks(90))
        psi.end_pane(pane)
        read = reader.read(psi.total)
        assert np.array_equal(read.score, own.end_pane(pane).score)
    assert reader.state()["ring"]["used"] == 0


def test_bad_options_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="a threshold is above 0"):
        KolmogorovSmirnov(FIVE, np.array([M]), ORDERED, fixed=np.array([0.0]))
    with pytest.raises(ValueError, match="a level is a probability"):
        JensenShannon(FIVE, np.array([M]), level=0.0)
    with pytest.raises(ValueError, match="centres of signal 0"):
        Wasserstein(FIVE, np.array([M]), ORDERED, CENTRES[:, ::-1].copy())
    with pytest.raises(ValueError, match="differ in shape"):
        Wasserstein(FIVE, np.array([M]), ORDERED, CENTRES[:, :5])


class Reference:
    """Bins, shares, centres and inflations of a sample, as a profile has them."""

    def __init__(self, values: FloatArray) -> None:
        bins = number_bins(values)
        self.encoder = NumberEncoder([bins])
        codes = self.encoder.encode(values[None])[0]
        self.rows, self.size, self.ordered = values.size, bins.size, len(bins.edges) + 1
        shares = np.bincount(codes, minlength=bins.size) + 0.5
        self.shares = shares / shares.sum()
        low, high = np.quantile(values, [0.001, 0.999])
        clipped = np.clip(values, low, high)
        z = (clipped - clipped.mean()) / clipped.std()
        self.centres = np.full(bins.size, np.nan)
        for code in np.unique(codes):
            self.centres[code] = z[codes == code].mean()
        self.centres[0], self.centres[self.ordered - 1] = z.min(), z.max()
        self.inflation = indicator_inflation(codes)
        self.ordered_inflation = max(self.inflation, ordered_inflation(codes, self.ordered))
        self.variance = long_run_variance(z)

    def counts(self, values: FloatArray) -> IntArray:
        """Of windows of values (L, n), (L, B)."""
        looks = len(values)
        codes = self.encoder.encode(values.reshape(1, -1)).reshape(values.shape)
        flat = codes + self.size * np.arange(looks)[:, None]
        counts: IntArray = np.bincount(flat.ravel(), minlength=looks * self.size)
        return counts.reshape(looks, self.size)

    def judges(self, looks: int, level: float) -> dict[str, WindowJudge]:
        """Judges of so many windows at once."""
        shares = np.tile(self.shares, (looks, 1))
        rows, ordered = np.full(looks, self.rows), np.full(looks, self.ordered)
        centres = np.tile(self.centres, (looks, 1))
        slow = self.ordered_inflation
        found: list[WindowJudge] = [
            ChiSquare(shares, rows, level=level, inflation=self.inflation),
            JensenShannon(shares, rows, level=level, inflation=self.inflation),
            KolmogorovSmirnov(shares, rows, ordered, level=level, inflation=slow),
            Wasserstein(
                shares, rows, ordered, centres, level=level, inflation=max(slow, self.variance)
            ),
        ]
        return {judge.name: judge for judge in found}


@cache
def false_alarms(kind: str, n: int, m: int) -> tuple[int, dict[str, int]]:
    """Looks at quiet windows, and the alarms of each judge at the level .001."""
    rng = np.random.default_rng([n, m])
    found: dict[str, int] = {}
    references, looks = 20, 1_000
    for _ in range(references):
        reference = Reference(KINDS[kind](rng, m))
        windows = reference.counts(KINDS[kind](rng, looks * n).reshape(looks, n))
        for name, judge in reference.judges(looks, 1e-3).items():
            found[name] = found.get(name, 0) + int(judge.read(windows).alarm.sum())
    return references * looks, found


@pytest.mark.parametrize(
    ("kind", "n", "m"),
    [
        ("normal", 100, 10_000),
        ("normal", 300, 1_000),
        ("zero-inflated", 100, 10_000),
        ("zero-inflated", 300, 10_000),
        ("AR(1) .8", 300, 10_000),
    ],
)
@pytest.mark.parametrize("name", ["chi_square", "jensen_shannon", "kolmogorov_smirnov"])
def test_quiet_windows_alarm_at_most_as_often_as_the_level_says(
    kind: str, n: int, m: int, name: str
) -> None:
    looks, found = false_alarms(kind, n, m)
    # 20 are expected at most; 33 or more would come by chance once in 200 times.
    assert found[name] <= 33 and looks * 1e-3 == pytest.approx(20)
    assert found.get("wasserstein", 0) <= 33


@pytest.mark.parametrize("name", ["chi_square", "jensen_shannon", "kolmogorov_smirnov"])
def test_dependent_rows_need_the_inflation(name: str) -> None:
    """Without it AR(1) .8 alarms many times as often as the level: the check above can fail."""
    rng = np.random.default_rng(8)
    reference = Reference(rng.normal(size=10_000))  # of independent rows, so without inflation
    windows = reference.counts(ar1(rng, 2_000 * 500, 0.8).reshape(2_000, 500))
    alarms = int(reference.judges(2_000, 1e-3)[name].read(windows).alarm.sum())
    assert alarms > 100


@pytest.mark.parametrize(
    ("name", "shift"),
    [
        ("chi_square", 0.40),
        ("jensen_shannon", 0.42),
        ("kolmogorov_smirnov", 0.42),
        ("wasserstein", 0.48),
    ],
)
def test_at_a_strict_level_a_shift_is_seen(name: str, shift: float) -> None:
    """One false alarm in 100 million looks, 500 rows: four of five such shifts are seen."""
    rng = np.random.default_rng(9)
    reference = Reference(rng.normal(size=100_000))
    windows = reference.counts(rng.normal(shift, 1.0, size=(400, 500)))
    assert reference.judges(400, 1e-8)[name].read(windows).alarm.mean() > 0.8
    quiet = reference.counts(rng.normal(size=(400, 500)))
    assert not reference.judges(400, 1e-8)[name].read(quiet).alarm.any()
