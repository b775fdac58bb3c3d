"""The joint score: which inputs go together, and rows whose combination is not usual."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import lfilter

from detectors.joint import MOST_INPUTS, MOST_PAIRS, JointScore, Ties, fit_ties

FloatArray = NDArray[np.float64]

ROWS = 10_000


def rows(correlation: FloatArray, count: int = ROWS, seed: int = 1) -> FloatArray:
    rng = np.random.default_rng(seed)
    return np.linalg.cholesky(correlation) @ rng.standard_normal((len(correlation), count))


def pair(correlation: float, inputs: int = 2) -> FloatArray:
    found = np.eye(inputs)
    found[0, 1] = found[1, 0] = correlation
    return found


def fitted(z: FloatArray) -> Ties:
    ties = fit_ties(z, np.ones(len(z)))
    assert ties is not None
    return ties


def moved(z: FloatArray, now: FloatArray) -> float:
    """By how many sd of the reference the mean score has moved."""
    score = JointScore(fitted(z))
    usual = score(z)
    return float((score(now).mean() - usual.mean()) / usual.std())


def test_inputs_that_go_together_are_found_and_no_others() -> None:
    ties = fitted(rows(pair(0.9, inputs=20)))
    assert ties.inputs.tolist() == [0, 1]
    assert ties.pairs.tolist() == [[0, 1]]
    assert ties.correlation[0] == pytest.approx(0.9, abs=0.03)
    assert ties.weight[0] < 0


@pytest.mark.parametrize("count", [50, 300, 1_000, 10_000])
def test_independent_inputs_have_no_ties_however_few_the_rows(count: int) -> None:
    for seed in range(5):
        z = rows(np.eye(30), count, seed)
        assert fit_ties(z, np.ones(30)) is None


def test_inputs_that_drift_slowly_by_themselves_are_not_taken_for_tied() -> None:
    phi = 0.99
    noise = rows(np.eye(10), 5_000) * np.sqrt(1 - phi**2)
    z = lfilter([1.0], [1.0, -phi], noise, axis=1)[:, 1_000:]
    z = (z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True)
    assert fit_ties(z, np.full(10, (1 + phi) / (1 - phi))) is None
    assert fit_ties(z, np.ones(10)) is not None  # as it would be if rows counted in full


def test_no_data_and_constants_have_no_ties() -> None:
    assert fit_ties(np.empty((0, 100)), np.empty(0)) is None
    assert fit_ties(np.empty((3, 0)), np.ones(3)) is None
    assert fit_ties(np.zeros((3, 1_000)), np.ones(3)) is None
    assert fit_ties(np.full((3, 1_000), np.nan), np.ones(3)) is None


@pytest.mark.parametrize("tail", ["normal", "t", "lognormal"])
def test_broken_turned_swapped_and_tighter_ties_move_the_score(tail: str) -> None:
    def drawn(correlation: FloatArray, seed: int) -> FloatArray:
        z = rows(correlation, seed=seed)
        if tail == "lognormal":
            return (np.exp(z) - 1.65) / 2.16
        # Heavy in each value, tied all the same.
        return z * np.abs(z) / 1.73 if tail == "t" else z

    usual = pair(0.8, inputs=6)
    usual[2, 3] = usual[3, 2] = 0.6
    z = drawn(usual, 1)
    swapped = drawn(usual, 2)
    swapped[[0, 2]] = swapped[[2, 0]]
    assert abs(moved(z, drawn(usual, 3))) < 0.05
    assert moved(z, drawn(np.eye(6), 4)) > 0.8
    turned = usual.copy()
    turned[0, 1] = turned[1, 0] = -0.8
    assert moved(z, drawn(turned, 5)) > moved(z, drawn(np.eye(6), 6)) - 0.3
    assert moved(z, swapped) > 0.8
    assert moved(z, drawn(pair(0.97, inputs=6), 7)) < 0.8


def test_a_tie_that_tightens_lowers_the_score() -> None:
    assert moved(rows(pair(0.7)), rows(pair(0.95), seed=2)) < -0.3


def test_a_shift_of_one_input_moves_it_less_than_that_input() -> None:
    z, now = rows(pair(0.7)), rows(pair(0.7), seed=2)
    now[0] += 0.5
    assert abs(moved(z, now)) < 0.5


def test_inputs_that_are_tied_to_none_do_not_matter() -> None:
    z = rows(pair(0.8, inputs=5))
    score = JointScore(fitted(z))
    wild = z.copy()
    wild[2:] = wild[2:] * 50 + 7
    assert np.array_equal(score(z), score(wild))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=6), st.integers(0, 100))
def test_a_row_has_the_same_score_whatever_stands_beside_it(cuts: list[int], seed: int) -> None:
    correlation = np.full((8, 8), 0.5)
    np.fill_diagonal(correlation, 1.0)
    score = JointScore(fitted(rows(correlation, 2_000)))
    z = rows(correlation, sum(cuts), seed)
    z[np.random.default_rng(seed).random(z.shape) < 0.02] = np.nan
    whole = score(z)
    parts = np.split(z, np.cumsum(cuts)[:-1], axis=1)
    again = np.concatenate([score(part) for part in parts])
    assert np.array_equal(whole, again, equal_nan=True)  # to the last bit


def test_missing_values_do_not_move_it() -> None:
    correlation = np.full((6, 6), 0.6)
    np.fill_diagonal(correlation, 1.0)
    z, now = rows(correlation, 50_000), rows(correlation, 50_000, seed=2)
    now[0, np.random.default_rng(1).random(50_000) < 0.5] = np.nan
    assert abs(moved(z, now)) < 0.03


def test_fewer_than_two_values_have_no_score() -> None:
    score = JointScore(fitted(rows(pair(0.8))))
    z = np.array([[1.0, np.nan, np.nan], [1.0, 1.0, np.nan]])
    assert np.isnan(score(z)).tolist() == [False, True, True]


def test_an_input_that_is_not_there_is_missing() -> None:
    correlation = np.full((3, 3), 0.6)
    np.fill_diagonal(correlation, 1.0)
    z = rows(correlation)
    ties = fitted(z)
    lacking = Ties(
        np.array([0, -1, 2]),
        ties.centre,
        ties.scale,
        ties.pairs,
        ties.correlation,
        ties.weight,
    )
    gone = z.copy()
    gone[1] = np.nan
    assert np.array_equal(JointScore(lacking)(z), JointScore(ties)(gone))


def test_twins_and_correlations_over_different_rows_are_borne() -> None:
    z = rows(np.eye(3), 4_000)
    z[1] = z[0]
    z[2] = -z[0]
    # Each pair has rows of its own, and their correlations fit no distribution.
    for at, (i, j) in enumerate([(0, 1), (1, 2), (0, 2)]):
        cut = slice(at * 1_300, (at + 1) * 1_300)
        third = 3 - i - j
        z[third, cut] = np.nan
        z[j, cut] = z[i, cut]
    found = JointScore(fitted(z))(z)
    assert np.isfinite(found).any() and float(np.nanmax(np.abs(found))) < 1_000


def test_wide_models_are_bounded() -> None:
    correlation = np.full((130, 130), 0.5)
    np.fill_diagonal(correlation, 1.0)
    ties = fitted(rows(correlation, 20_000))
    assert len(ties.inputs) <= MOST_INPUTS
    assert len(ties.pairs) == MOST_PAIRS
    # A short reference: one input for each 50 rows.
    assert len(fitted(rows(correlation, 500)).inputs) <= 10


def test_sums_of_a_pair_are_of_rows_that_have_both() -> None:
    z = rows(pair(0.8))
    z[0, :100] = np.nan
    ties = fitted(z)
    sums = JointScore(ties).moments(z, ties.pairs)
    assert sums[0, 0] == ROWS - 100
    assert sums[0, 5] / sums[0, 0] == pytest.approx(ties.correlation[0], abs=0.01)


def test_a_wrong_shape_is_named() -> None:
    score = JointScore(fitted(rows(pair(0.8))))
    with pytest.raises(ValueError, match="these ties take"):
        score(np.zeros((1, 5)))
