"""Which rows of a batch are taken: all but the late ones, judged in the order of the log."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stream.decoded import ReferencedRows
from stream.lateness import Lateness

__all__ = ["admit"]


def admit(lateness: Lateness, groups: Sequence[ReferencedRows]) -> tuple[list[ReferencedRows], int]:
    """Judge all rows of a batch of one source partition together, over all models.

    Args:
        lateness: of the source partition; its maximum moves.
        groups: the batch's rows by model version and reference, each in the order of the log.

    Returns:
        The same groups without their late rows, and how many those were.
    """
    if not groups:
        return [], 0
    order = np.argsort(np.concatenate([one.rows.offset for one in groups]), kind="stable")
    times = np.concatenate([one.rows.ts_ms for one in groups])
    late = np.empty(len(times), dtype=np.bool_)
    late[order] = lateness.judge(times[order])
    count = int(np.count_nonzero(late))
    if not count:
        return list(groups), 0
    cuts = np.cumsum([len(one.rows) for one in groups])[:-1]
    kept = [np.flatnonzero(~mask) for mask in np.split(late, cuts)]
    return [
        ReferencedRows(one.rows.take(keep), one.reference)
        for one, keep in zip(groups, kept, strict=True)
        if len(keep)
    ], count
