"""What a capture client has written, read back from the topics."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from driftlog.capture import Capture, CaptureCounts
from driftlog.testing.topic_factory import TopicFactory

__all__ = ["client", "handed_over", "read", "records"]


def client(topics: TopicFactory, bootstrap: str, **overrides: Any) -> Capture:
    """Make the topics and a client for them."""
    for name in ("events", "labels"):
        topics(name, 4)
    arguments = {"model": "flight-delay", "version": "3", "flush_timeout": "20s"} | overrides
    return Capture(bootstrap=bootstrap, prefix=topics.prefix, **arguments)


async def records(capture: Capture, name: str = "events") -> list[ConsumerRecord]:
    """Read all records of a topic, from its start to its end at this moment."""
    kafka = capture.settings.kafka
    topic = [TopicPartition(kafka.prefix + name, partition) for partition in range(4)]
    found: list[ConsumerRecord] = []
    async with AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap) as consumer:
        consumer.assign(topic)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(topic)
        async with asyncio.timeout(30):
            while len(found) < sum(ends.values()):
                for batch in (await consumer.getmany(timeout_ms=100)).values():
                    found += batch
    return found


async def read(capture: Capture, name: str = "events") -> list[dict[str, Any]]:
    """Flush, then read all records of a topic as plain JSON."""
    assert await capture.aflush(20), capture.counts
    return [orjson.loads(record.value) for record in await records(capture, name)]


def handed_over(counts: CaptureCounts) -> int:
    """Add up what became of everything that was logged."""
    return counts.sent + counts.dropped + counts.failed + counts.buffered + counts.sampled_out
