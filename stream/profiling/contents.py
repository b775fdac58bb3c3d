"""How often a reference repeats itself: requests that ask the same as an earlier one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from driftlog.records import SignalProfile, rounded
from stream.faults.replay import content_signals, contents
from stream.preparation import Preparation
from stream.profiling.types import Numbers, Texts
from stream.rows import CategoryColumn

__all__ = ["repeated_share"]

_ROWS: Final = 10_000  # hashed at once


def repeated_share(
    signals: Sequence[SignalProfile], cells: Mapping[str, Numbers | Texts]
) -> float | None:
    """Share of rows whose inputs had all come before, 0 to 1; None without inputs.

    Args:
        signals: the first shard's, since one shard of a series looks at contents.
        cells: of the inputs among them, by signal, (m,) each.
    """
    inputs = [signals[i] for i in content_signals(signals) if signals[i].signal in cells]
    if not inputs:
        return None
    # What is hashed are plain values: a request is the same at any hour.
    preparation = Preparation([msgspec.structs.replace(one, season=None) for one in inputs])
    every = np.arange(len(inputs), dtype=np.intp)
    first = cells[inputs[0].signal]
    rows = len(first.codes) if isinstance(first, CategoryColumn) else len(first)
    found = []
    for at in range(0, rows, _ROWS):
        cut = slice(at, at + _ROWS)
        numbers, texts = {}, {}
        for one in inputs:
            column = cells[one.signal]
            if isinstance(column, CategoryColumn):
                texts[one.signal] = column.take(cut)
            else:
                numbers[one.signal] = column[cut]
        count = min(_ROWS, rows - at)
        found.append(contents(preparation.of_columns(count, numbers, texts), every))
    distinct = len(np.unique(np.concatenate(found)))
    return rounded(1.0 - distinct / rows)
