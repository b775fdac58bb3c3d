"""Ticks among the records of a batch: the marks that end a log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

import orjson

from driftlog.records.tick import read_tick
from stream.decoded import LogRecord

__all__ = ["at_ticks", "parse_tick"]

_LONGEST: Final = 100  # bytes; nothing longer is looked at twice

R = TypeVar("R", bound=LogRecord)


def parse_tick(value: bytes | None) -> int | None:
    """Return the watermark (ms) that a tick raises its partition to, none for any other record."""
    if value is None or len(value) > _LONGEST or b'"tick"' not in value:
        return None
    try:
        return read_tick(orjson.loads(value))
    except orjson.JSONDecodeError:
        return None


def at_ticks(records: Sequence[R]) -> Iterator[tuple[Sequence[R], int | None]]:
    """Cut a batch behind each tick: (events before it, its watermark), the rest with none.

    Rows behind a tick are judged by it, whatever batch they come in.
    """
    start = 0
    for place, record in enumerate(records):
        watermark_ms = parse_tick(record.value)
        if watermark_ms is not None:
            yield records[start:place], watermark_ms
            start = place + 1
    yield records[start:], None
