"""What the ingest group has committed: offsets, and the running maxima in their metadata."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupLoadInProgressError, KafkaError
from aiokafka.structs import OffsetAndMetadata

from stream.source import read_metadata
from stream.topics import Topics

__all__ = ["Committed"]

_log = logging.getLogger(__name__)

_PAUSES: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0)  # seconds; the last again and again


class Committed:
    """Reads the group's offsets of the events topic, and how far the other workers are.

    Args:
        topics: names and partition counts.
        connection: what a client of aiokafka is made with.
    """

    def __init__(self, topics: Topics, connection: dict[str, Any]) -> None:
        # Running maxima of other workers' partitions; none: nothing of it has been committed yet.
        self.maxima: dict[int, int | None] = {}
        # Those of them that nobody need wait for: read to the end, or without a maximum to tell.
        self.done: set[int] = set()
        self._topics = topics
        self._admin: Any = AIOKafkaAdminClient(**connection)

    async def start(self) -> None:
        """Connect."""
        await self._admin.start()

    async def close(self) -> None:
        """Disconnect."""
        await self._admin.close()

    async def offsets(self, partitions: Sequence[int]) -> dict[int, OffsetAndMetadata | None]:
        """Return offset and metadata by partition; None where nothing is committed.

        Raises:
            KafkaError: the broker does not tell.
        """
        tps = [TopicPartition(self._topics.events, p) for p in partitions]
        answer = await self._admin.list_consumer_group_offsets(
            self._topics.ingest_group, partitions=tps
        )
        if any(tp not in answer for tp in tps):
            # A coordinator that is loading its groups says so for the request as a whole, which
            # aiokafka does not look at: taken for a group without commits, each row would have
            # been judged as the first of its partition.
            raise GroupLoadInProgressError(f"{self._topics.ingest_group}: no offsets in the answer")
        return {tp.partition: answer[tp] if answer[tp].offset >= 0 else None for tp in tps}

    async def surely(self, partitions: Sequence[int]) -> dict[int, OffsetAndMetadata | None]:
        """Return what `offsets` does; ask until the broker tells, however long it is away."""
        if not partitions:
            return {}
        for pause in chain(_PAUSES, repeat(_PAUSES[-1])):
            try:
                return await self.offsets(partitions)
            except KafkaError as exc:
                _log.info("asking for the committed offsets again: %r", exc)
                await asyncio.sleep(pause)
        raise AssertionError("the pauses have no end")

    async def look_at(self, partitions: Sequence[int], consumer: Any) -> None:
        """Read how far other workers' partitions are; what cannot be read stays as it was."""
        if not partitions:
            self.maxima, self.done = {}, set()
            return
        try:
            committed = await self.offsets(partitions)
            tps = [TopicPartition(self._topics.events, p) for p in partitions]
            ends = await consumer.end_offsets(tps)
            begins = await consumer.beginning_offsets(tps)
            maxima = {
                p: read_metadata(found.metadata) if found else None
                for p, found in committed.items()
            }
            self.done = {
                tp.partition
                for tp in tps
                # Without a commit there is nothing to read where retention has taken everything.
                if ends[tp] <= (found.offset if (found := committed[tp.partition]) else begins[tp])
                or (found is not None and maxima[tp.partition] is None)
            }
            self.maxima = maxima
        except (KafkaError, ValueError, TimeoutError) as exc:
            _log.debug("the other workers' progress is not known: %r", exc)
