"""What ingest had written to ``columns``, and what of it was committed, when workers ended."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from driftlog.kafka import connection
from driftlog.settings import Settings
from stream import columns
from stream.topics import Topics
from tests.e2e.waiting import eventually

__all__ = ["IngestAccount"]


@dataclass(frozen=True, slots=True)
class _End:
    name: str
    committed: dict[int, int]  # partition of the events topic -> offset
    ends: dict[int, int]  # partition of columns -> offset


class IngestAccount:
    """Compares, for each end of a worker, how far its heartbeats went with what was committed.

    Args:
        settings: of the workers.
    """

    def __init__(self, settings: Settings) -> None:
        self._kafka = settings.kafka
        self._topics = Topics.of(settings)
        self._ended: list[_End] = []

    async def note(self, name: str) -> None:
        """A worker has ended; keep what is committed and written now."""
        sources = [
            TopicPartition(self._topics.events, p) for p in range(self._kafka.event_partitions)
        ]
        admin: Any = AIOKafkaAdminClient(**connection(self._kafka))
        await admin.start()

        async def offsets() -> Any:
            with suppress(KafkaError):  # the first to ask makes the broker set up its groups
                told = await admin.list_consumer_group_offsets(
                    self._topics.ingest_group, partitions=sources
                )
                return told if len(told) == len(sources) else None  # else it is loading its groups

        try:
            found = await eventually(offsets, "the group's offsets")
        finally:
            await admin.close()
        consumer: Any = AIOKafkaConsumer(**connection(self._kafka))
        await consumer.start()
        try:
            ends = await consumer.end_offsets(self._written())
        finally:
            await consumer.stop()
        committed = {tp.partition: max(0, found[tp].offset) for tp in sources}
        self._ended.append(_End(name, committed, {tp.partition: n for tp, n in ends.items()}))

    def _written(self) -> list[TopicPartition]:
        return [
            TopicPartition(self._topics.columns, p) for p in range(self._kafka.column_partitions)
        ]

    async def read_again(self) -> list[tuple[str, int]]:
        """Return for each end noted how many events its successor had to read again."""
        consumer: Any = AIOKafkaConsumer(**connection(self._kafka))
        await consumer.start()
        seen: defaultdict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        try:
            tps = self._written()
            consumer.assign(tps)
            await consumer.seek_to_beginning()
            ends = await consumer.end_offsets(tps)
            while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                    for record in records:
                        chunk = columns.decode(record.value)
                        if chunk.kind == "heartbeat":
                            seen[tp.partition, chunk.partition].append(
                                (record.offset, chunk.high_offset + 1)
                            )
        finally:
            await consumer.stop()
        found = []
        for end in self._ended:
            reached: defaultdict[int, int] = defaultdict(int)
            for (partition, source), beats in seen.items():
                told = [high for offset, high in beats if offset < end.ends[partition]]
                reached[source] = max(reached[source], *told, 0)
            again = sum(max(0, high - end.committed[p]) for p, high in reached.items())
            found.append((end.name, again))
        return found
