"""Real requests over HTTP at a steady rate, changed on demand; knows exactly what it changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from api.faults import Faults
from demo.stages import BATCH, Stage
from driftlog.files import FileRow
from driftlog.records import Event
from producers.http_sink import HttpSink
from producers.outgoing import Outgoing, Tally
from producers.scenario import Injection, Injector, Measures

__all__ = ["Traffic"]

_BEHIND_S = 1.0  # a machine that cannot keep up falls behind; it does not flood afterwards


class Traffic:
    """A stream of flights to the service, until stopped.

    Args:
        url: of the service.
        rows: quiet rows without an end; see :func:`demo.flights.endless_rows`.
        measures: of such rows, for the injections.
        faults: of the service, turned for stages that change it.
        rate: events a second.
        seed: of the injections.
    """

    def __init__(
        self,
        url: str,
        rows: Iterator[FileRow],
        measures: Measures,
        faults: Faults,
        rate: float,
        seed: int = 0,
    ) -> None:
        self.tally = Tally()
        self._sink = HttpSink(url, batch=BATCH, concurrency=8)
        self._rows = rows
        self._measures = measures
        self._faults = faults
        self._rate = rate
        self._seed = seed
        self._injector: Injector | None = None
        self._first = 0  # position at which the stage began
        self._position = 0

    @property
    def position(self) -> int:
        """Rows sent so far."""
        return self._position

    def begin(self, stage: Stage) -> int:
        """Start a change with the next row; return the time (ms) from which it holds."""
        self._first = self._position
        self._faults.error_share = stage.error_share
        if stage.specs:
            self._injector = Injector(stage.specs, self._measures, self._seed)
        return int(time.time() * 1000)

    def end(self) -> tuple[int, list[Injection]]:
        """End the change; return the time (ms) from which all is quiet, and what was injected."""
        made = self._injector.truth() if self._injector else []
        self._injector = None
        self._faults.error_share = 0.0
        return int(time.time() * 1000), made

    def replace(self, rows: Iterator[FileRow]) -> None:
        """Go on with other rows, from the first of them."""
        self._rows = rows

    async def run(self) -> None:
        """Send until cancelled."""
        await self._sink.open()
        began = time.monotonic()
        sent = 0
        try:
            while True:
                due = began + sent / self._rate
                now = time.monotonic()
                if now < due:
                    await asyncio.sleep(due - now)
                elif now - due > _BEHIND_S:
                    began += now - due
                await self._sink.send(list(self._next()), self.tally)
                sent += BATCH
        finally:
            await self._sink.close()

    def _next(self) -> Iterator[Outgoing]:
        request = f"demo-{self._seed}-{self._position}"
        for _ in range(BATCH):
            row = next(self._rows)
            changed: FileRow | None = row
            if self._injector is not None:
                changed = self._injector.change(self._position - self._first, row)
            position, self._position = self._position, self._position + 1
            if changed is not None:
                yield Outgoing(position, _under(changed.event, request))


def _under(event: Event, correlation_id: str) -> Event:
    return Event(
        event_id=event.event_id,
        correlation_id=correlation_id,
        ts_ms=event.ts_ms,
        model=event.model,
        version=event.version,
        inputs=event.inputs,
    )
