"""Brings one round of records to one topic, and says what became of each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
)

from driftlog.capture.buffer import Item
from driftlog.capture.warning import Warnings
from driftlog.kafka import COMPRESSION, reason
from driftlog.topics.partitioner import partition_of

__all__ = ["Delivery", "Outbox"]

_BATCH_BYTES: Final = 256 * 1024  # before compression; brokers take 1 MiB by default
_CONNECT_SECONDS: Final = 30.0
_TOPIC_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 10.0  # without an acknowledgement; then people are told
_STOP_SECONDS: Final = 1.0
_RETRY_MS: Final = 500  # aiokafka logs each retry, in the service's own log
# The broker has lost, or another has taken, the producer's identity: the batch was not written,
# and a producer of a new identity can write it.
_IDENTITY_LOST: Final = (OutOfOrderSequenceNumber, ProducerFenced, InvalidProducerEpoch)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a round: how many were acknowledged, how many refused, which to try again."""

    sent: int
    failed: int
    again: Sequence[Item] = ()


class Outbox:
    """Sends to one topic through a producer that it makes, and makes anew when it is broken.

    The producer is idempotent: its own retries write nothing twice. Only where it gave up on a
    batch that may have been written can a record arrive twice, with the same event id.
    """

    def __init__(self, topic: str, connection: Mapping[str, Any], warn: Warnings) -> None:
        self._topic = topic
        self._connection = connection
        self._warn = warn
        self._producer: AIOKafkaProducer | None = None

    async def send(self, items: Sequence[Item]) -> Delivery:
        """Try to send all items once; waits while the broker is away."""
        where = self._connection["bootstrap_servers"]
        try:
            producer = await self._connected()
        except (KafkaError, OSError, TimeoutError) as exc:
            self._warn(
                "broker",
                "nothing can be sent to %s: %s; trying on, events are buffered",
                *(where, await reason(self._connection, exc)),
            )
            return Delivery(0, 0, items)
        try:
            async with asyncio.timeout(_TOPIC_SECONDS):
                partitions = len(await producer.partitions_for(self._topic))
        except (KafkaError, TimeoutError) as exc:
            self._warn(
                self._topic,
                "no topic %r at %s (%s); trying on, events are buffered: is the broker up, and was "
                "`driftlog topics create` run?",
                *(self._topic, where, _say(exc)),
            )
            return Delivery(0, 0, items)
        return await self._send_batches(producer, items, partitions)

    async def close(self) -> None:
        """Let go of the producer. What it still holds is given up."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await producer.stop()
        except (KafkaError, TimeoutError):
            # It still waits for the broker. Its tasks end with the loop that they run in.
            await producer.client.close()

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            self._producer = AIOKafkaProducer(
                **self._connection,
                client_id="driftlog-capture",
                enable_idempotence=True,
                acks="all",
                compression_type=COMPRESSION,
                max_batch_size=_BATCH_BYTES,
                retry_backoff_ms=_RETRY_MS,
            )
            started = False
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    await self._producer.start()
                started = True
            finally:
                if not started:
                    await self.close()
        return self._producer

    async def _send_batches(
        self, producer: AIOKafkaProducer, items: Sequence[Item], partitions: int
    ) -> Delivery:
        under_way: list[tuple[Sequence[Item], asyncio.Future[Any]]] = []
        again: list[Item] = []
        sent = failed = 0
        for partition, batch, held in _batches(producer, items, partitions):
            try:
                future = await producer.send_batch(batch, self._topic, partition=partition)
            except KafkaError as exc:
                self._warn("broker", "the broker keeps %r waiting (%s)", self._topic, _say(exc))
                again += held
            else:
                under_way.append((held, future))
        results = await self._answers([future for _, future in under_way])
        broken = False
        for (held, _), result in zip(under_way, results, strict=True):
            if not isinstance(result, BaseException):
                sent += len(held)
            elif _is_refusal(result):
                self._warn(
                    "refused", "the broker refuses records for %r: %s", self._topic, _say(result)
                )
                failed += len(held)
            else:
                broken = True
                again += held
        if broken:
            await self.close()  # a gap in its sequence numbers would let all later batches fail
        return Delivery(sent, failed, again)

    async def _answers(self, futures: Sequence[asyncio.Future[Any]]) -> Sequence[Any]:
        """Wait for the broker's word on each batch: its result, or its error.

        The producer tries on for as long as it takes, and does not say so.
        """
        answers = asyncio.gather(*futures, return_exceptions=True)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await asyncio.shield(answers)
        except TimeoutError:
            self._warn(
                "broker",
                "nothing sent to %r at %s has been acknowledged for %.0f s; trying on, events are "
                "buffered: is the broker up, and the topic still there?",
                *(self._topic, self._connection["bootstrap_servers"], _ANSWER_SECONDS),
            )
        return await answers


def _batches(
    producer: AIOKafkaProducer, items: Sequence[Item], partitions: int
) -> Iterator[tuple[int, Any, Sequence[Item]]]:
    """Yield (partition, batch, its items), in the order of the items within each partition.

    Whole batches cost the service's process a fifth of what a future for every record would.
    """
    by_partition: dict[int, list[Item]] = {}
    for item in items:
        by_partition.setdefault(partition_of(item.key, partitions), []).append(item)
    for partition, queue in by_partition.items():
        batch, held = producer.create_batch(), list[Item]()
        for item in queue:
            if batch.append(timestamp=None, key=item.key, value=item.value) is None:
                yield partition, batch, held
                batch, held = producer.create_batch(), []
                batch.append(timestamp=None, key=item.key, value=item.value)  # the first fits
            held.append(item)
        yield partition, batch, held


def _is_refusal(error: BaseException) -> bool:
    """Whether trying again cannot help. A bare KafkaError is the end of the producer itself."""
    return (
        isinstance(error, KafkaError)
        and type(error) is not KafkaError
        and not error.retriable
        and not isinstance(error, _IDENTITY_LOST)
    )


def _say(error: BaseException) -> str:
    return str(error) or type(error).__name__
