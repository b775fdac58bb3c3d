"""Means and spreads over any span of panes: the before and after figures of an alert."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from detectors.contract import BoolArray, FloatArray, IntArray, check_batch, check_state, finite
from detectors.kernel import kernel
from detectors.packing import pack, unpack
from detectors.pane_ring import PaneRing

_VERSION = 1
_UNIT = 4096.0  # fixed point: 1/4096 of a standard deviation, so that sums are exact
_MOST = 1e5  # sd; values beyond it count as this, so that no sum of squares overflows


@kernel
def _add(x: FloatArray, out: IntArray) -> None:
    for s in range(x.shape[0]):
        for i in range(x.shape[1]):
            v = x[s, i]
            if not np.isfinite(v):
                out[s, 3] += 1
                continue
            v = min(max(v, -_MOST), _MOST)
            out[s, 0] += 1
            out[s, 1] += np.int64(np.rint(v * _UNIT))
            out[s, 2] += np.int64(np.rint(v * v * _UNIT))


@dataclass(frozen=True, slots=True)
class SpanMoments:
    """Figures of a span of panes, each (S,); 0 where there are no values.

    n: int64, values; missing: int64, rows without a value; mean, sd: float64, in the unit of z.
    """

    n: IntArray
    missing: IntArray
    mean: FloatArray
    sd: FloatArray


class Moments:
    """Count, mean and standard deviation of S standardised signals over the last W panes.

    It steps like a detector (``update``, then ``end_pane``) but alarms on nothing. Sums are kept
    as integers of 1/4096 sd: exact, and the same in whatever order they were added.

    >>> moments = Moments(signals=1, panes=60)
    >>> marks = np.zeros((3, 4), dtype=np.int64)
    >>> for pane, z in enumerate([[0.0, 1.0, -1.0, 0.0], [2.0, 3.0, 2.0, np.nan]]):
    ...     moments.update(np.array([z]), marks)
    ...     moments.end_pane(pane)
    >>> now, before = moments.span(1), moments.span(60, 1)
    >>> round(float(now.mean[0]), 2), int(now.missing[0]), float(before.mean[0])
    (2.33, 1, 0.0)
    """

    def __init__(self, signals: int, panes: int = 60) -> None:
        self._ring = PaneRing(panes, (signals, 4), signed=True)
        self._open = np.zeros((signals, 4), dtype=np.int64)

    @property
    def signals(self) -> int:
        """S, the number of signals."""
        return len(self._open)

    def update(self, x: FloatArray, at: IntArray) -> None:
        """Take the next rows, z of shape (S, N); what is not finite counts as missing."""
        check_batch(x, at, self.signals)
        _add(finite(x), self._open)

    def end_pane(self, pane: int) -> None:
        """Close the pane; ValueError when it does not come after the one before."""
        self._ring.push(pane, self._open)
        self._open[:] = 0

    def span(self, newest: int, oldest: int = 0) -> SpanMoments:
        """Figures of the panes that ended `oldest` up to `newest` - 1 panes ago."""
        whole = newest >= self._ring.panes and oldest == 0
        sums = self._ring.total if whole else self._ring.span(newest, oldest)
        n, total, squares, missing = sums.T
        many = np.maximum(n, 1)
        mean = total / _UNIT / many
        sd = np.sqrt(np.maximum(squares / _UNIT / many - mean * mean, 0.0))
        return SpanMoments(n.copy(), missing.copy(), mean, sd)

    def mean(self) -> FloatArray:
        """The mean of the whole window, (S,); 0 where there are no values."""
        sums = self._ring.total
        found: FloatArray = sums[:, 1] / _UNIT / np.maximum(sums[:, 0], 1)
        return found

    def held(self) -> IntArray:
        """Panes of the window that hold values, (S,)."""
        return self._ring.filled(0)

    def keep_last(self, signals: BoolArray, panes: int) -> None:
        """For the signals in the mask, forget all but the last panes."""
        self._ring.keep_last(signals, panes)

    def reset(self, signals: BoolArray | None = None) -> None:
        """Forget everything, of the signals in the mask or of all."""
        if signals is None:
            self._ring.clear()
            self._open[:] = 0
        else:
            self._ring.keep_last(signals, 0)
            self._open[signals] = 0

    def state(self) -> dict[str, Any]:
        """Plain data with a format version."""
        return {
            "v": _VERSION,
            "shape": [self.signals, self._ring.panes],
            "ring": self._ring.state(),
            "open": pack(self._open, signed=True),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`; ValueError when it is of another version or shape."""
        check_state(state, _VERSION, [self.signals, self._ring.panes])
        self._ring.restore(state["ring"])
        size = self._open.size
        self._open[:] = unpack(state["open"], size, signed=True).reshape(self._open.shape)
