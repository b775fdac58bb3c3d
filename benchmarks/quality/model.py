"""A model of twenty signals under production settings, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.kinds import DAYS, LEVELS, Kind, Source
from driftlog.records import ReferenceProfile, SignalType
from driftlog.settings import Duration, ModelSettings, Settings
from stream.preparation import Preparation, Prepared
from stream.profile import build_profile
from stream.profiling.cells import Cells
from stream.profiling.cells import Kind as Cell
from stream.profiling.columns import Column, Columns
from stream.rows import CategoryColumn
from stream.thresholds import MONTH_S

__all__ = ["PANE_ROWS", "SIGNALS", "Pace", "names", "prepared", "profile_of", "reference"]

SIGNALS = 20
PANE_ROWS = 600
_MOST_BUDGET = 10_000.0  # a month; what the settings allow

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast rows come, which is all that ties a number of rows to a budget a month.

    A run of ``rows`` in which ``expected`` false incidents are allowed has the budget
    ``expected / months``. 600 rows a pane always; event time is stretched so that the largest
    budget stays within what the settings allow. Only the ratio of rows to a month matters.
    """

    rate: float  # events a second
    pane_ms: int

    @classmethod
    def for_run(cls, rows: int, most_expected: float) -> Pace:
        """The fastest pace of at most 60 events/s at which the budget is a legal setting."""
        rate = min(60.0, rows * _MOST_BUDGET / (MONTH_S * most_expected))
        pane_ms = int(np.ceil(PANE_ROWS / rate * 1000))
        return cls(1000.0 * PANE_ROWS / pane_ms, pane_ms)

    def months(self, rows: int) -> float:
        """Event time that so many rows take, in months."""
        return rows / (self.rate * MONTH_S)

    def settings(self, budget: float | None = None) -> Settings:
        """Production defaults at this pace, with this alarm budget (none: the default)."""
        base = Settings()
        detection = msgspec.structs.replace(base.detection, expected_rate=self.rate)
        if budget is not None:
            detection = msgspec.structs.replace(detection, alarm_budget=budget)
        stream = msgspec.structs.replace(base.stream, pane=Duration(self.pane_ms))
        return msgspec.structs.replace(base, stream=stream, detection=detection)


def names(count: int = SIGNALS) -> tuple[str, ...]:
    """What signals are called."""
    return tuple(f"signal {i:02d}" for i in range(count))


def reference(kind: Kind, rows: int, rng: np.random.Generator) -> ReferenceProfile:
    """The profile of a reference of this kind: 20 signals, each with a sample of its own."""
    values, ts_ms = Source(kind, SIGNALS, rng, day_rows=max(rows // DAYS, 1)).timed(rows)
    columns = {name: (row, kind.type) for name, row in zip(names(), values, strict=True)}
    return profile_of(columns, ts_ms=ts_ms if kind.cycle else None)


def profile_of(
    columns: Mapping[str, tuple[FloatArray, SignalType]],
    levels: Mapping[str, tuple[str, ...]] | None = None,
    ts_ms: NDArray[np.int64] | None = None,
) -> ReferenceProfile:
    """The production profile of columns given as arrays.

    Args:
        columns: values by name, (m,), NaN where missing; of a category the index of its level,
            of a boolean 0 and 1.
        levels: of categories; those not named have `LEVELS`.
        ts_ms: event times, (m,), rising; None: nothing is known of them.
    """
    found = []
    for name, (values, kind) in columns.items():
        there = np.isfinite(values)
        if kind is SignalType.CATEGORY:
            code = np.where(there, values, -1).astype(np.int32)
            own = (levels or {}).get(name, LEVELS)
            cells = Cells(_kinds(there, Cell.TEXT), np.full(len(values), np.nan), own, code)
        else:
            cell = Cell.BOOLEAN if kind is SignalType.BOOLEAN else Cell.NUMBER
            code = np.full(len(values), -1, dtype=np.int32)
            cells = Cells(_kinds(there, cell), values, (), code)
        found.append(Column(name, name, "input", cells))
    rows = len(next(iter(columns.values()))[0])
    # Named, so that no column is taken for a key: nothing here is one.
    models = ModelSettings(include=tuple(columns))
    order = np.arange(rows, dtype=np.int64)
    times = order if ts_ms is None else ts_ms
    return build_profile(
        Columns(times, tuple(found), {}, key=order.astype(np.uint64)),
        model="quality",
        version="1",
        origin="file",
        models=models,
        timed=ts_ms is not None,
    )


def _kinds(there: NDArray[np.bool_], kind: Cell) -> NDArray[np.int8]:
    return np.where(there, kind, Cell.MISSING).astype(np.int8)


def prepared(
    preparation: Preparation,
    values: FloatArray,
    kind: Kind,
    ts_ms: NDArray[np.int64] | None = None,
) -> Prepared:
    """Rows (S, n) of a kind as detectors take them, NaN where missing; cycles need their times."""
    if kind.type is not SignalType.CATEGORY:
        columns = dict(zip(names(len(values)), values, strict=True))
        return preparation.of_columns(values.shape[1], columns, {}, ts_ms)
    codes = np.where(np.isfinite(values), values, -1).astype(np.int32)
    own = (*LEVELS, "a new level")  # index 50, for scenarios
    return preparation.of_columns(
        values.shape[1],
        {},
        {name: CategoryColumn(own, row) for name, row in zip(names(), codes, strict=True)},
    )
