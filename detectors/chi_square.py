"""Pearson's chi-square test of a window's bins against the reference's."""

from typing import ClassVar

import numpy as np
from scipy.special import chdtrc

from detectors.contract import FloatArray, IntArray, Reading
from detectors.divergence import compare
from detectors.pooled_judge import PooledJudge


class ChiSquare(PooledJudge):
    r"""Pearson's chi-square of homogeneity, for the bins of any signal.

    The statistic is ``sum (q - p)^2 / r / ((1/n + 1/m) inflation)`` with the window's shares q, the
    reference's p and their common estimate r, over the bins with enough expected rows, the others
    being one bin. Its threshold is the chi-square quantile of the level. That is the very decision
    of `detectors.psi.PSI` in the textbook's unit, so that it can be read with a table; to name both
    as judges pays twice for one.

    Parameters
    ----------
    shares, rows, min_expected, options
        As in `detectors.pooled_judge.PooledJudge`.

    The classic mistake is to read significance as size: the statistic grows with the number of
    rows, and with a million of them a tenth of a percent is significant.

    Raises ValueError for shares that do not sum to 1 and parameters out of range.

    Examples
    --------
    Bins that change at pane 5, as spelled out for `detectors.psi.PSI`:

    >>> from detectors.example import watch_a_change
    >>> judge = ChiSquare.textbook(1)
    >>> alarms, reading = watch_a_change(judge, np.random.default_rng(7))
    >>> alarms, round(float(reading.score[0]), 1)
    ([8, 9, 10, 11], 102.0)

    References
    ----------
    K. Pearson (1900), On the criterion that a given system of deviations ..., Phil. Mag. 50.
    """

    name: ClassVar[str] = "chi_square"

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
