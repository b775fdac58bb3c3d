"""The newest event of each partition: when it says it was, and when the broker took it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from driftlog.errors import BrokerError
from driftlog.kafka import connection
from driftlog.settings import Settings

__all__ = ["NewestEvent", "newest_events"]

_LOG_APPEND_TIME: Final = 1
_WAIT_MS: Final = 5_000  # a record that compaction or a transaction took never comes


@dataclass(frozen=True, slots=True)
class NewestEvent:
    """Times of one event, in milliseconds since 1970."""

    timestamp_ms: int
    by_broker: bool  # LogAppendTime; else the producer's word
    event_ms: int | None  # ts_ms of the record; None where it has none that we could read


async def newest_events(settings: Settings, topic: str, partitions: int) -> list[NewestEvent]:
    """Return the last event of each partition that has one.

    Raises:
        BrokerError: the broker or the topic is away.
    """
    kafka = settings.kafka
    consumer = AIOKafkaConsumer(**connection(kafka))
    assigned = [TopicPartition(topic, number) for number in range(partitions)]
    found = []
    try:
        await consumer.start()
        consumer.assign(assigned)
        starts = await consumer.beginning_offsets(assigned)
        ends = await consumer.end_offsets(assigned)
        waiting = {tp for tp in assigned if ends[tp] > starts[tp]}
        for tp in waiting:
            consumer.seek(tp, ends[tp] - 1)
        while waiting:
            batches = await consumer.getmany(*waiting, timeout_ms=_WAIT_MS)
            if not batches:
                break
            for tp, records in batches.items():
                record = records[-1]
                waiting.discard(tp)
                found.append(
                    NewestEvent(
                        record.timestamp,
                        record.timestamp_type == _LOG_APPEND_TIME,
                        _event_ms(record.value),
                    )
                )
    except (KafkaError, OSError) as exc:
        raise BrokerError(f"reading {topic} at {kafka.bootstrap} failed: {exc!r}") from exc
    finally:
        await consumer.stop()
    return found


def _event_ms(value: bytes | None) -> int | None:
    """Read the time of an event in our form; a foreign form has its time elsewhere."""
    try:
        event = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    ts_ms = event.get("ts_ms") if isinstance(event, dict) else None
    return ts_ms if isinstance(ts_ms, int) and not isinstance(ts_ms, bool) else None
