"""Wasserstein's distance over bins: how far values have moved, in standard deviations."""

from math import pi
from typing import ClassVar, Self, Unpack

import numpy as np

from detectors.contract import FloatArray, IntArray, Reading
from detectors.ordered import Ordered, gaps
from detectors.window_judge import WindowJudge, WindowOptions


class Wasserstein(WindowJudge):
    r"""The mean distance by which values must be moved to turn the reference into the window.

    Each bin stands at its centre, the mean of the reference's values in it, so that the distance is
    ``sum |F(b) - F0(b)| (c(b+1) - c(b))``. Of a shift of all values by d it is d less what moves
    within a bin: ten bins of N(0,1) show .45 of .5 and 1.5 of 2. Centres are in standard deviations
    of the clipped reference, and so is the distance; values outside the reference's range count as
    if at its clip.

    The threshold is Bousquet's bound for the supremum of an empirical process, which the distance
    is (over all functions of slope 1, by Kantorovich and Rubinstein). With ``N = (1/n + 1/m)
    inflation``, ``x = ln(1 / level)`` and v and b the variance of the centres and the largest mean
    distance from one of them,

        E = sqrt(2 N / pi) sum sqrt(F0 (1 - F0)) (c(b+1) - c(b))
        threshold = E + sqrt(2 x (v N + 2 b E N')) + b x N' / 3,    N' = inflation / min(n, m)

    E being the mean of the distance for rows like the reference's; no such function varies more
    than the values themselves do.

    Parameters
    ----------
    shares, rows
        As in `detectors.window_judge.WindowJudge`.
    ordered
        How many leading bins hold values in rising order, (S,). Signals with fewer than two are
        not watched.
    centres
        Where the values of a bin are, in standard deviations, float64 (S, B), rising.
    options
        As in `detectors.window_judge.WindowJudge`; the inflation as in `KolmogorovSmirnov`.

    The classic mistake is to compare distances of signals in their own units, or to standardise by
    the window's own spread, which shrinks what it should show.

    Raises ValueError for shares that do not sum to 1, centres that fall, and parameters out of
    range.

    Examples
    --------
    Bins that change at pane 5, as spelled out for `detectors.psi.PSI`:

    >>> from detectors.example import watch_a_change
    >>> judge = Wasserstein.textbook(1)
    >>> alarms, reading = watch_a_change(judge, np.random.default_rng(7))
    >>> alarms, round(float(reading.score[0]), 3)
    ([8, 9, 10, 11], 0.156)

    References
    ----------
    L. N. Vaserstein (1969), Markov processes over denumerable products of spaces, Probl. Inf.
    Transm. 5.
    O. Bousquet (2002), A Bennett concentration inequality and its application to suprema of
    empirical processes, C. R. Acad. Sci. Paris 334.
    """

    name: ClassVar[str] = "wasserstein"

    def __init__(
        self,
        shares: FloatArray,
        rows: IntArray,
        ordered: IntArray,
        centres: FloatArray,
        **options: Unpack[WindowOptions],
    ) -> None:
        super().__init__(shares, rows, **options)
        if centres.shape != shares.shape:
            raise ValueError(f"centres {centres.shape} and shares {shares.shape} differ in shape")
        self._order = ordered
        self._centres = centres
        self._gaps = gaps(centres, ordered)
        self.watched &= ordered >= 2
        self._tail = -np.log(self._levels)
        self.compare_with(self._shares, self._reference_rows)

    def compare_with(self, shares: FloatArray, rows: FloatArray) -> None:
        """From now on judge by these reference shares (S, B) and rows (S,)."""
        super().compare_with(shares, rows)
        self._ordered = Ordered(shares, rows, self._order)
        p, reached = self._ordered.shares, self._ordered.cumulative
        at = np.where(self._ordered.mask, self._centres, 0.0)
        mean = (p * at).sum(axis=1, keepdims=True)
        self._variance = (p * (at - mean) ** 2).sum(axis=1)
        apart = np.abs(at[:, :, None] - at[:, None, :]) * p[:, None, :]
        self._farthest = np.where(self._ordered.mask, apart.sum(axis=2), 0.0).max(axis=1, initial=0)
        spread = np.sqrt(reached * (1.0 - reached).clip(0.0))
        self._usual = np.sqrt(2.0 / pi) * (spread * self._gaps).sum(axis=1)

    @classmethod
    def textbook(cls, signals: int) -> Self:
        """12 equal bins half a sd apart, 10,000 reference rows, one false alarm in 1e6 looks."""
        rows = np.full(signals, 10_000)
        centres = np.tile((np.arange(12) - 5.5) * (12 / 143) ** 0.5, (signals, 1))
        return cls(np.full((signals, 12), 1 / 12), rows, np.full(signals, 12), centres)

    def read(self, counts: IntArray) -> Reading:
        """Judge counts (S, B) of any window; nothing is kept of them."""
        difference, n = self._ordered.difference(counts)
        held, m = np.maximum(n, self._min_rows), self._ordered.rows
        scale = (1.0 / held + 1.0 / m) * self._inflation
        coarse = self._inflation / np.minimum(held, m)
        usual = self._usual * np.sqrt(scale)
        spread = self._variance * scale + 2.0 * self._farthest * usual * coarse
        return self._reading(
            (np.abs(difference) * self._gaps).sum(axis=1),
            usual + np.sqrt(2.0 * self._tail * spread) + self._farthest * self._tail * coarse / 3.0,
            n / self._inflation < self._min_rows,
        )
