"""Counts of the last W panes and their running total: what a sliding window is made of."""

import numpy as np

from detectors.contract import BoolArray, IntArray, check_pane
from detectors.packing import pack, unpack


class PaneRing:
    """Integers of one shape for each of the last W tumbling panes; counts unless `signed`.

    Integers, so that the running total is exact however often panes come and go. A pane that was
    left out counts as empty and takes its place in the window all the same.

    >>> ring = PaneRing(3, (2,))
    >>> for pane, counts in [(0, [1, 0]), (1, [5, 1]), (5, [2, 2])]:
    ...     ring.push(pane, np.array(counts))
    ...     print(ring.total.tolist())
    [1, 0]
    [6, 1]
    [2, 2]
    """

    def __init__(self, panes: int, shape: tuple[int, ...], *, signed: bool = False) -> None:
        if panes < 1:
            raise ValueError(f"a window of {panes} panes; it has at least 1")
        self.total = np.zeros(shape, dtype=np.int64)
        self.last = -1
        self._signed = signed
        self._slots = np.zeros((panes, *shape), dtype=np.int64)
        self._pane = np.full(panes, -1, dtype=np.int64)  # index of the pane in each slot

    @property
    def panes(self) -> int:
        """W, the length of the window in panes."""
        return len(self._pane)

    def push(self, pane: int, counts: IntArray) -> None:
        """Let panes older than the window go and take in the counts of `pane`."""
        check_pane(self.last, pane)
        self._drop((self._pane >= 0) & (self._pane <= pane - self.panes))
        self.last = pane
        if counts.any():
            slot = pane % self.panes
            self._pane[slot] = pane
            self._slots[slot] = counts
            self.total += counts

    def _drop(self, slots: BoolArray) -> None:
        for slot in np.flatnonzero(slots):
            self.total -= self._slots[slot]
            self._slots[slot] = 0
            self._pane[slot] = -1

    def span(self, newest: int, oldest: int = 0) -> IntArray:
        """The sum over the panes that ended `oldest` up to `newest` - 1 panes ago.

        ``span(k)`` is the last k panes, ``span(W, k)`` what the window held before them.
        """
        age = self.last - self._pane
        chosen = (self._pane >= 0) & (age >= oldest) & (age < newest)
        total: IntArray = self._slots[chosen].sum(axis=0)
        return total

    def filled(self, column: int) -> IntArray:
        """In how many panes of the window each signal's number in this column is not 0, (S,)."""
        found: IntArray = (self._slots[:, :, column] != 0).sum(axis=0)
        return found

    def history(self, signal: int) -> IntArray:
        """What each of the last W panes held of one signal (first axis), the last pane first."""
        slots = (self.last - np.arange(self.panes)) % self.panes
        held: IntArray = self._slots[slots, signal]
        return held

    def keep_last(self, signals: BoolArray, panes: int) -> None:
        """For the signals (first axis of the shape) in the mask, empty all but the last panes."""
        old = (self._pane >= 0) & (self.last - self._pane >= panes)
        self._slots[np.ix_(old, signals)] = 0
        self.total = self._slots.sum(axis=0)

    def clear(self) -> None:
        """Empty the window; any pane may come next."""
        self._drop(self._pane >= 0)
        self.last = -1

    def state(self) -> dict[str, int | bytes]:
        """Plain data: the panes that hold something."""
        order = np.argsort(self._pane)
        used = order[self._pane[order] >= 0]
        return {
            "last": self.last,
            "used": len(used),
            "ages": pack(self.last - self._pane[used]),
            "counts": pack(self._slots[used], signed=self._signed),
        }

    def restore(self, state: dict[str, int | bytes]) -> None:
        """Hold exactly what was held when `state` was taken."""
        self.clear()
        used = int(state["used"])
        shape = (used, *self.total.shape)
        self.last = int(state["last"])
        pane = self.last - unpack(bytes(state["ages"]), used)
        counts = unpack(bytes(state["counts"]), int(np.prod(shape)), signed=self._signed)
        self._pane[pane % self.panes] = pane
        self._slots[pane % self.panes] = counts.reshape(shape)
        self.total = self._slots.sum(axis=0)
