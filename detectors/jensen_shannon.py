"""Jensen and Shannon's divergence of a window's bins from the reference's, in bits."""

from math import log
from typing import ClassVar

import numpy as np

from detectors.contract import IntArray, Reading
from detectors.divergence import divide
from detectors.pooled_judge import PooledJudge

# Of a bin with a share u times the reference's: eight times its part of the divergence over its
# deviance, by what the deviance is at most. An empty bin (u = 0) has the largest, 2 ln 2.
_U = np.linspace(0.995, 0.0, 400)
_LOG_U = np.log(np.maximum(_U, 1e-300))
_DEVIANCE = 2.0 * (_U * _LOG_U - _U + 1.0)
_PART = 4.0 * (_U * (log(2.0) + _LOG_U - np.log1p(_U)) + log(2.0) - np.log1p(_U))
_OVER = _PART / _DEVIANCE
_THIN = 4.0 * log(2.0) - 2.0  # what an empty bin has more than its deviance, for each expected row


class JensenShannon(PooledJudge):
    r"""Jensen-Shannon divergence to base 2, from 0 (alike) to 1 (nothing in common).

    ``(KL(q | a) + KL(p | a)) / 2`` with the window's shares q, the reference's p and
    ``a = (p + q) / 2``, over the bins with enough expected rows, the others being one bin. Always
    finite, also for levels that one side lacks. For small changes it is an eighth of Pearson's
    form (over ln 2 in bits), and so is its threshold. It weighs bins that empty more than the
    deviance does, by up to 1.39, and the deviance is what is chi-square: the quantile g of the
    level is multiplied by the largest such weight that a bin can have while the whole deviance is
    below g.

    Parameters
    ----------
    shares, rows, min_expected, options
        As in `detectors.pooled_judge.PooledJudge`.

    The classic mistake is a fixed threshold such as .1 for its root, whatever the number of rows
    and bins.

    Raises ValueError for shares that do not sum to 1 and parameters out of range.

    Examples
    --------
    Bins that change at pane 5, as spelled out for `detectors.psi.PSI`:

    >>> from detectors.example import watch_a_change
    >>> judge = JensenShannon.textbook(1)
    >>> alarms, reading = watch_a_change(judge, np.random.default_rng(7))
    >>> alarms, round(float(reading.score[0]), 4)
    ([8, 9, 10, 11], 0.0057)

    References
    ----------
    J. Lin (1991), Divergence Measures Based on the Shannon Entropy, IEEE Trans. Inf. Theory 37.
    F. Topsoe (2000), Some Inequalities for Information Divergence, IEEE Trans. Inf. Theory 46.
    """

    name: ClassVar[str] = "jensen_shannon"

    def read(self, counts: IntArray) -> Reading:
        """Judge counts (S, B) of any window; nothing is kept of them."""
        count = self.signals
        score, least, thin = np.empty(count), np.empty(count), np.empty(count)
        kept = np.empty(count, dtype=np.int64)
        divide(
            counts,
            self._shares,
            self._reference_rows,
            self._inflation,
            self._min_expected,
            score,
            kept,
            least,
            thin,
        )
        n = counts.sum(axis=1)
        quantile = self._quantiles(kept)
        over = np.interp(quantile / least, _DEVIANCE, _OVER)
        threshold = (over * quantile + _THIN * thin) * self._scale(n) / (8.0 * log(2.0))
        return self._reading(score, threshold, self._few(n, kept))
