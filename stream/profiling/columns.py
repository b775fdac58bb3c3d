"""Events turned into columns: every signal's cells in event-time order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from driftlog.records import (
    OUTPUT_SIGNALS,
    SERVICE_SIGNALS,
    Event,
    Outputs,
    SignalRole,
    input_signal,
)
from stream.cells import entropy, event_hashes, margin
from stream.profiling.cells import Cells, CellsBuilder

__all__ = ["Column", "Columns", "Gathering", "columns_of"]

_BATCH = 4096


@dataclass(frozen=True, slots=True)
class Column:
    """One signal's cells; ``name`` is the input's own name, or the signal's."""

    signal: str
    name: str
    role: SignalRole
    cells: Cells


@dataclass(frozen=True, slots=True)
class Columns:
    """n rows of one model version, sorted by (event time, hash of the event id) as panes are.

    The order matters: autocorrelation is measured along it. Inputs come by name, then outputs,
    then service signals.
    """

    ts_ms: NDArray[np.int64]
    columns: tuple[Column, ...]
    segments: dict[str, int]  # rows, of those that have a segment
    key: NDArray[np.uint64]  # hash of the event id

    def __len__(self) -> int:
        return len(self.ts_ms)


class Gathering:
    """Takes events, batch by batch and in any order, and gives their `Columns`.

    Shadow predictions are left out: nobody was served by them. A failed request counts, with all
    that it lacks: the stream will hold such rows too.
    """

    def __init__(self) -> None:
        self._rows = 0
        self._ts: list[int] = []
        self._hashes: list[NDArray[np.uint64]] = []
        self._inputs: dict[str, CellsBuilder] = {}
        self._outputs = {name: CellsBuilder() for name in OUTPUT_SIGNALS}
        self._service = {name: CellsBuilder() for name in SERVICE_SIGNALS}
        self._segments: dict[str, int] = {}

    def __len__(self) -> int:
        return self._rows

    def add(self, events: Iterable[Event]) -> None:
        """Take further events."""
        for batch in _batches(event for event in events if event.role == "live"):
            self._add(batch)

    def _add(self, events: list[Event]) -> None:
        self._ts += [event.ts_ms for event in events]
        self._hashes.append(event_hashes(event.event_id for event in events))
        inputs = [event.inputs for event in events]
        for name in dict.fromkeys(name for row in inputs for name in row):
            if name not in self._inputs:
                self._inputs[name] = CellsBuilder(absent=self._rows)
        for name, builder in self._inputs.items():
            builder.add([row.get(name) for row in inputs])
        for name, values in _output_values(events).items():
            self._outputs[name].add(values)
        self._service["latency"].add([event.latency_ms for event in events])
        self._service["error"].add([event.status != "ok" for event in events])
        for event in events:
            if event.segment is not None:
                self._segments[event.segment] = self._segments.get(event.segment, 0) + 1
        self._rows += len(events)

    def columns(self) -> Columns:
        """Return all rows so far as columns; outputs and latency only where some row has them."""
        ts = np.array(self._ts, dtype=np.int64)
        key = np.concatenate([np.empty(0, np.uint64), *self._hashes])
        order = np.lexsort((key, ts))
        found = [
            Column(input_signal(name), name, "input", self._inputs[name].cells().take(order))
            for name in sorted(self._inputs)
        ]
        roles: tuple[tuple[SignalRole, dict[str, CellsBuilder]], ...] = (
            ("output", self._outputs),
            ("service", self._service),
        )
        for role, builders in roles:
            for name, builder in builders.items():
                cells = builder.cells().take(order)
                if cells.kind.any():
                    found.append(Column(name, name, role, cells))
        return Columns(ts[order], tuple(found), dict(self._segments), key[order])


def columns_of(events: Iterable[Event]) -> Columns:
    """Return the columns of these events, all of one model version."""
    gathering = Gathering()
    gathering.add(events)
    return gathering.columns()


def _output_values(events: list[Event]) -> dict[str, Sequence[object]]:
    """What the events answered, by output signal."""
    nothing = Outputs()
    outputs = [event.outputs or nothing for event in events]
    scores = [one.scores for one in outputs]
    return {
        "prediction": [one.prediction for one in outputs],
        "confidence": [one.confidence for one in outputs],
        "entropy": entropy(scores).tolist(),
        "margin": margin(scores).tolist(),
    }


def _batches(events: Iterator[Event]) -> Iterator[list[Event]]:
    while batch := list(islice(events, _BATCH)):
        yield batch
