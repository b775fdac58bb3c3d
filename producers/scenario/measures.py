"""What a scenario must know of a file before it can change it: found in one pass."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from driftlog.errors import InputError
from driftlog.files import FileRow
from driftlog.files.spec import near
from driftlog.records import Nested, Value
from producers.scenario.draw import Draw

__all__ = ["LABEL", "PREDICTION", "ColumnMeasures", "Measures", "measure", "value_of"]

LABEL = "label"
PREDICTION = "prediction"
_MAX_LEVELS = 1000
_POOL_ROWS = 20_000
_EVEN = Draw(seed=0, step=-1)


@dataclass(slots=True)
class ColumnMeasures:
    """One column over its own values."""

    present: int = 0
    numbers: int = 0
    mean: float = 0.0
    levels: Counter[Value] = field(default_factory=Counter)  # at most 1,000 different ones
    _m2: float = 0.0

    def add(self, value: Value | Nested) -> None:
        """Take one value; None and what is no scalar count as absent."""
        if value is None or isinstance(value, Nested):
            return
        self.present += 1
        if value in self.levels or len(self.levels) < _MAX_LEVELS:
            self.levels[value] += 1
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            self.numbers += 1
            step = value - self.mean
            self.mean += step / self.numbers  # Welford (1962): exact enough in one pass
            self._m2 += step * (value - self.mean)

    @property
    def numeric(self) -> bool:
        """Whether most of its values are numbers."""
        return self.numbers > self.present / 2

    @property
    def sd(self) -> float:
        """Standard deviation of its numbers (n - 1)."""
        return math.sqrt(self._m2 / (self.numbers - 1)) if self.numbers > 1 else 0.0


@dataclass(slots=True)
class Measures:
    """A file: its rows' times, its columns, and a pool of rows to sample from."""

    times: list[int] = field(default_factory=list)
    inputs: dict[str, ColumnMeasures] = field(default_factory=dict)
    label: ColumnMeasures = field(default_factory=ColumnMeasures)
    prediction: ColumnMeasures = field(default_factory=ColumnMeasures)
    confidences: int = 0
    latencies: int = 0
    pool: list[FileRow] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.times)

    def column(self, name: str) -> ColumnMeasures:
        """Return an input's measures, or those of the label or prediction.

        Raises:
            InputError: there is no such column; lists those there are.
        """
        found = self.inputs.get(name)
        if found is None and name == LABEL and self.label.present:
            found = self.label
        if found is None and name == PREDICTION and self.prediction.present:
            found = self.prediction
        if found is None:
            raise InputError(
                f"the scenario names {name!r}, which is no input of the file; there are "
                f"{', '.join(self.inputs) or 'none'}{near(name, self.inputs)}"
            )
        return found


def measure(rows: Iterable[FileRow], limit: int | None = None) -> Measures:
    """Read the rows once.

    Args:
        rows: in the order in which they are replayed.
        limit: the replay's, so that a fraction is one of what is sent.
    """
    measures = Measures()
    for position, row in enumerate(rows):
        if limit is not None and position >= limit:
            break
        event = row.event
        measures.times.append(event.ts_ms)
        for name, value in event.inputs.items():
            column = measures.inputs.get(name)
            if column is None:
                column = measures.inputs[name] = ColumnMeasures()
            column.add(value)
        measures.label.add(row.label)
        if event.outputs is not None:
            measures.prediction.add(event.outputs.prediction)
            measures.confidences += event.outputs.confidence is not None
        measures.latencies += event.latency_ms is not None
        _keep(measures.pool, row, position)
    return measures


def _keep(pool: list[FileRow], row: FileRow, position: int) -> None:
    """Algorithm R (Vitter 1985): each row is in the pool with the same chance."""
    if position < _POOL_ROWS:
        pool.append(row)
    elif (place := int(_EVEN(position) * (position + 1))) < _POOL_ROWS:
        pool[place] = row


def value_of(row: FileRow, name: str) -> Value | Nested:
    """Return a row's value of an input, or its label or prediction."""
    if name in row.event.inputs:
        return row.event.inputs[name]
    if name == LABEL:
        return row.label
    if name == PREDICTION and row.event.outputs is not None:
        return row.event.outputs.prediction
    return None
