"""Events straight to the log, in batches: one idempotent producer that waits for all replicas."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from driftlog.errors import BrokerError
from driftlog.kafka import connection, reason
from driftlog.records import EVENT, LABEL
from driftlog.records.tick import tick
from driftlog.settings import KafkaSettings
from driftlog.topics import partition_of
from producers.outgoing import LabelOut, Outgoing, Tally

__all__ = ["KafkaSink"]

_BATCH_BYTES = 256 * 1024
_REQUEST_TIMEOUT_MS = 15_000
Item = TypeVar("Item")


class KafkaSink:
    """Writes events, and labels, keyed by correlation id.

    The producer repeats what was not acknowledged, which its sequence numbers make safe; what
    still fails within 15 seconds is counted under the error's name.

    Args:
        kafka: where the broker is.
        topic: of events; default: the settings'.
        labels_topic: likewise.
    """

    def __init__(
        self, kafka: KafkaSettings, topic: str | None = None, labels_topic: str | None = None
    ) -> None:
        self._kafka = kafka
        self.topic = topic or kafka.events_topic or f"{kafka.prefix}events"
        self.labels_topic = labels_topic or f"{kafka.prefix}labels"
        self._producer: AIOKafkaProducer | None = None
        self._partitions: dict[str, int] = {}
        self._under_way: set[asyncio.Future[Any]] = set()

    async def open(self) -> None:
        """Connect, and find the topic's partitions."""
        producer = AIOKafkaProducer(
            **connection(self._kafka),
            enable_idempotence=True,
            acks="all",
            max_batch_size=_BATCH_BYTES,
            max_request_size=4 * _BATCH_BYTES,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
        )
        self._producer = producer  # from now on `close` stops it, whatever comes
        try:
            await producer.start()
        except (KafkaError, OSError) as exc:
            await self.close()
            raise BrokerError(await reason(connection(self._kafka), exc)) from exc
        try:
            await self._count_of(self.topic)
        except BrokerError:
            await self.close()
            raise

    async def send(self, items: Sequence[Outgoing], tally: Tally) -> None:
        """Send events; waits while the broker is behind."""
        await self._write(
            self.topic,
            items,
            ((item.event.correlation_id.encode(), EVENT.encode(item.event)) for item in items),
            tally.acknowledged,
            lambda part, exc: tally.lost(part, type(exc).__name__, str(exc)),
        )

    async def send_labels(self, items: Sequence[LabelOut], tally: Tally) -> None:
        """Send labels; they have the keys, and so the partitions, of their events."""
        await self._write(
            self.labels_topic,
            items,
            ((item.label.correlation_id.encode(), LABEL.encode(item.label)) for item in items),
            tally.labels_acknowledged,
            lambda part, exc: tally.labels_lost(part, type(exc).__name__, str(exc)),
        )

    async def close_panes(self, ts_ms: int) -> None:
        """Write a tick to every partition of the events topic, and wait until it is there."""
        await self.flush()
        producer = self._running()
        try:
            for partition in range(await self._count_of(self.topic)):
                await producer.send_and_wait(self.topic, tick(ts_ms), partition=partition)
        except KafkaError as exc:
            raise BrokerError(f"the closing tick was not taken by {self.topic}: {exc}") from exc

    async def flush(self) -> None:
        """Wait until every batch has arrived or failed."""
        while self._under_way:
            await asyncio.wait(list(self._under_way))

    async def close(self) -> None:
        """Disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    def _running(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise BrokerError("the sink is not open; call open() first")
        return self._producer

    async def _count_of(self, topic: str) -> int:
        if topic not in self._partitions:
            try:
                self._partitions[topic] = len(await self._running().partitions_for(topic))
            except KafkaError as exc:
                raise BrokerError(
                    f"topic {topic} is not on the broker at {self._kafka.bootstrap} ({exc}); "
                    "create it with: driftlog topics create"
                ) from exc
        return self._partitions[topic]

    async def _write(
        self,
        topic: str,
        items: Sequence[Item],
        records: Iterable[tuple[bytes, bytes]],
        arrived: Callable[[Sequence[Item]], None],
        failed: Callable[[Sequence[Item], BaseException], None],
    ) -> None:
        """Cut the records into one batch a partition, or more where one is full."""
        partitions = await self._count_of(topic)
        producer = self._running()
        now_ms = int(time.time() * 1000)
        open_batches: dict[int, tuple[Any, list[Item]]] = {}
        full: list[tuple[int, Any, list[Item]]] = []
        for item, (key, value) in zip(items, records, strict=True):
            partition = partition_of(key, partitions)
            if partition not in open_batches:
                open_batches[partition] = (producer.create_batch(), [])
            batch, held = open_batches[partition]
            if batch.append(key=key, value=value, timestamp=now_ms) is None:
                full.append((partition, batch, held))
                batch, held = open_batches[partition] = (producer.create_batch(), [])
                batch.append(key=key, value=value, timestamp=now_ms)  # the first always fits
            held.append(item)
        full += [(partition, batch, held) for partition, (batch, held) in open_batches.items()]
        for partition, batch, held in full:
            try:
                future = await producer.send_batch(batch, topic, partition=partition)
            except KafkaError as exc:
                failed(held, exc)
                continue
            self._watch(future, held, arrived, failed)

    def _watch(
        self,
        future: asyncio.Future[Any],
        items: Sequence[Item],
        arrived: Callable[[Sequence[Item]], None],
        failed: Callable[[Sequence[Item], BaseException], None],
    ) -> None:
        self._under_way.add(future)

        def settle(done: asyncio.Future[Any]) -> None:
            self._under_way.discard(done)
            if done.cancelled():
                failed(items, asyncio.CancelledError("the replay was ended"))
            elif (exc := done.exception()) is not None:
                failed(items, exc)
            else:
                arrived(items)

        future.add_done_callback(settle)
