"""Incremental PSI: the bins of a sliding window against those of the reference."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from detectors.change_point import ChangedPanes, changed_panes
from detectors.contract import BoolArray, FloatArray, IntArray, Reading, no_marks
from detectors.divergence import compare
from detectors.pooled_judge import PooledJudge


@dataclass(frozen=True, slots=True)
class PSIReading(Reading):
    """A `Reading` with the index as people know it.

    psi: float64 (S,), the population stability index with +0.5 a bin; 0 for an empty window.
    n: int64 (S,), rows in the window.
    insufficient: bool (S,), too few rows to say anything: neither an alarm nor an all-clear.
    """

    psi: FloatArray
    n: IntArray
    insufficient: BoolArray


@dataclass(frozen=True, slots=True)
class Contributions:
    """One signal's bins, each (B,), in the order of the codes.

    reference, current: float64, shares that sum to 1 (current is all 0 for an empty window);
    part: float64, the bin's part of the PSI, summing to 1 (0 where there is no difference).
    """

    reference: FloatArray
    current: FloatArray
    part: FloatArray


class PSI(PooledJudge):
    r"""Population stability index over the last W panes, for bin codes of numbers and categories.

    The score is Pearson's divergence ``sum (q - p)^2 / r`` of the window's shares q from the
    reference's shares p, r being their common estimate; for small changes it is the PSI, about
    d^2 for a mean shift of d standard deviations. The threshold is the chi-square quantile of the
    level times ``(1/n + 1/m) inflation``, so it falls as the window fills. The PSI itself, whose
    tail is heavier than chi-square, is shown beside it. There is no direction and no onset: the
    change lies within the window.

    Parameters
    ----------
    shares, rows, min_expected, options
        As in `detectors.pooled_judge.PooledJudge`; the inflation is
        `detectors.autocorrelation.indicator_inflation`. A threshold that is ``fixed`` by hand is a
        PSI, whatever the number of rows, and the score of its signal is then the PSI itself.

    The classic mistake is a fixed threshold: without any drift PSI > 0.1 holds for 40 % of the
    windows of 100 rows and 10 bins.

    Raises ValueError for shares that do not sum to 1 and parameters out of range.

    Examples
    --------
    From pane 5 on the upper half of the bins takes two thirds of the rows instead of a half:

    >>> rng = np.random.default_rng(7)
    >>> psi = PSI.textbook(1)
    >>> alarms = []
    >>> for pane in range(12):
    ...     p = np.repeat([3, 3] if pane < 5 else [2, 4], 6) / 36
    ...     codes = rng.choice(12, size=(1, 400), p=p).astype(np.int16)
    ...     psi.update(codes, np.zeros((3, 400), dtype=np.int64))
    ...     reading = psi.end_pane(pane)
    ...     alarms += [pane] if reading.alarm[0] else []
    >>> alarms, round(float(reading.psi[0]), 3)
    ([8, 9, 10, 11], 0.032)

    References
    ----------
    S. Kullback, R. A. Leibler (1951), On Information and Sufficiency, Ann. Math. Statist. 22.
    B. Yurdakul (2018), Statistical Properties of Population Stability Index, Western Michigan
    University: PSI as a chi-square with (1/n + 1/m).
    """

    name: ClassVar[str] = "psi"

    def end_pane(self, pane: int) -> PSIReading:
        """Close the pane; see `detectors.contract.Detector.end_pane`."""
        self._push(pane)
        return self.against(self.panes).read(self._own().total)

    def recent(self, panes: int) -> PSIReading:
        """The reading of the last panes alone: a short window tells a recovery sooner."""
        return self.against(panes).read(self.window(panes))

    def read(self, counts: IntArray) -> PSIReading:
        """Judge counts (S, B) of any window; nothing is kept of them."""
        count = self.signals
        score = np.empty(count)
        psi = np.empty(count)
        kept = np.empty(count, dtype=np.int64)
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
        n = counts.sum(axis=1)
        insufficient = self._few(n, kept)
        threshold = self._quantiles(kept) * self._scale(n)
        if self._fixed is not None:
            score = np.where(np.isnan(self._fixed), score, psi)
        score, threshold = self._settled(score, threshold, insufficient)
        return PSIReading(
            score=score,
            threshold=threshold,
            alarm=score >= threshold,
            direction=np.zeros(count, dtype=np.int8),
            onset=no_marks(count),
            hits=(),
            psi=psi,
            n=n,
            insufficient=insufficient,
        )

    def contributions(self, signal: int, last: int | None = None) -> Contributions:
        """Which bins moved, of one signal, over the last panes or the whole window."""
        size = int(self._sizes[signal])
        counts = self.window(last)[signal, :size]
        n = float(counts.sum())
        shares, rows = self.usual(self.panes if last is None else last)
        m = float(rows[signal])
        reference = shares[signal, :size].copy()
        if n == 0.0:
            return Contributions(reference, np.zeros(size), np.zeros(size))
        p = (m * reference + 0.5) / (m + 0.5 * size)
        q = (counts + 0.5) / (n + 0.5 * size)
        terms = (q - p) * np.log(q / p)
        whole = float(terms.sum())
        return Contributions(reference, counts / n, terms / whole if whole > 0 else terms)

    def changed_panes(self, signal: int) -> ChangedPanes:
        """Since which of the window's panes one signal's bins differ from the reference's."""
        size = int(self._sizes[signal])
        shares, rows = self.usual(self.panes)
        m = float(rows[signal])
        p = (m * shares[signal, :size] + 0.5) / (m + 0.5 * size)
        counts = self._own().history(signal)[:, :size]
        return changed_panes(counts, p, float(self._inflation[signal]))
