"""Kolmogorov and Smirnov's distance, at the edges of the bins."""

from typing import ClassVar, Self, Unpack

import numpy as np

from detectors.contract import FloatArray, IntArray, Reading
from detectors.ordered import Ordered
from detectors.window_judge import WindowJudge, WindowOptions


class KolmogorovSmirnov(WindowJudge):
    r"""The largest difference of the cumulative shares of window and reference, for numbers.

    It is taken at the edges of the bins, where it is exact, and so at most the classical distance,
    which looks between them as well: with ten bins by quantiles it can miss up to a tenth. A shift
    of the mean by d standard deviations makes about .4 d of it.

    The threshold is the two-sided bound of Dvoretzky, Kiefer and Wolfowitz with Massart's constant,
    in the form for two samples, ``sqrt(ln(2 / level) / 2 (1/n + 1/m) inflation)``, n and m being
    the rows with a value. At bins it errs to the quiet side.

    Parameters
    ----------
    shares, rows
        As in `detectors.window_judge.WindowJudge`.
    ordered
        How many leading bins hold values in rising order, (S,). Signals with fewer than two are
        not watched.
    options
        As in `detectors.window_judge.WindowJudge`. The inflation is that of *cumulative*
        indicators, `detectors.autocorrelation.ordered_inflation`, which is larger than that of
        single bins.

    The classic mistake is its textbook p-value on dependent rows: under AR(1) with .9 a window has
    a twentieth of the rows that it seems to have.

    Raises ValueError for shares that do not sum to 1 and parameters out of range.

    Examples
    --------
    Bins that change at pane 5, as spelled out for `detectors.psi.PSI`:

    >>> from detectors.example import watch_a_change
    >>> judge = KolmogorovSmirnov.textbook(1)
    >>> alarms, reading = watch_a_change(judge, np.random.default_rng(7))
    >>> alarms, round(float(reading.score[0]), 3)
    ([7, 8, 9, 10, 11], 0.085)

    References
    ----------
    P. Massart (1990), The Tight Constant in the Dvoretzky-Kiefer-Wolfowitz Inequality, Ann.
    Probab. 18.
    F. Wei, R. M. Dudley (2012), Two-sample Dvoretzky-Kiefer-Wolfowitz inequalities, Statist.
    Probab. Lett. 82.
    """

    name: ClassVar[str] = "kolmogorov_smirnov"

    def __init__(
        self,
        shares: FloatArray,
        rows: IntArray,
        ordered: IntArray,
        **options: Unpack[WindowOptions],
    ) -> None:
        super().__init__(shares, rows, **options)
        self._order = ordered
        self._ordered = Ordered(shares, rows, ordered)
        self.watched &= ordered >= 2
        self._tail = 0.5 * np.log(2.0 / self._levels)

    def compare_with(self, shares: FloatArray, rows: FloatArray) -> None:
        """From now on judge by these reference shares (S, B) and rows (S,)."""
        super().compare_with(shares, rows)
        self._ordered = Ordered(shares, rows, self._order)

    @classmethod
    def textbook(cls, signals: int) -> Self:
        """12 equal bins, a reference of 10,000 rows, one false alarm in a million looks."""
        rows = np.full(signals, 10_000)
        return cls(np.full((signals, 12), 1 / 12), rows, np.full(signals, 12))

    def read(self, counts: IntArray) -> Reading:
        """Judge counts (S, B) of any window; nothing is kept of them."""
        difference, n = self._ordered.difference(counts)
        scale = (1.0 / np.maximum(n, self._min_rows) + 1.0 / self._ordered.rows) * self._inflation
        return self._reading(
            np.abs(difference).max(axis=1),
            np.sqrt(self._tail * scale),
            n / self._inflation < self._min_rows,
        )
