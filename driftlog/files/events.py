"""Rows of a file as events, in stable order of event time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from driftlog.decode import MAX_TEXT, Rejection, decode_event
from driftlog.errors import InputError
from driftlog.files.cells import cells
from driftlog.files.spec import FileSpec
from driftlog.files.table import arrow, file_digest, is_lines, json_lines, parsed, read_table
from driftlog.files.times import column_ms, value_ms
from driftlog.records import Event, Nested, Outputs, Value

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FileRow", "file_events", "file_rows"]

_BATCH_ROWS = 4096
_DIGEST_DIGITS = 12


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row of a file: where it stood (from 0), its event, and its label if there is one."""

    number: int
    event: Event
    label: Value = None


def file_events(source: Path | str | pa.Table, spec: FileSpec | None = None) -> Iterator[Event]:
    """Return the events of a file or table in order of time; ties stay in order of rows.

    Args:
        source: a path (see `driftlog.files.read_table`), or a table that was read before.
        spec: which column means what. JSON lines that are events (an event id and inputs) are
            taken as they are.

    Returns:
        Events whose id is the first 12 digits of the file's digest and the row number, so that
        every command which reads the file gives the same row the same id. Without a time column
        the row number is the time, in seconds.

    Raises:
        InputError: the file, a named column or a cell cannot be used; names it and the mend.
    """
    return (row.event for row in file_rows(source, spec))


def file_rows(
    source: Path | str | pa.Table, spec: FileSpec | None = None, digest: str | None = None
) -> Iterator[FileRow]:
    """Return what `file_events` does, with row numbers and labels.

    ``digest`` goes with a table that was read from a file: with the file's own digest
    (`driftlog.files.file_digest`) its rows have the ids that the file's rows have.
    """
    spec = spec or FileSpec()
    if isinstance(source, (str, Path)):
        if is_lines(source):
            return _line_rows(Path(source), spec)
        return _table_rows(read_table(source), spec, file_digest(source))
    return _table_rows(source, spec, digest or _table_digest(source))


def _table_digest(table: Any) -> str:
    """Digest of a table's content, however it is cut into chunks."""
    import hashlib

    pa = arrow()
    digest = hashlib.sha256()

    class Sink:
        closed = False

        def write(self, data: Any) -> int:
            digest.update(data)
            return len(data)

        def flush(self) -> None: ...

    with pa.ipc.new_stream(pa.PythonFile(Sink(), mode="w"), table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return digest.hexdigest()


def _table_rows(table: Any, spec: FileSpec, digest: str) -> Iterator[FileRow]:
    import numpy as np

    inputs = spec.inputs(table.column_names)
    if spec.time is None:
        times = np.arange(table.num_rows, dtype=np.int64) * 1000
    else:
        times = column_ms(table.column(spec.time), spec.time)
    order = np.argsort(times, kind="stable")
    build = _Builder(spec, inputs, digest[:_DIGEST_DIGITS])
    # Checked before the first event goes out: a file is refused whole, not in its middle.
    for column in (*inputs, *build.outputs):
        cells(table.column(column).slice(0, 0), column)
    return _batches(table, build, times, order)


def _batches(table: Any, build: _Builder, times: Any, order: Any) -> Iterator[FileRow]:
    for start in range(0, len(order), _BATCH_ROWS):
        numbers = order[start : start + _BATCH_ROWS]
        part = table.take(numbers)
        columns = {name: cells(part.column(name), name) for name in (*build.inputs, *build.outputs)}
        rows = zip(*(columns[name] for name in build.inputs), strict=True)
        # With no such column the rows are still as many, each without an output.
        outputs: Iterable[tuple[Value, ...]] = [()] * len(numbers)
        if build.outputs:
            outputs = zip(*(columns[name] for name in build.outputs), strict=True)
        stamps = times[numbers].tolist()
        for number, ts_ms, row, out in zip(numbers.tolist(), stamps, rows, outputs, strict=True):
            yield build(
                number,
                ts_ms,
                dict[str, Value | Nested](zip(build.inputs, row, strict=True)),
                dict(zip(build.outputs, out, strict=True)),
            )


class _Builder:
    """Makes the event of one row from its inputs and from the columns with a meaning."""

    def __init__(self, spec: FileSpec, inputs: tuple[str, ...], digest: str) -> None:
        self.spec = spec
        self.inputs = inputs
        self.digest = digest
        named = (
            spec.version_column,
            spec.segment,
            spec.prediction,
            spec.confidence,
            spec.label,
            spec.latency,
            spec.status,
            spec.correlation_id,
        )
        self.outputs = tuple(dict.fromkeys(name for name in named if name is not None))

    def __call__(
        self, number: int, ts_ms: int, inputs: dict[str, Value | Nested], row: dict[str, Value]
    ) -> FileRow:
        spec = self.spec
        event_id = f"{self.digest}-{number}"
        prediction = row[spec.prediction] if spec.prediction else None
        confidence = self._number(spec.confidence, number, row)
        correlation_id = _text(number, row, spec.correlation_id)
        outputs = None
        if spec.prediction or spec.confidence:
            outputs = Outputs(prediction=prediction, confidence=confidence)
        event = Event(
            event_id=event_id,
            correlation_id=event_id if correlation_id is None else correlation_id,
            ts_ms=ts_ms,
            model=spec.model,
            version=_text(number, row, spec.version_column) or spec.version,
            inputs=inputs,
            segment=_text(number, row, spec.segment),
            outputs=outputs,
            latency_ms=self._number(spec.latency, number, row),
            status=_text(number, row, spec.status) or "ok",
        )
        return FileRow(number, event, row[spec.label] if spec.label else None)

    def _number(self, column: str | None, number: int, row: dict[str, Value]) -> float | None:
        value = row[column] if column else None
        if value is None or isinstance(value, (int, float)):
            return None if value is None else float(value)
        raise InputError(f"column {column!r}, row {number} holds {value!r}; it must hold a number")


def _text(number: int, row: dict[str, Value], column: str | None) -> str | None:
    value = row[column] if column else None
    if value is None or value == "":
        return None
    text = str(value)
    if len(text) > MAX_TEXT:
        raise InputError(
            f"column {column!r}, row {number} holds a text of {len(text)} characters; an id, a "
            f"version, a segment or a status may have {MAX_TEXT}"
        )
    return text


def _line_rows(path: Path, spec: FileSpec) -> Iterator[FileRow]:
    """JSON lines keep each cell's own type, which a table's columns cannot."""
    lines = list(json_lines(path))
    if not lines:
        raise InputError(f"{path} is empty")
    first = parsed(path, *lines[0])
    if "event_id" in first and "inputs" in first:
        return _event_lines(path, lines)
    return _plain_lines(path, lines, spec)


def _event_lines(path: Path, lines: list[tuple[int, bytes]]) -> Iterator[FileRow]:
    rows = []
    for number, (at, line) in enumerate(lines):
        event = decode_event(line)
        if isinstance(event, Rejection):
            raise InputError(f"{path}, line {at} is no event: {event.detail}")
        rows.append(FileRow(number, event))
    rows.sort(key=lambda row: row.event.ts_ms)
    return iter(rows)


def _plain_lines(path: Path, lines: list[tuple[int, bytes]], spec: FileSpec) -> Iterator[FileRow]:
    names: dict[str, None] = {}
    times = []
    for number, (at, line) in enumerate(lines):
        row = parsed(path, at, line)
        names.update(dict.fromkeys(row))
        if spec.time is None:
            times.append(number * 1000)
            continue
        try:
            times.append(value_ms(row.get(spec.time)))
        except ValueError as exc:
            raise InputError(f"{path}, line {at}: time column {spec.time!r} {exc}") from exc
    inputs = spec.inputs(names)
    build = _Builder(spec, inputs, file_digest(path)[:_DIGEST_DIGITS])
    order = sorted(range(len(lines)), key=times.__getitem__)

    outputs = build.outputs

    def rows() -> Iterator[FileRow]:
        for number in order:
            row = orjson.loads(lines[number][1])
            # A column that this line lacks is absent from its event, not null.
            given = {name: _cell(row[name]) for name in inputs if name in row}
            meant = {name: _scalar(row.get(name), name, path, lines[number][0]) for name in outputs}
            yield build(number, times[number], given, meant)

    return rows()


def _cell(value: Any) -> Value | Nested:
    return _NESTED if isinstance(value, (dict, list)) else value


_NESTED = Nested()


def _scalar(value: Any, column: str, path: Path, line: int) -> Value:
    if isinstance(value, (dict, list)):
        raise InputError(
            f"{path}, line {line}: column {column!r} holds an array or object; it must hold a "
            "number, a text, a boolean or null"
        )
    return value  # type: ignore[no-any-return]  # JSON has no other scalars
