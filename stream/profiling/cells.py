"""One raw column, cell by cell: what kind of value each row held, before any type is decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cells", "CellsBuilder", "Kind"]


class Kind(IntEnum):
    """What JSON type a cell has."""

    MISSING = 0  # null, absent, or NaN, which JSON cannot hold
    NUMBER = 1
    TEXT = 2
    BOOLEAN = 3
    OTHER = 4  # a list, an object, an infinity: nothing that can be watched


_KINDS: Final[dict[type, int]] = {
    type(None): Kind.MISSING,
    float: Kind.NUMBER,
    int: Kind.NUMBER,
    str: Kind.TEXT,
    bool: Kind.BOOLEAN,
}


@dataclass(frozen=True, slots=True)
class Cells:
    """A column of n cells.

    kind: int8 (n,), the `Kind` of each cell.
    number: float64 (n,), the value of numbers and booleans (0 or 1); NaN elsewhere.
    levels: the distinct texts, in no order that means anything.
    code: int32 (n,), the index into ``levels`` of texts; -1 elsewhere.
    """

    kind: NDArray[np.int8]
    number: NDArray[np.float64]
    levels: tuple[str, ...]
    code: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, index: NDArray[np.intp]) -> Cells:
        """Return the cells at ``index``, with the same levels."""
        return Cells(self.kind[index], self.number[index], self.levels, self.code[index])


class CellsBuilder:
    """Gathers a column batch by batch at 13 bytes a cell, however many events there are."""

    def __init__(self, absent: int = 0) -> None:
        self._index: dict[str, int] = {}
        self._parts: list[tuple[NDArray[np.int8], NDArray[np.float64], NDArray[np.int32]]] = []
        if absent:  # the rows before the column first appeared
            self.add([None] * absent)

    def add(self, values: Sequence[object]) -> None:
        """Append cells. A value that is no scalar is kept as one that cannot be watched."""
        n = len(values)
        kind = np.fromiter((_KINDS.get(type(v), Kind.OTHER) for v in values), np.int8, n)
        number = np.full(n, np.nan)
        code = np.full(n, -1, dtype=np.int32)
        numeric = (kind == Kind.NUMBER) | (kind == Kind.BOOLEAN)
        if numeric.any():
            number[numeric] = [_float(values[i]) for i in np.flatnonzero(numeric).tolist()]
        text = kind == Kind.TEXT
        if text.any():
            index = self._index
            code[text] = [
                index.setdefault(str(values[i]), len(index)) for i in np.flatnonzero(text).tolist()
            ]
        kind[numeric & np.isnan(number)] = Kind.MISSING
        infinite = np.isinf(number)
        kind[infinite] = Kind.OTHER
        number[infinite] = np.nan
        self._parts.append((kind, number, code))

    def cells(self) -> Cells:
        """Return all that was added, in that order."""
        kinds, numbers, codes = zip(*self._parts, strict=True) if self._parts else ([], [], [])
        return Cells(
            np.concatenate([np.empty(0, np.int8), *kinds]),
            np.concatenate([np.empty(0), *numbers]),
            tuple(self._index),
            np.concatenate([np.empty(0, np.int32), *codes]),
        )


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer beyond every double
        return float("inf")
