"""Gathers the rows of one model version and reference, slice by slice, into columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from msgspec.structs import astuple
from numpy.typing import NDArray

from driftlog.records import SignalType
from stream.cells import (
    Codes,
    Schema,
    ScoreColumns,
    event_hashes,
    floats,
    numbers_of,
    texts_by_hand,
)
from stream.rows import WRONG_TYPE, CategoryColumn, Rows, concat_categories
from stream.texts import TextReader

__all__ = ["Place", "RowsBuilder", "wrong_cells"]


class Place(Protocol):
    """Where a row was on the log."""

    @property
    def partition(self) -> int:
        """Partition of the source topic."""

    @property
    def offset(self) -> int:
        """Offset in it."""


class RowsBuilder:
    """Columns that grow. ``rows`` and ``places`` wait, side by side, for the next `flush`.

    With a schema the rows are those of `stream.fastpath` (compiled or `Row`), and ``raws`` stays
    empty; without one each has its JSON in ``raws``.
    """

    def __init__(self, model: str, version: str, schema: Schema | None) -> None:
        self.model = model
        self.version = version
        self.rows: list[Any] = []
        self.places: list[Place] = []
        self.raws: list[bytes] = []
        self._schema = schema
        self._ts: list[NDArray[np.int64]] = []
        self._keys: list[NDArray[np.uint64]] = []
        self._partitions: list[NDArray[np.int32]] = []
        self._offsets: list[NDArray[np.int64]] = []
        self._correlation_ids: list[str] = []
        self._segment = Codes()
        kinds = [] if schema is None else [*schema.inputs, *schema.answers.values()]
        self._numbers: dict[str, list[NDArray[np.float64]]] = {}
        self._categories: dict[str, Codes] = {}
        self._buckets: dict[str, list[CategoryColumn]] = {}
        for kind in kinds:
            if kind.reader is not None:
                cells = kind.reader.empty()
                self._numbers |= {signal: [] for signal in cells.numbers}
                self._buckets |= {signal: [] for signal in cells.categories}
            elif kind.type is SignalType.CATEGORY:
                self._categories[kind.signal] = Codes(kind)
            else:
                self._numbers[kind.signal] = []

    def flush(self) -> None:
        """Turn the waiting rows into columns."""
        rows, places, n = self.rows, self.places, len(self.rows)
        if not n:
            return
        self._ts.append(np.fromiter([row.ts_ms for row in rows], np.int64, n))
        keys = event_hashes([row.event_id for row in rows])
        self._keys.append(keys)
        self._partitions.append(np.fromiter([one.partition for one in places], np.int32, n))
        self._offsets.append(np.fromiter([one.offset for one in places], np.int64, n))
        self._correlation_ids += [row.correlation_id for row in rows]
        self._segment.add([row.segment for row in rows])
        if self._schema is not None:
            self._flush_inputs(self._schema, rows, keys)
            self._flush_answers(self._schema, rows)
        self.rows = []
        self.places = []

    def _flush_inputs(self, schema: Schema, rows: list[Any], keys: NDArray[np.uint64]) -> None:
        # A compiled row may have further inputs that nobody watches, but only behind the signals:
        # zip ends with the shortest row.
        held = [row.inputs for row in rows]
        cells = [one if one.__class__ is tuple else astuple(one) for one in held]
        for kind, column in zip(schema.inputs, zip(*cells, strict=False), strict=False):
            if kind.reader is not None:
                self._flush_text(
                    kind.reader, texts_by_hand(column) if kind.by_hand else column, keys
                )
            elif kind.type is SignalType.CATEGORY:
                self._categories[kind.signal].add(column)
            else:
                self._numbers[kind.signal].append(numbers_of(column, kind))

    def _flush_text(
        self, reader: TextReader, column: Sequence[Any], keys: NDArray[np.uint64]
    ) -> None:
        cells = reader.read(column, keys)
        for signal, numbers in cells.numbers.items():
            self._numbers[signal].append(numbers)
        for signal, buckets in cells.categories.items():
            self._buckets[signal].append(buckets)

    def _flush_answers(self, schema: Schema, rows: list[Any]) -> None:
        answers = schema.answers
        outputs = [row.outputs for row in rows]
        scores = None
        if "entropy" in answers or "margin" in answers:
            scores = ScoreColumns([None if one is None else one.scores for one in outputs])
        for name, kind in answers.items():
            if name == "prediction":
                cells = [None if one is None else one.prediction for one in outputs]
                if kind.type is SignalType.CATEGORY:
                    self._categories[name].add(cells)
                else:
                    self._numbers[name].append(numbers_of(cells, kind))
            else:
                self._numbers[name].append(self._answer(name, rows, outputs, scores))

    def _answer(
        self, name: str, rows: list[Any], outputs: list[Any], scores: ScoreColumns | None
    ) -> NDArray[np.float64]:
        if scores is not None and name == "entropy":
            return scores.entropy()
        if scores is not None and name == "margin":
            return scores.margin()
        if name == "latency":
            return floats([row.latency_ms for row in rows])
        if name == "error":
            return floats([row.status != "ok" for row in rows])
        return floats([None if one is None else one.confidence for one in outputs])

    def build(self) -> Rows:
        """Return all rows so far."""
        self.flush()
        return Rows(
            model=self.model,
            version=self.version,
            ts_ms=np.concatenate([np.empty(0, np.int64), *self._ts]),
            key=np.concatenate([np.empty(0, np.uint64), *self._keys]),
            partition=np.concatenate([np.empty(0, np.int32), *self._partitions]),
            offset=np.concatenate([np.empty(0, np.int64), *self._offsets]),
            correlation_id=self._correlation_ids,
            segment=self._segment.column(),
            numbers={
                name: np.concatenate([np.empty(0), *parts]) for name, parts in self._numbers.items()
            },
            categories={name: codes.column() for name, codes in self._categories.items()}
            | {name: concat_categories(parts) for name, parts in self._buckets.items()},
            raw=self.raws if self._schema is None else None,
        )


def wrong_cells(rows: Rows) -> dict[str, int]:
    """Return how many cells held another type than their signal's, by signal, where any did."""
    found = {name: int(np.count_nonzero(np.isinf(column))) for name, column in rows.numbers.items()}
    for name, texts in rows.categories.items():
        found[name] = int(np.count_nonzero(texts.codes == WRONG_TYPE))
    return {name: count for name, count in found.items() if count}
