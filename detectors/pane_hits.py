"""The detections within the open pane, of detectors that decide row by row."""

from typing import Any

from detectors.contract import BoolArray, IntArray


class PaneHits:
    """Where in the open pane which signal was detected, however its rows are cut into batches.

    >>> import numpy as np
    >>> hits = PaneHits()
    >>> hits.add(np.array([[1, 7], [3, 0]]), 10)
    >>> hits.add(np.array([[0, 2]]), 5)
    >>> hits.told(), hits.rows
    (((3, 0), (1, 7), (0, 12)), 15)
    """

    def __init__(self) -> None:
        self.rows = 0  # of the pane so far
        self._found: list[tuple[int, int]] = []  # (row in the pane, signal)

    def add(self, found: IntArray, rows: int) -> None:
        """Take a batch: its detections as (signal, row in the batch), (K, 2), and its rows."""
        self._found.extend((int(row) + self.rows, int(s)) for s, row in found)
        self.rows += rows

    def told(self) -> tuple[tuple[int, int], ...]:
        """As (signal, row in the pane), in the order of `detectors.contract.Reading`."""
        return tuple((s, row) for row, s in sorted(self._found))

    def clear(self) -> None:
        """Begin the next pane."""
        self._found.clear()
        self.rows = 0

    def forget(self, which: BoolArray) -> None:
        """Forget those of the signals in the mask, (S,)."""
        self._found = [hit for hit in self._found if not which[hit[1]]]

    def state(self) -> dict[str, Any]:
        """Plain data."""
        return {"rows": self.rows, "hits": [list(hit) for hit in self._found]}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.rows = int(state["rows"])
        self._found = [(int(row), int(s)) for row, s in state["hits"]]
