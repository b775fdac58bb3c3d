"""Several workers on one deployment, and a log that is written while things are done to them."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Final

from driftlog.testing.cluster import Broker
from tests.chaos.paced_log import PacedLog
from tests.chaos.row import Report
from tests.chaos.sightings import Sightings
from tests.e2e.deployment import Deployment, deployed
from tests.e2e.event_log import writing
from tests.e2e.synthetic import START_MS
from tests.e2e.waiting import eventually
from tests.e2e.worker_process import WorkerProcess

__all__ = ["PATIENCE", "Fleet", "fleet"]

PATIENCE: Final = 300.0  # seconds; a busy machine is no defect
_LAST_LINES: Final = 3  # of a worker that ended by itself
_LINES_BEFORE: Final = 80  # of its log, printed to find out why


class Fleet:
    """Workers that come and go over a log that is being written; `fleet` makes one.

    Attributes:
        deployment: topics, settings, and what has been told.
        log: what is written.
        sightings: what the workers show.
        ended: what is known of workers that ended by themselves; each was started again.
        written: events so far.
    """

    def __init__(self, deployment: Deployment, log: PacedLog, report: Report) -> None:
        self.deployment = deployment
        self.log = log
        self.ended: list[str] = []  # that nobody asked for
        self.written = 0
        self.frozen: list[WorkerProcess] = []
        self.sightings = Sightings(deployment.settings, deployment.workers, self.frozen)
        self.done = asyncio.Event()  # all is written
        self._wanted = 0  # workers
        deployment.attended = self._replaced
        self._allowed = math.inf
        self._more = asyncio.Event()
        self._paced = True
        self._report = report
        self._starting: set[asyncio.Task[WorkerProcess]] = set()
        self._tasks = [asyncio.create_task(self.sightings.watch(), name="the look at the workers")]

    @property
    def workers(self) -> list[WorkerProcess]:
        """Those that are ready, or were and have not been told to end."""
        return self.deployment.workers

    # -- workers come and go ------------------------------------------------------------------

    async def start(self, *arguments: str) -> WorkerProcess:
        """Start a worker; it is ready on return."""
        worker = await self.deployment.start(*arguments, within=PATIENCE)
        self._wanted = max(self._wanted, len(self.workers))
        return worker

    def start_soon(self) -> None:
        """Start a worker and do not wait for it."""
        task = asyncio.create_task(self.start(), name="a worker's start")
        self._starting.add(task)
        task.add_done_callback(self._started)

    def _started(self, task: asyncio.Task[WorkerProcess]) -> None:
        self._starting.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._note(f"a start failed: {failure}")

    def _note(self, what: str) -> None:
        self.ended.append(what)
        self._report.say(what)

    def _replaced(self) -> bool:
        self.keep(self._wanted)
        return True

    def keep(self, count: int) -> None:
        """Replace what has ended by itself, and start what is missing to so many workers."""
        self._wanted = count
        for worker in [one for one in self.workers if not one.alive]:
            self.workers.remove(worker)
            lines = worker.log.splitlines()
            print(*lines[-_LINES_BEFORE:], sep="\n", flush=True)
            self._note(f"a worker ended by itself: {' | '.join(lines[-_LAST_LINES:])}")
        for _ in range(count - len(self.workers) - len(self._starting)):
            self.start_soon()

    def one_of(self, draw: Random) -> WorkerProcess | None:
        """Return a worker that is alive and not frozen, drawn; none when there is none."""
        able = [one for one in self.workers if one.alive and one not in self.frozen]
        return draw.choice(able) if able else None

    async def kill(self, worker: WorkerProcess) -> None:
        """End a worker at once; `keep` starts another."""
        self._wanted = 0
        await self.deployment.end(worker, signal.SIGKILL)

    async def stop(self, worker: WorkerProcess) -> int:
        """Ask a worker to end; return its exit code."""
        self._wanted = 0
        return await self.deployment.end(worker)

    def freeze(self, worker: WorkerProcess) -> None:
        """Stop a worker where it is: its connections stay open, and nothing answers."""
        self.frozen.append(worker)
        os.kill(worker.pid, signal.SIGSTOP)

    def thaw(self, worker: WorkerProcess) -> None:
        """Let a frozen worker go on."""
        os.kill(worker.pid, signal.SIGCONT)
        self.frozen.remove(worker)

    # -- the log ------------------------------------------------------------------------------

    def write_soon(self, per_second: float | None = None) -> None:
        """Begin to write the log up to `allow`, and then the word that nothing earlier will come.

        Args:
            per_second: events of wall-clock time; none: as fast as the broker takes them.
        """
        task = asyncio.create_task(self._write(per_second), name="the writer")
        task.add_done_callback(lambda _: self.done.set())  # one that failed, too
        self._tasks.append(task)

    def allow(self, share: float) -> None:
        """Let no more than a share of the log be written until more is allowed; at first, all.

        So that what is to fall into the replay falls into it, on a slow machine too.
        """
        self._allowed = share if share < 1 else math.inf
        self._more.set()

    def hurry(self) -> None:
        """Let the rest of the log be written as fast as the broker takes it."""
        self._paced = False

    async def _write(self, per_second: float | None) -> None:
        began = time.monotonic()
        async with writing(self.deployment.settings) as events:
            for rows in self.log.portions():
                while self.written >= self._allowed * self.log.events:
                    self._more.clear()
                    paused = time.monotonic()
                    await self._more.wait()
                    began += time.monotonic() - paused
                await events.write(rows)
                self.written += len(rows)
                if per_second is not None and self._paced:
                    ahead = self.written / per_second - (time.monotonic() - began)
                    await asyncio.sleep(max(0.0, ahead))
            await events.close(self.log.end_ms)

    async def closed(self, share: float) -> None:
        """Wait until the panes of a share of the log are judged."""
        told = self.deployment.told
        pane = self.deployment.settings.stream.pane
        through = START_MS + share * (self.log.end_ms - START_MS) // pane * pane
        await told.until(lambda: told.closed_through_ms >= through, f"{share:.0%} judged", PATIENCE)

    async def finish(self, count: int = 1) -> None:
        """Wait until everything is written, judged, told and acknowledged.

        Args:
            count: workers to have at the end.
        """
        await self.done.wait()
        assert self.written == self.log.events, f"{self.written} of {self.log.events} written"
        await self.attended(count)
        await self.deployment.closed(self.log.end_ms, PATIENCE)
        await self.deployment.acknowledged("columns")

    async def attended(self, count: int) -> None:
        """Wait for so many workers that own every partition between them."""

        async def owned() -> bool:
            self.keep(count)
            return not self._starting and await self.sightings.whole()

        await eventually(owned, "every partition owned by a ready worker", PATIENCE)

    async def end(self) -> None:
        """Let nothing go on that could start or hold up a worker.

        Raises:
            Exception: what ended the writer.
        """
        for worker in list(self.frozen):
            self.thaw(worker)
        tasks = [*self._tasks, *self._starting]
        for task in tasks:
            task.cancel()
        for found in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(found, Exception):
                raise found


@asynccontextmanager
async def fleet(
    report: Report, broker: Broker, log: PacedLog, **settings: str
) -> AsyncIterator[Fleet]:
    """Create topics and look after the workers; none runs yet, and nothing is written.

    Args:
        report: told of what happens.
        broker: where.
        log: what `Fleet.write_soon` writes.
        settings: more than the usual of `deployed`, as ``STREAM_PANE="2s"``.
    """
    settings = {
        "KAFKA_EVENT_PARTITIONS": str(log.partitions),
        "KAFKA_COLUMN_PARTITIONS": "8",
        **settings,
    }
    with tempfile.TemporaryDirectory(prefix="driftlog-chaos-") as folder:
        async with deployed(broker, Path(folder), log.references(), **settings) as deployment:
            made = Fleet(deployment, log, report)
            try:
                yield made
            finally:
                await made.end()
