"""What ingest writes: columns, heartbeats behind them, dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError

from driftlog.kafka import QUICK_COMPRESSION
from stream import columns
from stream.decoded import DeadLetter, ReferencedRows
from stream.judging import Judging
from stream.routing import model_version
from stream.source import Source
from stream.topics import Topics

__all__ = ["Forwarding"]

Sends = list[asyncio.Future[Any]]


class Forwarding:
    """Sends in order, and returns the acknowledgements to come.

    Args:
        topics: names and partition counts.
        judging: gives the references by which rows are routed.
        connection: what a client of aiokafka is made with.
    """

    def __init__(self, topics: Topics, judging: Judging, connection: dict[str, Any]) -> None:
        self._topics = topics
        self._judging = judging
        self._producer: Any = AIOKafkaProducer(
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            compression_type=QUICK_COMPRESSION,
            max_batch_size=524_288,
            max_request_size=2_097_152,
            **connection,
        )

    async def start(self) -> None:
        """Connect."""
        await self._producer.start()

    async def stop(self) -> None:
        """Send what is left and disconnect."""
        await self._producer.stop()

    async def rows(self, one: ReferencedRows, watermark_ms: int | None) -> Sends:
        """Send rows to where their series live, with the watermark before them."""
        sends = []
        name = model_version(one.rows.model, one.rows.version).encode()
        for partition, rows in self._judging.route(one.rows, one.reference):
            for part in columns.chunks(rows):
                value = columns.encode(part, watermark_ms, self._judging.config, one.reference_id)
                sends.append(await self._send(self._topics.columns, name, value, partition))
        return sends

    async def heartbeat(self, partition: int, source: Source) -> Sends:
        """Send a source partition's watermark to every partition of ``columns``."""
        value = columns.encode_heartbeat(
            partition,
            source.lateness.watermark_ms,
            idle=source.idle,
            high_offset=source.position - 1,
        )
        return [
            await self._send(self._topics.columns, None, value, p)
            for p in range(self._topics.column_partitions)
        ]

    async def dead_letters(self, letters: Iterable[DeadLetter]) -> Sends:
        """Send what could not be read, as it came, with the reason in the headers."""
        return [
            await self._send(
                self._topics.deadletter, *letter.fitted(), None, headers=letter.headers()
            )
            for letter in letters
        ]

    async def _send(
        self, topic: str, key: bytes | None, value: bytes | None, partition: int | None, **more: Any
    ) -> asyncio.Future[Any]:
        while True:
            try:
                future: asyncio.Future[Any] = await self._producer.send(
                    topic, value, key=key, partition=partition, **more
                )
            except KafkaTimeoutError:
                # No room for it, for as long as one request may take: the broker is away. It has
                # not been taken, so that it can be sent again, and keeps its place in the order.
                continue
            return future
