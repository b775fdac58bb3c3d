"""Incremental PSI: the bins of a sliding window against those of the reference."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from detectors.calibration import chi_square_levels
from detectors.contract import (
    BoolArray,
    CodeArray,
    FloatArray,
    IntArray,
    Reading,
    check_batch,
    check_state,
    no_marks,
)
from detectors.divergence import compare, count_codes
from detectors.packing import pack, unpack
from detectors.pane_ring import PaneRing

_VERSION = 1


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


class PSI:
    r"""Population stability index over the last W panes, for bin codes of numbers and categories.

    The score is Pearson's divergence ``sum (q - p)^2 / r`` of the window's shares q from the
    reference's shares p, r being their common estimate; for small changes it is the PSI, about
    d^2 for a mean shift of d standard deviations. The threshold is the chi-square quantile of the
    level times ``(1/n + 1/m) inflation``, so it falls as the window fills. The PSI itself, whose
    tail is heavier than chi-square, is shown beside it. There is no direction and no onset: the
    change lies within the window.

    Parameters
    ----------
    shares
        Reference share of each bin, float64 (S, B), each row summing to 1; NaN pads signals with
        fewer bins at the end.
    rows
        m, rows of the reference for each signal, (S,).
    panes
        W, the length of the window.
    level
        Probability of a false alarm at one look, a number or (S,).
    inflation
        By how much autocorrelation inflates the variance of shares, at least 1, a number or (S,);
        see `detectors.calibration.indicator_inflation`.
    min_rows
        Below so many (effective) rows a window is insufficient.
    min_expected
        Bins with a smaller expected count are pooled into one.

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
    takes: ClassVar[Literal["z", "bins"]] = "bins"

    def __init__(
        self,
        shares: FloatArray,
        rows: IntArray,
        *,
        panes: int = 60,
        level: float | FloatArray = 1e-6,
        inflation: float | FloatArray = 1.0,
        min_rows: int = 30,
        min_expected: float = 5.0,
    ) -> None:
        if shares.ndim != 2 or rows.shape != shares.shape[:1]:
            raise ValueError(f"shares {shares.shape} and rows {rows.shape} are (S, B) and (S,)")
        self._sizes = (~np.isnan(shares)).sum(axis=1)
        padded = np.arange(shares.shape[1]) >= self._sizes[:, None]
        sums = np.nansum(shares, axis=1)
        for s in range(len(shares)):
            if (padded[s] != np.isnan(shares[s])).any() or abs(sums[s] - 1.0) > 1e-6:
                raise ValueError(
                    f"shares of signal {s} sum to {sums[s]} over {self._sizes[s]} bins; they sum "
                    f"to 1, with NaN only after the last bin"
                )
        self._shares = np.array(shares, dtype=np.float64)
        self._reference_rows = np.array(rows, dtype=np.float64)
        self._inflation = np.array(np.broadcast_to(inflation, rows.shape), dtype=np.float64)
        if not (bool((rows >= 1).all()) and bool((self._inflation >= 1.0).all())):
            raise ValueError(f"rows {rows} and inflation {self._inflation} are at least 1")
        levels = np.array(np.broadcast_to(level, rows.shape), dtype=np.float64)
        # quantile[s, d]: the chi-square quantile for d + 1 degrees of freedom.
        self._quantile = chi_square_levels(levels, max(shares.shape[1] - 1, 1))
        self._min_rows = min_rows
        self._min_expected = min_expected
        # Signals that could be compared if only the window had more rows.
        enough = np.where(padded, 0.0, shares) * (rows / self._inflation)[:, None] >= min_expected
        self._comparable = enough.sum(axis=1) >= 2
        self._ring = PaneRing(panes, shares.shape)
        self._open = np.zeros(shares.shape, dtype=np.int64)

    @classmethod
    def textbook(cls, signals: int) -> Self:
        """12 equal bins, a reference of 10,000 rows, one false alarm in a million looks."""
        return cls(np.full((signals, 12), 1 / 12), np.full(signals, 10_000))

    @property
    def signals(self) -> int:
        """S, the number of signals."""
        return len(self._shares)

    @property
    def panes(self) -> int:
        """W, the length of the window in panes."""
        return self._ring.panes

    def update(self, x: CodeArray, at: IntArray) -> None:
        """Take the next rows' codes; see `detectors.contract.Detector.update`.

        Raises ValueError for a code that is not one of its signal's bins.
        """
        check_batch(x, at, self.signals)
        if x.dtype != np.int16:
            raise ValueError(f"x is {x.dtype}; bin codes are int16")
        wrong = count_codes(np.ascontiguousarray(x), self._sizes, self._open)
        if wrong >= 0:
            raise ValueError(
                f"signal {wrong} has a code {x[wrong].max()}; its bins are 0 to "
                f"{self._sizes[wrong] - 1}"
            )

    def end_pane(self, pane: int) -> PSIReading:
        """Close the pane; see `detectors.contract.Detector.end_pane`."""
        self._ring.push(pane, self._open)
        self._open[:] = 0
        return self._read(self._ring.total)

    def recent(self, panes: int) -> PSIReading:
        """The reading of the last panes alone: a short window tells a recovery sooner."""
        return self._read(self._ring.span(panes))

    def _read(self, counts: IntArray) -> PSIReading:
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
        few = n / self._inflation < self._min_rows
        insufficient = few | ((kept < 2) & self._comparable)
        score[insufficient] = 0.0
        quantile = self._quantile[np.arange(count), np.maximum(kept, 2) - 2]
        # With no rows the threshold is that of the smallest window there is.
        rows = np.maximum(n, self._min_rows)
        threshold = quantile * (1.0 / rows + 1.0 / self._reference_rows) * self._inflation
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

    def window(self, last: int | None = None) -> IntArray:
        """Counts (S, B) of the last panes, or of the whole window."""
        return self._ring.span(self.panes if last is None else last)

    def contributions(self, signal: int, last: int | None = None) -> Contributions:
        """Which bins moved, of one signal, over the last panes or the whole window."""
        size = int(self._sizes[signal])
        counts = self.window(last)[signal, :size]
        n = float(counts.sum())
        m = float(self._reference_rows[signal])
        reference = self._shares[signal, :size].copy()
        if n == 0.0:
            return Contributions(reference, np.zeros(size), np.zeros(size))
        p = (m * reference + 0.5) / (m + 0.5 * size)
        q = (counts + 0.5) / (n + 0.5 * size)
        terms = (q - p) * np.log(q / p)
        whole = float(terms.sum())
        return Contributions(reference, counts / n, terms / whole if whole > 0 else terms)

    def keep_last(self, signals: BoolArray, panes: int) -> None:
        """For the signals in the mask, forget all but the last panes, as after a recovery."""
        self._ring.keep_last(signals, panes)

    def reset(self, signals: BoolArray | None = None) -> None:
        """Forget; see `detectors.contract.Detector.reset`."""
        if signals is None:
            self._ring.clear()
            self._open[:] = 0
        else:
            self._ring.keep_last(signals, 0)
            self._open[signals] = 0

    def state(self) -> dict[str, Any]:
        """Plain data: a byte or two for each bin and pane that is not empty."""
        return {
            "v": _VERSION,
            "shape": [*self._shares.shape, self.panes],
            "ring": self._ring.state(),
            "open": pack(self._open),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`; see `detectors.contract.Detector.restore`."""
        check_state(state, _VERSION, [*self._shares.shape, self.panes])
        self._ring.restore(state["ring"])
        self._open[:] = unpack(state["open"], self._open.size).reshape(self._open.shape)
