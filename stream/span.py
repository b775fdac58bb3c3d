"""Events of a span of event time, read from the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from driftlog.decode import decode_event
from driftlog.mapping import FieldMapping
from driftlog.records import Event
from driftlog.settings import Settings
from stream.topic_end import read_to_end, reader
from stream.topics import Topics

__all__ = ["newest_event_ms", "read_span"]


async def read_span(
    settings: Settings,
    model: str,
    version: str,
    span_ms: tuple[int, int],
    on_read: Callable[[int], None] = lambda _rows: None,
) -> list[Event]:
    """Return the live events of a model version with from <= event time < to, in log order.

    What the decoder would reject is left out. A partition is read no further than where its event
    time has passed the span by the allowed lateness: what comes later is late.

    Args:
        settings: of broker, mapping and lateness.
        model: name of the model.
        version: its version.
        span_ms: from and to, milliseconds since 1970.
        on_read: called with the number of records of each batch read, for a progress bar.

    Raises:
        BrokerError: the broker or the topic is away; names it and the mend.
    """
    start, end = span_ms
    passed = end + settings.stream.allowed_lateness
    decode = _decoder(settings)
    found: list[Event] = []
    async with reader(settings.kafka, Topics.of(settings).events) as consumer:
        await _seek(consumer, start - settings.stream.future_skew)
        async for tp, records in read_to_end(consumer):
            on_read(len(records))
            newest = -1
            for record in records:
                event = decode(record)
                if event is None:
                    continue
                newest = max(newest, event.ts_ms)
                wanted = (event.model, event.version, event.role) == (model, version, "live")
                if wanted and start <= event.ts_ms < end:
                    found.append(event)
            if newest > passed:
                consumer.pause(tp)
    return found


async def newest_event_ms(settings: Settings) -> int | None:
    """Return the event time of the newest event among the last ones of each partition, or None.

    Raises:
        BrokerError: the broker or the topic is away.
    """
    decode = _decoder(settings)
    newest = None
    async with reader(settings.kafka, Topics.of(settings).events) as consumer:
        partitions = sorted(consumer.assignment())
        begins = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        for tp in partitions:
            consumer.seek(tp, max(begins[tp], ends[tp] - 100))
        async for _, records in read_to_end(consumer):
            for record in records:
                event = decode(record)
                if event is not None:
                    newest = max(newest or 0, event.ts_ms)
    return newest


def _decoder(settings: Settings) -> Callable[[Any], Event | None]:
    mapping = FieldMapping(settings.mapping)

    def decode(record: Any) -> Event | None:
        found = decode_event(
            record.value,
            max_bytes=settings.stream.max_event_bytes,
            mapping=mapping if mapping.active else None,
            fallback_id=f"{record.topic}-{record.partition}-{record.offset}",
        )
        return found if isinstance(found, Event) else None

    return decode


async def _seek(consumer: Any, from_ms: int) -> None:
    """Skip what was appended before: no event is appended earlier than its time less the skew.

    A broker that cannot say (the embedded one) is read from the start.
    """
    wanted = {tp: max(from_ms, 0) for tp in consumer.assignment()}
    for tp, found in (await consumer.offsets_for_times(wanted)).items():
        if found is not None and found.offset >= 0:
            consumer.seek(tp, found.offset)
