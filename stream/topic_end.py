"""A topic read up to the end it has now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from driftlog.errors import BrokerError
from driftlog.kafka import connection, reason, stop_consumer
from driftlog.settings import KafkaSettings

__all__ = ["broker_errors", "read_to_end", "reader"]

_POLL_MS: Final = 500
_THERE_S: Final = 5.0  # within which a broker knows of a topic that another one has just made


@asynccontextmanager
async def broker_errors(kafka: KafkaSettings, doing: str, topic: str) -> AsyncIterator[None]:
    """Turn what Kafka refuses inside into an error that names topic, broker and mend.

    Raises:
        BrokerError: instead of Kafka's own errors and those of the network.
    """
    try:
        yield
    except (KafkaError, OSError) as exc:
        raise BrokerError(
            f"{doing} {topic} at {kafka.bootstrap}: {await reason(connection(kafka), exc)}"
        ) from exc


@asynccontextmanager
async def reader(kafka: KafkaSettings, topic: str) -> AsyncIterator[Any]:
    """A consumer of all partitions of a topic, without a group, at their beginning.

    Raises:
        BrokerError: the broker or the topic is away, at the start or inside.
    """
    async with broker_errors(kafka, "reading", topic):
        consumer = AIOKafkaConsumer(auto_offset_reset="earliest", **connection(kafka))
        try:
            await consumer.start()
            consumer.assign([TopicPartition(topic, n) for n in await _partitions(consumer, topic)])
            yield consumer
        finally:
            await stop_consumer(consumer)


async def _partitions(consumer: Any, topic: str) -> set[int]:
    # A consumer made for the topic would look for it for as long as a request may take, 40 s.
    found: set[int] = set()
    try:
        async with asyncio.timeout(_THERE_S):
            found = await consumer._client._wait_on_metadata(topic)
    except TimeoutError:
        # Where it is the broker that is slow or gone, asking says so.
        if topic in await consumer.topics():
            found = await consumer._client._wait_on_metadata(topic)
    if not found:
        raise UnknownTopicOrPartitionError(topic)
    return found


async def read_to_end(consumer: Any) -> AsyncIterator[tuple[Any, list[Any]]]:
    """Yield (partition, records), from the consumer's positions to the ends at the call.

    A partition's records come in order; a partition that is paused is left out from then on.
    """
    ends = await consumer.end_offsets(sorted(consumer.assignment() - consumer.paused()))
    behind = set(ends)
    while True:
        behind -= consumer.paused()
        behind = {tp for tp in behind if await consumer.position(tp) < ends[tp]}
        if not behind:
            return
        batches = await consumer.getmany(*behind, timeout_ms=_POLL_MS)
        for tp, records in batches.items():
            yield tp, [record for record in records if record.offset < ends[tp]]
