"""A file as a log of one partition: its rows in order of time, as the records a worker reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from driftlog.errors import InputError
from driftlog.files import FileRow, FileSpec, file_digest, file_rows, read_table
from driftlog.files.table import is_lines
from driftlog.files.times import column_ms
from driftlog.records import EVENT
from driftlog.settings import Duration

__all__ = ["LogFile", "Record", "Times", "fitting_pane", "open_log"]

_BATCH = 4_096
_YEAR_1980_MS = 315_532_800_000  # file times before it are row numbers or seconds, not dates
_PANES = 300  # in a file: enough to see when something began
_LEAST_PANE_ROWS = 20
_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
_NICE = (
    *(1, 10, 100, _SECOND, 2 * _SECOND, 5 * _SECOND, 10 * _SECOND, 20 * _SECOND, 30 * _SECOND),
    *(_MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 20 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 2 * _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY, 7 * _DAY, 30 * _DAY),
)


@dataclass(frozen=True, slots=True)
class Record:
    """One event as decoding takes it, with the topic's part played by the file."""

    topic: str
    partition: int
    offset: int  # place in order of time, from 0
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Times:
    """How the file's event times are told to a person."""

    kind: str  # "date", "second" or "row"
    day: bool = False  # panes of whole days: the hour says nothing

    def __call__(self, ms: int) -> str:
        """Write an event time.

        >>> Times("row")(12_357_000), Times("date")(1_372_000_000_000)
        ('row 12,357', '2013-06-23 15:06')
        """
        if self.kind == "row":
            return f"row {ms // 1000:,}"
        if self.kind == "second":
            return f"{ms / 1000:,.10g} s"
        form = "%Y-%m-%d" if self.day else "%Y-%m-%d %H:%M"
        return datetime.fromtimestamp(ms / 1000, UTC).strftime(form)

    def span(self, ms: int) -> str:
        """Write a length of event time.

        >>> Times("row").span(120_000), Times("date").span(86_400_000)
        ('120 rows', '1d')
        """
        return f"{ms // 1000:,} rows" if self.kind == "row" else str(Duration(ms))


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file that is to be read once.

    rows: how many; first_ms, last_ms: their span of event time; kind: see `Times`.
    """

    rows: int
    first_ms: int
    last_ms: int
    kind: str
    content: Iterator[FileRow]

    def batches(self) -> Iterator[list[Record]]:
        """Yield the rows in order of time, as records."""
        offset = 0
        while batch := list(islice(self.content, _BATCH)):
            yield [
                Record(
                    topic="file",
                    partition=0,
                    offset=offset + at,
                    timestamp=row.event.ts_ms,
                    timestamp_type=0,
                    key=row.event.correlation_id.encode(),
                    value=EVENT.encode(row.event),
                )
                for at, row in enumerate(batch)
            ]
            offset += len(batch)


def open_log(file: Path, spec: FileSpec, wanted: slice = slice(None)) -> LogFile:
    """Read a file's times and prepare to read its rows.

    Args:
        file: CSV, Parquet or JSON lines, of plain rows or of events.
        spec: which column means what; a file of events needs none.
        wanted: which rows, by their number in the file.

    Raises:
        InputError: the file or a column cannot be used, or no row is left.
    """
    start, stop = wanted.start or 0, wanted.stop
    if is_lines(file):
        found = [
            row
            for row in file_rows(file, spec)
            if row.number >= start and (stop is None or row.number < stop)
        ]
        times = [row.event.ts_ms for row in found]
        by_number = all(ms == 1000 * row.number for row, ms in zip(found, times, strict=True))
        content = iter(found)
    else:
        table = read_table(file)
        every = file_rows(table, spec, file_digest(file))  # checks the columns before the times
        by_number = spec.time is None
        if spec.time is None:
            times = [1000 * number for number in range(*wanted.indices(table.num_rows))]
        else:
            times = column_ms(table.column(spec.time), spec.time)[wanted].tolist()
        content = (
            row for row in every if row.number >= start and (stop is None or row.number < stop)
        )
    if not times:
        raise InputError(f"{file} has no rows {start} to {'the end' if stop is None else stop}")
    first, last = min(times), max(times)
    kind = "row" if by_number else "second" if last < _YEAR_1980_MS else "date"
    return LogFile(len(times), first, last, kind, content)


def fitting_pane(log: LogFile) -> Duration:
    """Return a pane for a file: a round span that cuts it into some 300, of 20 rows or more.

    >>> str(fitting_pane(LogFile(280_000, 0, 306 * 86_400_000, "date", iter(()))))
    '1d'
    """
    span = max(log.last_ms - log.first_ms, 1)
    goal = max(span / _PANES, span / log.rows * _LEAST_PANE_ROWS)
    return Duration(min(_NICE, key=lambda nice: max(nice / goal, goal / nice)))
