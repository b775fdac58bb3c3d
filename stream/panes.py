"""Rows held until the watermark has passed their pane."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stream.rows import Rows, concat

__all__ = ["OpenPanes", "first_of_each", "in_order", "pane_end"]


def pane_end(ts_ms: int, pane_ms: int) -> int:
    """End of the tumbling pane that holds this event time."""
    return ts_ms - ts_ms % pane_ms + pane_ms


def in_order(rows: Rows) -> Rows:
    """Sort by (event time, hash of the event id); a doubled event id by its place in the log."""
    return rows.take(np.lexsort((rows.offset, rows.partition, rows.key, rows.ts_ms)))


def first_of_each(rows: Rows) -> Rows:
    """Drop events that are there already: the same id and time, as a client's retry has them.

    Args:
        rows: of a pane, as `in_order` sorts them.
    """
    again = (rows.key[1:] == rows.key[:-1]) & (rows.ts_ms[1:] == rows.ts_ms[:-1])
    if not again.any():
        return rows
    return rows.take(np.concatenate(([0], np.flatnonzero(~again) + 1)))


class OpenPanes:
    """Rows by pane and model version, in memory alone; whoever restarts reads them again."""

    def __init__(self, pane_ms: int) -> None:
        self._pane_ms = pane_ms
        self._held: dict[int, dict[tuple[str, str], list[Rows]]] = {}
        self.rows = 0

    def hold(self, rows: Rows) -> int:
        """Keep rows of one model version; return the end of the last pane they belong to."""
        ends = rows.ts_ms - rows.ts_ms % self._pane_ms + self._pane_ms
        self.rows += len(rows)
        distinct = np.unique(ends)
        for end in distinct:
            part = rows if len(distinct) == 1 else rows.take(np.flatnonzero(ends == end))
            held = self._held.setdefault(int(end), {})
            held.setdefault((rows.model, rows.version), []).append(part)
        return int(distinct[-1]) if len(distinct) else 0

    def close(self, through_ms: int) -> Iterator[tuple[int, list[Rows]]]:
        """Give up the panes that end by ``through_ms``: (pane end, rows by model version), rising.

        Parts of one model version that differ in kind (with and without raw JSON) stay apart.
        """
        for end in sorted(end for end in self._held if end <= through_ms):
            groups = self._held.pop(end)
            found = []
            for _, parts in sorted(groups.items()):
                self.rows -= sum(map(len, parts))
                for raw in (True, False):
                    same = [part for part in parts if (part.raw is not None) is raw]
                    if same:
                        found.append(concat(same))
            yield end, found
