"""PSI over a sliding window: told by numpy over the window's raw codes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, chi2_contingency

from detectors import PSI
from detectors.divergence import compare
from tests.detectors.streams import marks

BINS = 6


def detector(panes: int = 4, **options: float) -> PSI:
    return PSI(np.full((1, BINS), 1 / BINS), np.array([6000]), panes=panes, **options)  # type: ignore[arg-type]  # passed on


def fill(psi: PSI, counts: list[int]) -> None:
    codes = np.repeat(np.arange(len(counts)), counts).astype(np.int16)
    psi.update(codes[None], marks(codes.size))


@settings(max_examples=60, deadline=None)
@given(
    panes=st.lists(
        st.tuples(st.integers(1, 4), st.lists(st.integers(0, 5), max_size=30)), max_size=15
    )
)
def test_the_window_holds_exactly_the_rows_of_its_last_panes(
    panes: list[tuple[int, list[int]]],
) -> None:
    psi = detector(panes=4)
    history: dict[int, list[int]] = {}
    pane = -1
    for gap, codes in panes:
        pane += gap
        history[pane] = codes
        psi.update(np.array([codes], dtype=np.int16).reshape(1, -1), marks(len(codes)))
        reading = psi.end_pane(pane)
        for last in (1, 2, 4):
            rows = [c for p, codes in history.items() if pane - last < p for c in codes]
            expected = np.bincount(rows, minlength=BINS)
            assert np.array_equal(psi.window(last)[0], expected)
        assert reading.n[0] == expected.sum()


def test_psi_is_the_textbook_sum_with_half_a_row_a_bin() -> None:
    psi = detector()
    counts = [10, 20, 30, 5, 0, 35]
    fill(psi, counts)
    p = np.full(BINS, 1 / BINS)
    q = (np.array(counts) + 0.5) / (100 + 0.5 * BINS)
    assert psi.end_pane(0).psi[0] == pytest.approx(((q - p) * np.log(q / p)).sum())


def test_the_decision_is_that_of_the_chi_square_test_of_homogeneity() -> None:
    counts = [180, 150, 160, 210, 140, 160]
    level = 0.01
    psi = detector(level=level)
    fill(psi, counts)
    reading = psi.end_pane(0)
    statistic = chi2_contingency([counts, [1000] * BINS], correction=False).statistic
    scale = 1 / 1000 + 1 / 6000
    assert reading.score[0] == pytest.approx(statistic * scale)
    assert reading.threshold[0] == pytest.approx(chi2.isf(level, BINS - 1) * scale)


def test_autocorrelation_raises_the_threshold_by_its_inflation() -> None:
    readings = []
    for inflation in (1.0, 4.0):
        psi = detector(inflation=inflation)
        fill(psi, [200] * BINS)
        readings.append(psi.end_pane(0))
    assert readings[1].threshold[0] == pytest.approx(4 * readings[0].threshold[0])


def test_bins_with_few_expected_rows_are_one_bin_together() -> None:
    shares = np.array([[0.5, 0.3, 0.194, 0.003, 0.003]])
    psi = PSI(shares, np.array([100_000]), level=1e-4)
    fill(psi, [500, 300, 195, 2, 3])
    reading = psi.end_pane(0)
    together = chi2_contingency(
        [[500, 300, 195, 5], [50_000, 30_000, 19_400, 600]], correction=False
    ).statistic
    assert reading.score[0] == pytest.approx(together * (1 / 1000 + 1e-5))
    assert reading.threshold[0] == pytest.approx(chi2.isf(1e-4, 3) * (1 / 1000 + 1e-5))


def test_a_few_rows_in_a_bin_that_the_reference_never_had_alarm() -> None:
    """2 % nulls in 500 rows: a tenth of an ordinary bin, but there never were any."""
    shares = np.array([[0.1] * 10 + [0.0]])
    psi = PSI(shares, np.array([10_000]))
    fill(psi, [50] * 10 + [1])
    assert not psi.end_pane(0).alarm[0]
    fill(psi, [49] * 10 + [10])
    assert psi.end_pane(1).alarm[0]


def test_a_bin_the_reference_never_had_alarms_when_it_fills() -> None:
    """Nulls appear: the missing bin had a share of 0."""
    shares = np.array([[0.25, 0.25, 0.25, 0.25, 0.0]])
    psi = PSI(shares, np.array([10_000]))
    fill(psi, [250, 250, 250, 250, 0])
    assert not psi.end_pane(0).alarm[0]
    fill(psi, [225, 225, 225, 225, 100])
    assert psi.end_pane(1).alarm[0]
    moved = psi.contributions(0)
    assert moved.part.argmax() == 4
    assert moved.part.sum() == pytest.approx(1.0)
    assert moved.current[4] == pytest.approx(0.05)


def test_too_few_rows_are_neither_alarm_nor_all_clear() -> None:
    psi = detector()
    fill(psi, [20, 0, 0, 0, 0, 0])
    reading = psi.end_pane(0)
    assert reading.insufficient[0] and not reading.alarm[0]
    fill(psi, [20, 0, 0, 0, 0, 0])
    reading = psi.end_pane(1)
    assert not reading.insufficient[0] and reading.alarm[0]


def test_a_constant_that_stays_constant_is_fine_and_one_that_moves_alarms() -> None:
    psi = PSI(np.array([[0.0, 1.0, 0.0]]), np.array([10_000]))
    fill(psi, [0, 200, 0])
    reading = psi.end_pane(0)
    assert not reading.insufficient[0] and not reading.alarm[0]
    fill(psi, [0, 0, 50])
    assert psi.end_pane(1).alarm[0]


def test_after_a_recovery_the_window_can_be_cut_to_its_last_panes() -> None:
    psi = PSI(np.full((2, BINS), 1 / BINS), np.array([6000, 6000]), panes=10)
    drifted = np.zeros((2, 100), dtype=np.int16)
    quiet = np.tile(np.arange(BINS, dtype=np.int16), (2, 50))
    for pane in range(6):
        psi.update(drifted if pane < 4 else quiet, marks(100 if pane < 4 else 300))
        reading = psi.end_pane(pane)
    assert reading.alarm.all()
    assert not psi.recent(2).alarm.any()
    psi.keep_last(np.array([True, False]), 2)
    psi.update(quiet, marks(300))
    reading = psi.end_pane(6)
    assert reading.alarm.tolist() == [False, True]
    assert reading.n.tolist() == [900, 1300]


@pytest.mark.parametrize("m", [1000, 10_000])
@pytest.mark.parametrize("n", [100, 1000, 20_000])
def test_false_alarms_are_as_frequent_as_the_level_says(n: int, m: int) -> None:
    """Independent windows of a 12-bin signal with rare bins, at the level 1 in 1,000."""
    looks = 40_000
    rng = np.random.default_rng(n + m)
    p = np.r_[np.full(10, 0.0998), 0.001, 0.001]
    counts = rng.multinomial(n, p, size=looks)
    reference = rng.multinomial(m, p, size=looks) / m
    score, psi = np.empty((2, looks))
    kept = np.empty(looks, dtype=np.int64)
    compare(counts, reference, np.full(looks, float(m)), np.ones(looks), 5.0, score, psi, kept)
    quantile = chi2.isf(1e-3, np.maximum(kept - 1, 1))
    alarms = int((score >= quantile * (1 / n + 1 / m)).sum())
    assert 15 <= alarms <= 75  # 40 expected


def test_a_ring_of_sixty_panes_takes_under_a_kilobyte_a_signal() -> None:
    shares = np.full((20, 14), 0.1)
    shares[:, 10:] = 0.0
    psi = PSI(shares, np.full(20, 10_000))
    rng = np.random.default_rng(1)
    for pane in range(80):
        psi.update(rng.integers(0, 10, size=(20, 1000)).astype(np.int16), marks(1000))
        psi.end_pane(pane)
    assert len(psi.state()["ring"]["counts"]) / 20 < 1024


def test_wrong_codes_and_shares_are_named() -> None:
    psi = detector()
    with pytest.raises(ValueError, match=r"code 6; its bins are 0 to 5"):
        psi.update(np.full((1, 3), 6, dtype=np.int16), marks(3))
    assert psi.end_pane(0).n[0] == 0  # nothing of the refused batch was counted
    with pytest.raises(ValueError, match="int16"):
        psi.update(np.zeros((1, 3)), marks(3))  # type: ignore[arg-type]  # on purpose
    with pytest.raises(ValueError, match=r"signal 0 sum to 0\.5"):
        PSI(np.array([[0.25, 0.25]]), np.array([10]))
    with pytest.raises(ValueError, match="probability"):
        detector(level=0.0)
