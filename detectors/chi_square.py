"""Pearson's chi-square test of a window's bins against the reference's."""

from typing import ClassVar, Self, Unpack

import numpy as np
from scipy.special import chdtrc

from detectors.contract import FloatArray, IntArray, Reading
from detectors.divergence import compare
from detectors.pooled_judge import PooledJudge
from detectors.window_judge import WindowOptions


class ChiSquare(PooledJudge):
    r"""Pearson's chi-square of homogeneity, for the bins of any signal.

    The statistic is ``sum (q - p)^2 / r / ((1/n + 1/m) inflation)`` with the window's shares q, the
    reference's p and their common estimate r, over the bins with enough expected rows, the others
    being one bin. Its threshold is the chi-square quantile of the level. That is the very decision
    of `detectors.psi.PSI` in the textbook's unit, so that it can be read with a table; to name both
    as judges pays twice for one.

    Parameters
    ----------
    shares, rows
        As in `detectors.window_judge.WindowJudge`.
    min_expected
        Bins with a smaller expected count are pooled into one.
    options
        As in `detectors.window_judge.WindowJudge`.

    The classic mistake is to read significance as size: the statistic grows with the number of
    rows, and with a million of them a tenth of a percent is significant.

    Raises ValueError for shares that do not sum to 1 and parameters out of range.

    Examples
    --------
    From pane 5 on the upper half of the bins takes two thirds of the rows instead of a half:

    >>> rng = np.random.default_rng(7)
    >>> judge = ChiSquare.textbook(1)
    >>> alarms = []
    >>> for pane in range(12):
    ...     p = np.repeat([3, 3] if pane < 5 else [2, 4], 6) / 36
    ...     codes = rng.choice(12, size=(1, 400), p=p).astype(np.int16)
    ...     judge.update(codes, np.zeros((3, 400), dtype=np.int64))
    ...     reading = judge.end_pane(pane)
    ...     alarms += [pane] if reading.alarm[0] else []
    >>> alarms, round(float(reading.score[0]), 1)
    ([8, 9, 10, 11], 102.0)

    References
    ----------
    K. Pearson (1900), On the criterion that a given system of deviations ..., Phil. Mag. 50.
    """

    name: ClassVar[str] = "chi_square"

    def __init__(
        self,
        shares: FloatArray,
        rows: IntArray,
        *,
        min_expected: float = 5.0,
        **options: Unpack[WindowOptions],
    ) -> None:
        super().__init__(shares, rows, min_expected, options)

    @classmethod
    def textbook(cls, signals: int) -> Self:
        """12 equal bins, a reference of 10,000 rows, one false alarm in a million looks."""
        return cls(np.full((signals, 12), 1 / 12), np.full(signals, 10_000))

    def read(self, counts: IntArray) -> Reading:
        """Judge counts (S, B) of any window; nothing is kept of them."""
        statistic, kept = self.statistic(counts)
        few = self._few(counts.sum(axis=1), kept)
        return self._reading(statistic, self._quantiles(kept), few)

    def statistic(self, counts: IntArray) -> tuple[FloatArray, IntArray]:
        """Chi-square of counts (S, B), and the bins compared, each (S,)."""
        score, psi = np.empty(self.signals), np.empty(self.signals)
        kept = np.empty(self.signals, dtype=np.int64)
        compare(
            counts,
            self._shares,
            self._reference_rows,
            self._inflation,
            self._min_expected,
            score,
            psi,
            kept,
        )
        return score / self._scale(counts.sum(axis=1)), kept

    def p_value(self, counts: IntArray) -> FloatArray:
        """Probability of a statistic as large by chance, (S,); 1 where nothing can be compared."""
        statistic, kept = self.statistic(counts)
        p: FloatArray = np.where(kept > 1, chdtrc(np.maximum(kept - 1, 1), statistic), 1.0)
        return p
