"""What the demo sees: alerts as they come, and when the rows that led to them were written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer

from driftlog.kafka import connection, stop_consumer
from driftlog.records import ALERT, EVENT, Alert, AlertStatus
from driftlog.settings import Settings

__all__ = ["Seen", "Watch"]

_KEPT_PANES = 600


@dataclass(frozen=True, slots=True)
class Seen:
    """An alert, and when its record and the last row of its pane were written (ms)."""

    alert: Alert
    written_ms: int
    last_row_ms: int | None

    @property
    def delay_s(self) -> float | None:
        """From the last row of the pane that led to it to the alert; none: not known."""
        return None if self.last_row_ms is None else (self.written_ms - self.last_row_ms) / 1000


class Watch:
    """Follows the topics of alerts and events.

    Args:
        settings: of the broker and the pane.
        tell: called with each alert as it comes.
    """

    def __init__(self, settings: Settings, tell: Callable[[Seen], None]) -> None:
        self.seen: list[Seen] = []
        self._settings = settings
        self._tell = tell
        self._open: set[str] = set()
        self._last_row: dict[int, int] = {}  # end of the pane -> time its last row was written
        self._changed = asyncio.Condition()

    async def run(self) -> None:
        """Follow until cancelled."""
        prefix = self._settings.kafka.prefix
        consumer: Any = AIOKafkaConsumer(
            f"{prefix}alerts",
            f"{prefix}events",
            auto_offset_reset="earliest",
            **connection(self._settings.kafka),
        )
        await consumer.start()
        try:
            while True:
                batches = await consumer.getmany(timeout_ms=200)
                for tp, records in sorted(batches.items(), key=lambda item: item[0].topic[::-1]):
                    for record in records:
                        if tp.topic.endswith("events"):
                            self._note_row(record)
                        else:
                            await self._note_alert(record)
        finally:
            await stop_consumer(consumer)

    def _note_row(self, record: Any) -> None:
        pane = self._settings.stream.pane
        ts_ms = EVENT.decode(record.value).ts_ms
        end = ts_ms - ts_ms % pane + pane
        self._last_row[end] = max(self._last_row.get(end, 0), record.timestamp)
        if len(self._last_row) > _KEPT_PANES:
            del self._last_row[min(self._last_row)]

    async def _note_alert(self, record: Any) -> None:
        alert = ALERT.decode(record.value)
        seen = Seen(alert, record.timestamp, self._last_row.get(alert.pane_end_ms))
        async with self._changed:
            self.seen.append(seen)
            if alert.status is AlertStatus.RESOLVED:
                self._open.discard(alert.alert_id)
            else:
                self._open.add(alert.alert_id)
            self._changed.notify_all()
        self._tell(seen)

    @property
    def all_resolved(self) -> bool:
        """Whether no incident is open."""
        return not self._open

    async def until_resolved(self, timeout: float) -> bool:
        """Wait until no incident is open; false: one still was when the time was up."""
        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(lambda: not self._open)
        except TimeoutError:
            return False
        return True
