"""Writing to the topics that a worker reads, with the partition of each record named."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer

from driftlog.kafka import connection
from driftlog.records.tick import tick
from driftlog.settings import Settings

__all__ = ["EventLog", "writing"]

_FLUSH = 500  # records between two waits for the broker
_PATIENCE_MS = 180_000  # for room in the producer; some tests take the broker away meanwhile


class EventLog:
    """A topic of events or labels; `writing` makes one."""

    def __init__(self, producer: Any, topic: str, partitions: int) -> None:
        self.topic = topic
        self.written = dict.fromkeys(range(partitions), 0)  # partition -> records
        self._producer = producer

    async def write(self, records: Iterable[tuple[int, bytes | None]]) -> None:
        """Write (partition, value), in this order within each partition; all are there after."""
        sent = []
        for partition, value in records:
            sent.append(await self._producer.send(self.topic, value, key=b"k", partition=partition))
            self.written[partition] += 1
            if len(sent) % _FLUSH == 0:
                await self._producer.flush()
        await self._producer.flush()
        for future in sent:
            future.result()

    async def close(self, through_ms: int) -> None:
        """Say in every partition that nothing before a time will come: closes the last panes."""
        await self.write((partition, tick(through_ms)) for partition in self.written)


@asynccontextmanager
async def writing(settings: Settings, topic: str = "events") -> AsyncIterator[EventLog]:
    """Write to ``<prefix>events`` or ``<prefix>labels``."""
    producer: Any = AIOKafkaProducer(
        acks="all",
        enable_idempotence=True,
        linger_ms=5,
        request_timeout_ms=_PATIENCE_MS,
        **connection(settings.kafka),
    )
    kafka = settings.kafka
    name = kafka.events_topic if topic == "events" and kafka.events_topic else kafka.prefix + topic
    await producer.start()
    try:
        yield EventLog(producer, name, kafka.event_partitions)
    finally:
        await producer.stop()
