"""What the workers have told: verdicts, markers, alerts and dead letters, as they stand on the log.

Records may come twice, since delivery is at least once; a second one must equal the first.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from driftlog.kafka import connection, stop_consumer
from driftlog.records import (
    ALERT,
    MARKER,
    REFERENCE,
    VERDICT,
    Alert,
    AlertStatus,
    ReferenceProfile,
    Verdict,
)
from driftlog.settings import Settings
from tests.e2e.waiting import DEADLINE

__all__ = ["Told", "following"]

_TOPICS = ("verdicts", "alerts", "deadletter", "references")


class Told:
    """Reads on while somebody waits for something to be told; `following` makes one."""

    def __init__(self, settings: Settings, consumer: Any, alive: Callable[[], bool]) -> None:
        self.verdicts: dict[tuple[str, int], bytes] = {}  # (series and shard, end of the pane)
        self.alerts: dict[tuple[str, int, str], bytes] = {}  # (alert id, end of the pane, status)
        self.dead: list[Any] = []  # records
        self.references: list[ReferenceProfile] = []
        self._written_ms: dict[tuple[str, int, str], int] = {}  # alert -> time of its record
        self.repeated = 0  # verdicts told again
        self.may_begin_afresh = ""  # model whose state is damaged: it may tell of a pane anew
        self.afresh = 0  # verdicts and alerts of it that were told anew
        self._markers: defaultdict[tuple[int, int], int] = defaultdict(int)
        self._positions: defaultdict[TopicPartition, int] = defaultdict(int)
        self._settings = settings
        self._consumer = consumer
        self._alive = alive

    async def until(self, holds: Callable[[], bool], what: str, within: float = DEADLINE) -> None:
        """Read until something holds.

        Raises:
            AssertionError: it did not within the deadline, or a worker ended.
        """
        deadline = time.monotonic() + within
        while not holds():
            batches = await self._consumer.getmany(timeout_ms=100)
            for records in batches.values():
                for record in records:
                    self._take(record)
                    self._positions[TopicPartition(record.topic, record.partition)] = (
                        record.offset + 1
                    )
            if not batches:
                assert self._alive(), f"waiting for {what}: a worker has ended"
                assert time.monotonic() < deadline, f"{what}: not within {within:.0f} s"

    def position(self, tp: TopicPartition) -> int:
        """Return the offset up to which a partition has been read."""
        return self._positions[tp]

    def _take(self, record: Any) -> None:
        kind = record.topic.removeprefix(self._settings.kafka.prefix)
        if kind == "deadletter":
            self.dead.append(record)
        elif kind == "references":
            self.references.append(REFERENCE.decode(record.value))
        elif kind == "alerts":
            alert = ALERT.decode(record.value)
            key = (alert.alert_id, alert.pane_end_ms, alert.status.value)
            first = self.alerts.setdefault(key, record.value)
            if first != record.value and alert.model == self.may_begin_afresh:
                self.afresh += 1
            else:
                assert first == record.value, f"two alerts {key}:\n{first!r}\n{record.value!r}"
            self._written_ms.setdefault(key, record.timestamp)
        elif record.key.startswith(b"marker "):
            marker = MARKER.decode(record.value)
            place = (marker.marker, record.partition)
            self._markers[place] = max(self._markers[place], marker.closed_through_ms)
        else:
            verdict = VERDICT.decode(record.value)
            name = (record.key.decode(), verdict.pane_end_ms)
            self.repeated += name in self.verdicts
            told = self.verdicts.setdefault(name, record.value)
            if told != record.value and verdict.model == self.may_begin_afresh:
                self.afresh += 1
            else:
                assert told == record.value, f"two verdicts for {name}:\n{told!r}\n{record.value!r}"

    @property
    def closed_through_ms(self) -> int:
        """Panes that end by this are closed in every partition of ``columns``."""
        kafka = self._settings.kafka
        if len(self._markers) < kafka.column_partitions * kafka.verdict_partitions:
            return 0
        return min(self._markers.values())

    def decoded(self) -> dict[tuple[str, int], Verdict]:
        """Return every verdict once, by series and shard and end of the pane."""
        return {name: VERDICT.decode(value) for name, value in self.verdicts.items()}

    def all_alerts(self, status: AlertStatus | None = None) -> list[Alert]:
        """Return every alert once, by end of the pane; of one status where it is named."""
        found = [ALERT.decode(value) for value in self.alerts.values()]
        return sorted(
            (one for one in found if status in (None, one.status)),
            key=lambda one: (one.pane_end_ms, one.alert_id),
        )

    def first_ms(self, alert: Alert) -> int:
        """Return when the first record of an alert in this state was written."""
        return self._written_ms[alert.alert_id, alert.pane_end_ms, alert.status.value]


@asynccontextmanager
async def following(settings: Settings, alive: Callable[[], bool]) -> AsyncIterator[Told]:
    """Follow the topics under a prefix from their beginning."""
    consumer: Any = AIOKafkaConsumer(
        *(f"{settings.kafka.prefix}{kind}" for kind in _TOPICS),
        auto_offset_reset="earliest",
        **connection(settings.kafka),
    )
    await consumer.start()
    try:
        yield Told(settings, consumer, alive)
    finally:
        await stop_consumer(consumer)
