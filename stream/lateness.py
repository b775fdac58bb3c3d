"""Which rows are late: a property of the log alone, never of when somebody reads it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Lateness"]


@dataclass(slots=True)
class Lateness:
    """The running maximum of one source partition.

    A row is late when its time is before the maximum of the accepted rows *before* it, less the
    allowed lateness. Late rows do not move the maximum, so judging a batch at once or row by row
    gives the same.
    """

    allowed_ms: int
    max_ms: int | None = None

    @property
    def watermark_ms(self) -> int | None:
        """No row to come with a time before this will be accepted; none before the first row."""
        return None if self.max_ms is None else self.max_ms - self.allowed_ms

    def judge(self, ts_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which rows are late, in the order of the log; moves the maximum.

        Args:
            ts_ms: event times, (n,), in milliseconds, in order of offset.
        """
        if not len(ts_ms):
            return np.zeros(0, dtype=np.bool_)
        # A late row lies below the maximum, so taking the maximum over all rows is the same as
        # over the accepted ones.
        running = np.maximum.accumulate(ts_ms)
        late = np.zeros(len(ts_ms), dtype=np.bool_)
        if self.max_ms is None:
            late[1:] = ts_ms[1:] < running[:-1] - self.allowed_ms
            self.max_ms = int(running[-1])
        else:
            before = np.maximum(np.concatenate(([self.max_ms], running[:-1])), self.max_ms)
            late = ts_ms < before - self.allowed_ms
            self.max_ms = max(self.max_ms, int(running[-1]))
        return late

    def tick(self, watermark_ms: int) -> None:
        """Raise the watermark to ``watermark_ms``: nothing older will come."""
        at_least = watermark_ms + self.allowed_ms
        self.max_ms = at_least if self.max_ms is None else max(self.max_ms, at_least)
