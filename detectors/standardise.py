"""Values to z: clipped to the reference's range, then in its standard deviations."""

from dataclasses import dataclass

import numpy as np

from detectors.contract import FloatArray, IntArray, finite
from detectors.encoding import LevelArray
from detectors.kernel import kernel

OFF_CONSTANT = 10.0  # sd; what a value counts that differs from a constant reference
MOST = 1000.0  # sd; no z is beyond it
_BEYOND = 30  # rows of the reference that are clipped on each side, at least ...
_TAILS = (0.0003, 0.001)  # ... unless that is less or more than these shares of it


@dataclass(frozen=True, slots=True)
class Scale:
    """How one number is standardised: plain data, made by `number_scale`.

    low, high: the clipping; mean, sd: of the clipped reference, in the unit of the values. Where
    sd is 0 the reference was the constant `mean`, and any other value is 10 sd away from it.
    """

    low: float
    high: float
    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class LevelScale:
    """How one category is standardised: plain data, made by `category_scale`.

    z: for each level of the reference, by index, its standardised surprise; unseen: that of a
    level the reference does not have.
    """

    z: tuple[float, ...]
    unseen: float


def tail(rows: int) -> float:
    """The share of a reference of so many values that is clipped on each side.

    What is clipped off is lost to the sums: at the quantile .999 of N(0,1) a shift of 3 sd counts
    as 2.65, at .9997 as 2.78. A quantile further out is known by fewer rows, so that only a large
    reference can afford it: 30 rows lie beyond it, or .001 of a small reference.

    >>> tail(1_000), tail(50_000), tail(10**6)
    (0.001, 0.0006, 0.0003)
    """
    return min(max(_BEYOND / max(rows, 1), _TAILS[0]), _TAILS[1])


def _mean_and_sd(values: FloatArray, weights: FloatArray) -> tuple[float, float]:
    """Mean and standard deviation, also of values near the largest float64."""
    unit = float(np.abs(values).max(initial=0.0))
    if unit == 0.0 or values.min() == values.max():
        return float(values[0]), 0.0
    scaled = values / unit
    share = weights / weights.sum()
    mean = float((scaled * share).sum())
    sd = float(np.sqrt((((scaled - mean) ** 2) * share).sum()))
    return mean * unit, sd * unit


def number_scale(values: FloatArray) -> Scale:
    """The scale of a reference sample (m,), of which only the finite values count.

    Values are clipped to the quantiles `tail` and 1 - `tail`, and mean and sd taken *after*
    clipping, so that an outlier can neither hide in a large sd nor shift a sum by itself. Where
    nothing but a constant is left by that (a flag set in less than .1 % of the rows), the whole
    range is used.
    A sample without values has the constant 0.

    >>> number_scale(np.array([3.0, 3.0, 3.0])).sd
    0.0
    """
    values = np.sort(values[np.isfinite(values)])
    if not values.size:
        return Scale(0.0, 0.0, 0.0, 0.0)
    for share in (tail(values.size), 0.0):
        # Order statistics rather than interpolation: the difference of two may overflow.
        cut = int(share * (values.size - 1))
        low, high = float(values[cut]), float(values[values.size - 1 - cut])
        clipped = np.clip(values, low, high)
        mean, sd = _mean_and_sd(clipped, np.ones(clipped.size))
        if sd > 0.0:
            break
    return Scale(low, high, mean, sd)


def category_scale(counts: IntArray) -> LevelScale:
    """The scale of a category whose levels, by index, occur so often in the reference.

    A level becomes its surprise, ``-ln p`` with +0.5 a level, which is then clipped and
    standardised like a number: the mean rises when rare levels become frequent and falls when
    frequent ones do. A shift that leaves it unchanged (two equally frequent levels trade places)
    shows in the bins alone. An unseen level has the surprise of none seen, not clipped.

    >>> scale = category_scale(np.array([90, 10]))
    >>> [round(z, 2) for z in scale.z], scale.unseen > scale.z[1]
    ([-0.33, 3.0], True)
    """
    total = float(counts.sum()) + 0.5 * (len(counts) + 1)
    surprise = -np.log((counts + 0.5) / total)
    unseen = float(-np.log(0.5 / total))
    seen = counts > 0
    if not seen.any():
        return LevelScale((0.0,) * len(counts), OFF_CONSTANT)
    order = np.argsort(surprise[seen])
    reached = np.cumsum(counts[seen][order]) / counts.sum()
    ordered = surprise[seen][order]
    cut = tail(int(counts.sum()))
    low = float(ordered[np.searchsorted(reached, cut)])
    high = float(ordered[min(np.searchsorted(reached, 1.0 - cut), ordered.size - 1)])
    clipped = np.clip(surprise, low, high)
    mean, sd = _mean_and_sd(clipped[seen], counts[seen].astype(np.float64))
    if sd == 0.0:
        return LevelScale(tuple(0.0 if c > 0 else OFF_CONSTANT for c in counts), OFF_CONSTANT)
    return LevelScale(
        tuple(float(v) for v in np.clip((clipped - mean) / sd, -MOST, MOST)),
        min((unseen - mean) / sd, MOST),
    )


@kernel
def _standardise(x: FloatArray, scales: FloatArray, out: FloatArray) -> None:
    for s in range(x.shape[0]):
        low, high, mean, sd = scales[s, 0], scales[s, 1], scales[s, 2], scales[s, 3]
        for i in range(x.shape[1]):
            v = x[s, i]
            if not np.isfinite(v):
                out[s, i] = np.nan
            elif sd > 0.0:
                v = min(max(v, low), high)
                # Halves, since the difference of two values may overflow.
                z = (0.5 * v - 0.5 * mean) / sd * 2.0
                out[s, i] = min(max(z, -MOST), MOST)
            elif v == mean:
                out[s, i] = 0.0
            else:
                out[s, i] = OFF_CONSTANT if v > mean else -OFF_CONSTANT


@kernel
def _look_up(levels: LevelArray, table: FloatArray, sizes: IntArray, out: FloatArray) -> None:
    for s in range(levels.shape[0]):
        for i in range(levels.shape[1]):
            level = levels[s, i]
            if level == -1 or level == -2:
                out[s, i] = np.nan
            elif 0 <= level < sizes[s]:
                out[s, i] = table[s, level]
            else:
                out[s, i] = table[s, table.shape[1] - 1]


class NumberStandardiser:
    """z of S numbers.

    >>> scale = number_scale(np.arange(1001.0))
    >>> NumberStandardiser([scale]).z(np.array([[750.0, 1e9, np.nan, np.inf]])).round(2).tolist()
    [[0.87, 1.73, nan, nan]]
    """

    def __init__(self, scales: list[Scale]) -> None:
        rows = [[s.low, s.high, s.mean, s.sd] for s in scales]
        self._scales = np.array(rows, dtype=np.float64).reshape(-1, 4)

    def z(self, x: FloatArray) -> FloatArray:
        """z (S, N) of values (S, N); NaN where there is no finite value, else within 1000."""
        if x.ndim != 2 or len(x) != len(self._scales):
            raise ValueError(f"x has shape {x.shape}; these scales take ({len(self._scales)}, N)")
        out = np.empty(x.shape)
        _standardise(finite(x), self._scales, out)
        return out


class CategoryStandardiser:
    """z of S categories, from level indices as `detectors.encoding` takes them.

    >>> scale = category_scale(np.array([90, 10]))
    >>> levels = np.array([[0, 1, -1]], dtype=np.int32)
    >>> CategoryStandardiser([scale]).z(levels).round(2).tolist()
    [[-0.33, 3.0, nan]]
    """

    def __init__(self, scales: list[LevelScale]) -> None:
        self._sizes = np.array([len(s.z) for s in scales], dtype=np.int64)
        self._table = np.zeros((len(scales), int(self._sizes.max(initial=0)) + 1))
        for row, scale in zip(self._table, scales, strict=True):
            row[: len(scale.z)] = scale.z
            row[-1] = scale.unseen

    def z(self, levels: LevelArray) -> FloatArray:
        """z (S, N) of level indices (S, N); NaN where missing (-1) or of the wrong type (-2)."""
        if levels.ndim != 2 or len(levels) != len(self._sizes):
            raise ValueError(
                f"levels have shape {levels.shape}; these scales take ({len(self._sizes)}, N)"
            )
        out = np.empty(levels.shape)
        _look_up(np.ascontiguousarray(levels, dtype=np.int32), self._table, self._sizes, out)
        return out
