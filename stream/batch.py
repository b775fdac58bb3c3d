"""A batch of log records on its way to rows: fast path first, general path behind."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from driftlog.decode import Rejection, decode_event
from driftlog.mapping import FieldMapping
from driftlog.records import EVENT, Event, Reason, ReferenceProfile
from driftlog.settings import Settings
from stream.cells import Schema
from stream.compiled import Compiled, ModelVersion
from stream.decoded import DeadLetter, Decoded, LogRecord, ReferencedRows
from stream.fastpath import DECLINES
from stream.rows_builder import RowsBuilder, wrong_cells

__all__ = ["SAMPLED", "Batch", "ReferenceAt"]

SAMPLED: Final = 64  # of so many offsets one always takes the general path
_SLICE: Final = 256  # records held as objects at once: they stay in the processor's cache
_LOG_APPEND_TIME: Final = 1
_MAX_SEGMENTS: Final = 100_000
_MAX_COLUMNS: Final = 1_000  # names counted a batch: a service may make them up
_MOST_RAW: Final = 600_000  # bytes of an event as `Learner` keeps it; 1e15 takes 18 there
_MODEL: Final = re.compile(rb'"model"\s*:\s*"([^"]*)"')
_VERSION: Final = re.compile(rb'"version"\s*:\s*"([^"]*)"')


ReferenceAt = Callable[[str, str, int], ReferenceProfile | None]


class Memory(Protocol):
    """What a batch needs of its decoder."""

    settings: Settings
    mapping: FieldMapping | None
    references: ReferenceAt
    segments: set[str]
    recent: dict[ModelVersion, Compiled]

    def compiled(self, name: ModelVersion, reference: ReferenceProfile) -> Compiled:
        """Return the decoder for a model version's reference."""

    def remember(self, name: ModelVersion, compiled: Compiled | None) -> None:
        """Note what the next rows of a model version are likely to need."""


class _Lane:
    """The rows of one model version in a batch that are judged by one reference."""

    def __init__(self, compiled: Compiled, rows: RowsBuilder) -> None:
        self.compiled = compiled
        self.builder = rows
        self.since = self.until = 0  # event times for which the reference is known to be in effect


class Batch:
    """One batch under way."""

    def __init__(self, decoder: Memory) -> None:
        self._decoder = decoder
        self._pane_ms = int(decoder.settings.stream.pane)
        self._skew_ms = int(decoder.settings.stream.future_skew)
        self._max_bytes = decoder.settings.stream.max_event_bytes
        self._reject = decoder.settings.models.unknown == "reject"
        self._at: dict[tuple[str, str, int], ReferenceProfile | None] = {}
        self._builders: dict[tuple[str, str, str | None], RowsBuilder] = {}
        self._references: dict[tuple[str, str, str | None], ReferenceProfile | None] = {}
        self._in_order: dict[tuple[str, str, str | None], object] = {}  # builders that have rows
        self._lanes: dict[ModelVersion, _Lane] = {}
        self._dead: list[DeadLetter] = []
        self._shadow: Counter[ModelVersion] = Counter()
        self._new: Counter[tuple[str, str, str]] = Counter()
        self._vanished: Counter[tuple[str, str, str]] = Counter()
        self._general_records = 0

    def run(self, records: Sequence[LogRecord]) -> Decoded:
        """Decode them all; a batch runs once."""
        for start in range(0, len(records), _SLICE):
            part = records[start : start + _SLICE]
            if self._decoder.mapping is None and self._decoder.recent:
                self._fast(part)
            else:
                for record in part:
                    self._general(record)
            self._put_in_order(part)
            for builder in self._builders.values():
                builder.flush()
        rows = [
            ReferencedRows(self._builders[key].build(), self._references[key])
            for key in self._in_order
        ]
        wrong = Counter(
            {
                (one.rows.model, one.rows.version, signal): count
                for one in rows
                for signal, count in wrong_cells(one.rows).items()
            }
        )
        return Decoded(
            rows,
            self._dead,
            self._shadow,
            wrong,
            self._new,
            self._vanished,
            self._general_records,
        )

    def _put_in_order(self, part: Sequence[LogRecord]) -> None:
        new = {
            key: builder.places[0]
            for key, builder in self._builders.items()
            if builder.places and key not in self._in_order
        }
        if len(new) > 1:
            at = {id(record): at for at, record in enumerate(part)}
            new = dict(sorted(new.items(), key=lambda item: at[id(item[1])]))
        self._in_order |= new

    def _fast(self, part: Sequence[LogRecord]) -> None:
        max_bytes, skew_ms, segments = self._max_bytes, self._skew_ms, self._decoder.segments
        recent = self._decoder.recent
        lane = self._lane(next(reversed(recent.values())))
        for record in part:
            raw = record.value
            if (
                raw is None
                or not record.offset % SAMPLED
                or len(raw) > max_bytes
                or not raw.isascii()
                or b"\\" in raw
            ):
                self._general(record)
                lane = self._renewed(lane)
                continue
            if len(recent) > 1:
                lane = self._likely(raw, lane)
            decode = lane.compiled.fast.decode
            if decode is None:
                self._general(record)
                continue
            try:
                row = decode(raw)
            except DECLINES:
                self._general(record, declined=True)
                lane = self._renewed(lane)
                continue
            ts_ms = row.ts_ms
            segment = row.segment
            if (
                (lane.since <= ts_ms < lane.until or self._covers(lane, ts_ms))
                and (
                    record.timestamp_type != _LOG_APPEND_TIME or ts_ms <= record.timestamp + skew_ms
                )
                and row.role == "live"
                and (segment is None or segment in segments)
            ):
                lane.builder.rows.append(row)
                lane.builder.places.append(record)
            else:
                self._general(record)
                lane = self._renewed(lane)

    def _renewed(self, lane: _Lane) -> _Lane:
        """The lane to try next: the general path may have met another reference."""
        recent = self._decoder.recent
        compiled = recent.get(lane.compiled.name) or next(reversed(recent.values()), None)
        return lane if compiled is None else self._lane(compiled)

    def _likely(self, raw: bytes, last: _Lane) -> _Lane:
        """Guess whose record it is by its looks; a wrong guess is declined."""
        model, version = _MODEL.search(raw), _VERSION.search(raw)
        if model is None or version is None:
            return last
        name = (model[1].decode("ascii"), version[1].decode("ascii"))
        if name == last.compiled.name:
            return last
        lane = self._lanes.get(name)
        if lane is not None:
            return lane
        compiled = self._decoder.recent.get(name)
        return last if compiled is None else self._lane(compiled)

    def _lane(self, compiled: Compiled) -> _Lane:
        lane = self._lanes.get(compiled.name)
        if lane is None or lane.compiled is not compiled:
            builder = self._builder(compiled.name, compiled.reference, compiled.schema)
            lane = self._lanes[compiled.name] = _Lane(compiled, builder)
        return lane

    def _covers(self, lane: _Lane, ts_ms: int) -> bool:
        start = ts_ms - ts_ms % self._pane_ms
        if self._reference(lane.compiled.name, ts_ms) is not lane.compiled.reference:
            return False
        if start == lane.until:
            lane.until += self._pane_ms
        elif start + self._pane_ms == lane.since:
            lane.since = start
        else:
            lane.since, lane.until = start, start + self._pane_ms
        return True

    def _reference(self, name: ModelVersion, ts_ms: int) -> ReferenceProfile | None:
        start = ts_ms - ts_ms % self._pane_ms
        key = (*name, start)
        if key not in self._at:
            self._at[key] = self._decoder.references(*key)
        return self._at[key]

    def _general(self, record: LogRecord, *, declined: bool = False) -> None:
        self._general_records += 1
        mapping = self._decoder.mapping
        event = decode_event(
            record.value,
            max_bytes=self._max_bytes,
            mapping=mapping,
            fallback_id=""
            if mapping is None
            else f"{record.topic}/{record.partition}/{record.offset}",
        )
        if isinstance(event, Rejection):
            self._bury(record, event.reason, event.detail)
            return
        ahead_ms = event.ts_ms - record.timestamp
        if record.timestamp_type == _LOG_APPEND_TIME and ahead_ms > self._skew_ms:
            self._bury(
                record,
                Reason.FUTURE,
                f"ts_ms holds {event.ts_ms}, {ahead_ms} ms after the broker took the record; "
                f"stream.future_skew allows {self._skew_ms} ms",
            )
            return
        name = (event.model, event.version)
        if event.role == "shadow":
            self._shadow[name] += 1
            return
        reference = self._reference(name, event.ts_ms)
        if reference is None:
            self._learn(record, event)
            return
        compiled = self._decoder.compiled(name, reference)
        if self._decoder.recent.get(name) is not compiled:
            self._decoder.remember(name, compiled)
        self._take(self._lane(compiled), record, event)
        if declined and record.value is not None:
            compiled.fast.learn_shape(record.value)

    def _take(self, lane: _Lane, record: LogRecord, event: Event) -> None:
        compiled = lane.compiled
        lane.builder.rows.append(compiled.fast.row(event))
        lane.builder.places.append(record)
        for column in compiled.new_columns(event):
            key = (*compiled.name, column)
            if key in self._new or len(self._new) < _MAX_COLUMNS:
                self._new[key] += 1
        for column in compiled.vanished_columns(event):
            self._vanished[*compiled.name, column] += 1
        if event.segment is not None:
            if len(self._decoder.segments) >= _MAX_SEGMENTS:
                self._decoder.segments.clear()
            self._decoder.segments.add(event.segment)

    def _learn(self, record: LogRecord, event: Event) -> None:
        name = (event.model, event.version)
        self._decoder.remember(name, None)
        if self._reject:
            self._bury(
                record,
                Reason.UNKNOWN_MODEL,
                f"{event.model[:40]!a} version {event.version[:40]!a} has no reference, and "
                "models.unknown is reject; build one with 'driftlog reference build'",
            )
            return
        raw = EVENT.encode(event)
        if len(raw) > _MOST_RAW:
            self._bury(
                record,
                Reason.OVERSIZE,
                f"{len(raw)} bytes once it is written in full, more than the {_MOST_RAW} that a "
                "reference is learned from",
            )
            return
        builder = self._builder(name, None, None)
        builder.rows.append(event)
        builder.places.append(record)
        builder.raws.append(raw)

    def _builder(
        self, name: ModelVersion, reference: ReferenceProfile | None, schema: Schema | None
    ) -> RowsBuilder:
        key = (*name, None if reference is None else reference.reference_id)
        builder = self._builders.get(key)
        if builder is None:
            builder = self._builders[key] = RowsBuilder(*name, schema)
            self._references[key] = reference
        return builder

    def _bury(self, record: LogRecord, reason: Reason, detail: str) -> None:
        self._dead.append(
            DeadLetter(
                record.value,
                record.key,
                reason,
                detail,
                record.topic,
                record.partition,
                record.offset,
            )
        )
