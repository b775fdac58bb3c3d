"""Reads the topics again and compares: what `driftlog verify` runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from driftlog.errors import SettingsError
from driftlog.settings import Settings
from stream.references import read_references
from stream.retelling import Retelling, Retold
from stream.topic_end import read_to_end, reader
from stream.topics import Topics
from stream.verification import Difference, Published, Verification

__all__ = ["Report", "Source", "verify"]

Source = Literal["columns", "events"]
_BATCH: Final = 4_096  # events of a partition read at a time
_POLL_MS: Final = 500


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it.

    same: records told again to the byte. differences: those that are not. doubts: why a difference
    may be no fault of anybody's.
    """

    same: int
    differences: list[Difference]
    doubts: list[str]


async def verify(
    settings: Settings, source: Source, on_read: Callable[[int], None] = lambda _: None
) -> Report:
    """Read ``verdicts`` and ``alerts``, then the log again, and compare.

    Args:
        settings: as the workers have them.
        source: ``columns``, what the monitor read; or ``events``, what the services wrote.
        on_read: called with the number of records of each batch read.

    Raises:
        BrokerError: the broker or a topic is away; names it and the mend.
        SettingsError: all that is there was told under other settings.
    """
    kafka, topics = settings.kafka, Topics.of(settings)
    retelling = Retelling(settings, await read_references(kafka))
    published = Published(retelling.config)
    async for _, record in _records(settings, topics.verdicts, on_read):
        published.verdict(record.key or b"", record.value)
    async for _, record in _records(settings, topics.alerts, on_read):
        published.alert(record.value)
    if published.other_config and not published.verdicts:
        raise SettingsError(
            "settings",
            f"those of configuration {retelling.config}",
            f"those the verdicts on {topics.verdicts} were told under: give the workers' own "
            "driftlog.toml and environment",
        )
    verification = Verification(published)
    doubts = _doubts(published)

    def take(retold: Iterable[Retold]) -> None:
        for partition, output in retold:
            verification.take(partition, output)

    if source == "columns":
        gone = await _gone(settings, topics.columns)
        async for tp, record in _records(settings, topics.columns, on_read):
            key = record.key or b""
            take(retelling.chunk(tp.partition, record.offset, key, record.value))
    else:
        gone = await _gone(settings, topics.events)
        async for partition, records in _events(settings, topics.events, retelling):
            on_read(len(records))
            take(retelling.events(partition, records) if records else retelling.at_end(partition))
    if gone:
        doubts.append(
            f"the oldest {gone:,} records of {source} are gone (retention): windows and detectors "
            "began earlier than they can begin here"
        )
    differences = verification.finish(
        min((fold.closed_through_ms for fold in retelling.columns), default=0),
        min((fold.through_ms for fold in retelling.verdicts), default=0),
    )
    return Report(verification.same, differences, doubts)


def _doubts(published: Published) -> list[str]:
    doubts = []
    if published.other_config:
        doubts.append(
            f"{published.other_config:,} records were told under other settings and are not "
            "compared; what followed them began afresh at a restart, which no log tells of"
        )
    if published.damaged:
        doubts.append(f"{published.damaged:,} records are none of ours and are not compared")
    return doubts


async def _records(
    settings: Settings, topic: str, on_read: Callable[[int], None]
) -> AsyncIterator[tuple[Any, Any]]:
    """Yield (partition, record) of all that a topic holds now, deletions left out."""
    async with reader(settings.kafka, topic) as consumer:
        async for tp, records in read_to_end(consumer):
            on_read(len(records))
            for record in records:
                if record.value is not None:
                    yield tp, record


async def _gone(settings: Settings, topic: str) -> int:
    """Records that a topic held once and no longer does."""
    async with reader(settings.kafka, topic) as consumer:
        begins = await consumer.beginning_offsets(sorted(consumer.assignment()))
        return sum(begins.values())


async def _events(
    settings: Settings, topic: str, retelling: Retelling
) -> AsyncIterator[tuple[int, list[Any]]]:
    """Yield batches of the partition that is furthest behind in event time; none at its end.

    A partition that runs ahead would have to be held in memory until the others have come.
    """
    async with reader(settings.kafka, topic) as consumer:
        ends = await consumer.end_offsets(sorted(consumer.assignment()))
        left = dict(ends)
        while left:
            for tp in [tp for tp, end in left.items() if await consumer.position(tp) >= end]:
                del left[tp]
                yield tp.partition, []
            if not left:
                return
            slowest = min(left, key=lambda tp: (retelling.max_ms(tp.partition) or 0, tp.partition))
            batches = await consumer.getmany(slowest, timeout_ms=_POLL_MS, max_records=_BATCH)
            for tp, records in batches.items():
                kept = [record for record in records if record.offset < ends[tp]]
                if kept:
                    yield tp.partition, kept
