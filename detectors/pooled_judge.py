"""What judges of bins without an order share: rare bins are one, and a chi-square decides."""

from typing import Self, Unpack

import numpy as np

from detectors.calibration import chi_square_levels
from detectors.contract import BoolArray, FloatArray, IntArray
from detectors.window_judge import WindowJudge, WindowOptions


class PooledJudge(WindowJudge):
    """A judge that pools bins with few expected rows; see `detectors.divergence`.

    Parameters
    ----------
    shares, rows, options
        As in `detectors.window_judge.WindowJudge`.
    min_expected
        Bins with a smaller expected count, in effective rows, are pooled into one.
    """

    def __init__(
        self,
        shares: FloatArray,
        rows: IntArray,
        *,
        min_expected: float = 5.0,
        **options: Unpack[WindowOptions],
    ) -> None:
        super().__init__(shares, rows, **options)
        # quantile[s, d]: the chi-square quantile for d + 1 degrees of freedom.
        self._quantile = chi_square_levels(self._levels, max(shares.shape[1] - 1, 1))
        self._min_expected = min_expected
        # Signals that could be compared if only the window had more rows.
        effective = (self._reference_rows / self._inflation)[:, None]
        enough = np.where(self._padded, 0.0, shares) * effective >= min_expected
        self._comparable = enough.sum(axis=1) >= 2

    @classmethod
    def textbook(cls, signals: int) -> Self:
        """12 equal bins, a reference of 10,000 rows, one false alarm in a million looks."""
        return cls(np.full((signals, 12), 1 / 12), np.full(signals, 10_000))

    def _few(self, n: IntArray, kept: IntArray) -> BoolArray:
        """Where n rows in so many bins are too few to say anything, (S,)."""
        few: BoolArray = (n / self._inflation < self._min_rows) | ((kept < 2) & self._comparable)
        return few

    def _quantiles(self, kept: IntArray) -> FloatArray:
        """Of chi-square at the level, for so many bins, (S,)."""
        found: FloatArray = self._quantile[np.arange(self.signals), np.maximum(kept, 2) - 2]
        return found

    def _scale(self, n: IntArray) -> FloatArray:
        """``(1/n + 1/m) inflation``; with no rows that of the smallest window there is."""
        rows = np.maximum(n, self._min_rows)
        scale: FloatArray = (1.0 / rows + 1.0 / self._reference_rows) * self._inflation
        return scale
