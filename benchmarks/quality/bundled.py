"""River's bundled series, with what people marked as changes in them: a table, and no claim.

They are short and have no quiet stretch that could serve as a reference: prices and counts wander
all the time. What a monitor says of them is shown as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from river.drift import datasets

from benchmarks.quality.real import Table
from benchmarks.quality.walk import walk
from driftlog.records import AlertStatus, SignalType

__all__ = ["Bundled", "measure_bundled"]

_SETS: dict[str, Callable[[], Any]] = {
    "AirlinePassengers": datasets.AirlinePassengers,
    "Apple": datasets.Apple,
    "Bitcoin": datasets.Bitcoin,
    "BrentSpotPrice": datasets.BrentSpotPrice,
    "Occupancy": datasets.Occupancy,
    "RunLog": datasets.RunLog,
}
_REFERENCE = 0.3  # share of the rows
_PANES = 40  # that the rest is cut into


@dataclass(frozen=True, slots=True)
class Bundled:
    """One set: rows, rows of its reference, rows marked by any annotator, onsets told."""

    name: str
    rows: int
    reference: int
    marked: tuple[int, ...]
    onsets: tuple[int, ...]


def measure_bundled(advance: Callable[[int], None] = lambda _: None) -> list[Bundled]:
    """Walk each set once; after an incident the next reference is as long as the first."""
    found = []
    for name, make in _SETS.items():
        data = make()
        columns = _columns(data)
        table = Table(name, {key: (values, SignalType.NUMBER) for key, values in columns.items()})
        reference = int(_REFERENCE * len(table))
        pane = max((len(table) - reference) // _PANES, 1)
        told = walk(table, (0, reference), pane, reference, advance)
        marked = {int(row) for rows in data.annotations.values() for row in rows}
        onsets = tuple(t.onset for t in told if t.alert.status is AlertStatus.FIRING)
        found.append(Bundled(name, len(table), reference, tuple(sorted(marked)), onsets))
    return found


def _columns(data: Any) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """The numbers of each row, by name; times are left out."""
    rows: list[dict[str, float]] = []
    for _, y in data:
        parts = y if isinstance(y, dict) else {"value": y}
        rows.append({key: float(value) for key, value in parts.items()})
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}
