"""Bins and z: every value has a code and a finite place, whatever the reference was."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detectors.bins import category_bins, number_bins
from detectors.contract import FloatArray, IntArray
from detectors.encoding import CategoryEncoder, NumberEncoder
from detectors.standardise import (
    OFF_CONSTANT,
    CategoryStandardiser,
    NumberStandardiser,
    category_scale,
    number_scale,
)
from tests.detectors.streams import KINDS

any_floats = arrays(
    np.float64,
    st.integers(0, 60),
    elements=st.one_of(st.floats(), st.sampled_from([0.0, 1.0, np.nan, np.inf])),
)
some_counts = arrays(np.int64, st.integers(0, 50), elements=st.integers(0, 1000))
HUGE = sys.float_info.max


@settings(max_examples=200, deadline=None)
@given(reference=any_floats, values=any_floats)
def test_every_number_has_a_code_and_a_finite_z_whatever_the_reference(
    reference: FloatArray,
    values: FloatArray,
) -> None:
    bins = number_bins(reference)
    codes = NumberEncoder([bins]).encode(values[None])[0]
    assert ((codes >= 0) & (codes < bins.size)).all()
    assert np.array_equal(codes == bins.missing, np.isnan(values))
    assert np.array_equal(codes == bins.wrong_type, np.isinf(values))
    assert list(bins.edges) == sorted(set(bins.edges))
    assert len(bins.labels()) == bins.size <= 40
    z = NumberStandardiser([number_scale(reference)]).z(values[None])[0]
    assert np.array_equal(np.isfinite(z), np.isfinite(values))
    assert (np.abs(z[np.isfinite(z)]) <= 1000).all()


@settings(max_examples=100, deadline=None)
@given(reference=any_floats)
def test_no_value_of_the_reference_is_out_of_its_range(
    reference: FloatArray,
) -> None:
    bins = number_bins(reference)
    codes = NumberEncoder([bins]).encode(reference[None])[0]
    numbers = codes[np.isfinite(reference)]
    if numbers.size and np.nanmax(np.where(np.isinf(reference), np.nan, reference)) < HUGE:
        assert (numbers > 0).all() and (numbers < len(bins.edges)).all()


@pytest.mark.parametrize("kind", ["normal", "t(3)", "lognormal", "AR(1) .8"])
def test_a_continuous_number_has_ten_bins_of_a_tenth_each(kind: str) -> None:
    reference = KINDS[kind](np.random.default_rng(1), 10_000)
    bins = number_bins(reference)
    counts = np.bincount(NumberEncoder([bins]).encode(reference[None])[0], minlength=bins.size)
    assert bins.size == 10 + 4
    assert (np.abs(counts[1:11] / 10_000 - 0.1) < 0.001).all()
    assert not counts[[0, 11, 12, 13]].any()


def test_a_zero_inflated_number_has_a_bin_for_its_zeros() -> None:
    reference = KINDS["zero-inflated"](np.random.default_rng(1), 10_000)
    bins = number_bins(reference)
    codes = NumberEncoder([bins]).encode(np.array([[0.0, 5e-324, -1.0]]))[0]
    assert bins.labels()[codes[0]] == "= 0"
    assert len(set(codes.tolist())) == 3


def test_a_constant_tells_itself_from_below_and_above() -> None:
    bins = number_bins(np.full(100, 7.5))
    assert bins.labels() == ("< 7.5", "= 7.5", "> 7.5", "missing", "wrong type")
    assert NumberEncoder([bins]).encode(np.array([[7.4, 7.5, 7.6]]))[0].tolist() == [0, 1, 2]


def test_a_few_distinct_values_have_a_bin_each() -> None:
    bins = number_bins(np.array([1.0, 2.0, 2.0, 5.0]))
    assert NumberEncoder([bins]).encode(np.array([[0, 1, 2, 5, 6]]))[0].tolist() == [0, 1, 2, 3, 4]


@settings(max_examples=100, deadline=None)
@given(counts=some_counts)
def test_every_level_has_a_code_and_a_finite_z(
    counts: IntArray,
) -> None:
    bins = category_bins(counts)
    levels = np.arange(-3, len(counts) + 2, dtype=np.int32)[None]
    codes = CategoryEncoder([bins]).encode(levels)[0]
    assert codes[:3].tolist() == [bins.unseen, bins.wrong_type, bins.missing]
    assert (codes[3 : 3 + len(counts)] <= bins.other).all()
    assert (codes[-2:] == bins.unseen).all()
    z = CategoryStandardiser([category_scale(counts)]).z(levels)[0]
    assert np.isnan(z[1:3]).all() and np.isfinite(np.delete(z, [1, 2])).all()
    if counts.sum():
        seen = z[3 : 3 + len(counts)]
        assert abs((seen * counts).sum() / counts.sum()) < 1e-6


def test_rare_levels_share_a_bin() -> None:
    bins = category_bins(np.arange(50), most=30)
    assert bins.size == 34
    assert bins.codes[49] == 0 and bins.codes[19] == bins.other
    assert bins.labels(tuple(map(str, range(50))))[0] == "49"


def test_encoders_take_all_signals_at_once() -> None:
    bins = [number_bins(np.arange(100.0)), number_bins(np.array([3.0])), number_bins(np.array([]))]
    x = np.array([[50.0, np.nan], [3.0, 1e300], [1.0, np.inf]])
    together = NumberEncoder(bins).encode(x)
    alone = [NumberEncoder([b]).encode(row[None])[0] for b, row in zip(bins, x, strict=True)]
    assert np.array_equal(together, np.stack(alone))


def test_z_of_the_clipped_reference_has_mean_0_and_sd_1() -> None:
    for kind, draw in KINDS.items():
        reference = draw(np.random.default_rng(1), 20_000)
        z = NumberStandardiser([number_scale(reference)]).z(reference[None])[0]
        assert abs(z.mean()) < 1e-9, kind
        assert abs(z.std() - 1) < 1e-9, kind


def test_an_outlier_moves_z_no_further_than_the_reference_goes() -> None:
    reference = np.random.default_rng(1).normal(size=10_000)
    z = NumberStandardiser([number_scale(reference)]).z(np.array([[1e12, -1e12]]))[0]
    assert 2.5 < z[0] < 4 and -4 < z[1] < -2.5


def test_a_changed_constant_is_ten_sd_away() -> None:
    z = NumberStandardiser([number_scale(np.full(100, 7.5))]).z(np.array([[7.5, 8.0, 7.0]]))[0]
    assert z.tolist() == [0.0, OFF_CONSTANT, -OFF_CONSTANT]


def test_a_flag_rarer_than_the_clipping_still_counts() -> None:
    reference = np.zeros(10_000)
    reference[:4] = 1.0
    z = NumberStandardiser([number_scale(reference)]).z(np.array([[0.0, 1.0]]))[0]
    assert z[1] - z[0] > 10


def test_an_unseen_level_surprises_more_than_any_seen_one() -> None:
    scale = category_scale(np.array([500, 300, 20]))
    assert scale.unseen > max(scale.z)


def test_wrong_shapes_and_levels_are_named() -> None:
    with pytest.raises(ValueError, match=r"takes \(1, N\)"):
        NumberEncoder([number_bins(np.array([1.0]))]).encode(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="hold -4"):
        CategoryEncoder([category_bins(np.array([1]))]).encode(np.array([[-4]], dtype=np.int32))
    with pytest.raises(ValueError, match="bins is 1"):
        number_bins(np.array([1.0]), bins=1)
