"""What stands still though the broker answers: a restart mends it, and so the watchdog ends it.

On the embedded broker, which can refuse one kind of request for as long as one likes and answer
all others.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from aiokafka import errors

from driftlog.testing.embedded import Api, EmbeddedBroker
from stream.watchdog import Limits, Stall
from tests.chaos.row import Report, Row
from tests.chaos.started_command import StartedCommand, started_command
from tests.e2e.deployment import Deployment, deployed
from tests.e2e.event_log import EventLog, writing
from tests.e2e.expected import expected, placeless
from tests.e2e.synthetic import START_MS, SyntheticLog, references
from tests.e2e.waiting import eventually

__all__ = ["ROW"]

_FOREVER: Final = [errors.GroupLoadInProgressError] * 100_000  # requests in a row
_UNREAD: Final = [errors.NotLeaderForPartitionError] * 100_000
_PATIENCE_S: Final = 600.0
_URL: Final = re.compile(r"gauges at (http://\S+)/metrics")
# As a callback that never comes back would: no signal of ours is in the product.
_BLOCKS: Final = """
import signal, time
signal.signal(signal.SIGUSR1, lambda *_: time.sleep(3600))
"""
_STOPPED_S: Final = 45.0  # longer than a blocked loop is tolerated


class _Worker:
    """A worker, and what its probes said of it all the while."""

    def __init__(self, command: StartedCommand) -> None:
        self.command = command
        self.url = ""
        self.live = 0  # answers of /livez with 200
        self.silent = 0  # looks without an answer, once there had been one
        self.whys: dict[str, float] = {}  # why it was not ready -> when that was first said
        self.ready_at = 0.0
        self.ready = False

    async def look(self) -> None:
        """Ask until cancelled."""
        async with httpx.AsyncClient(timeout=15.0) as client:
            while True:
                found = _URL.search(self.command.output)
                self.url = found[1] if found else ""
                if self.url:
                    await self._ask(client)
                await asyncio.sleep(0.1)

    async def _ask(self, client: httpx.AsyncClient) -> None:
        try:
            self.live += (await client.get(f"{self.url}/livez")).status_code == 200
            answer = await client.get(f"{self.url}/readyz")
        except httpx.HTTPError:
            self.ready = False
            await asyncio.sleep(0.5)  # the end of the process breaks a question off, too
            self.silent += bool(self.live) and self.command.alive
            return
        self.ready = answer.status_code == 200
        if self.ready:
            self.ready_at = time.monotonic()
        else:
            self.whys.setdefault(answer.json()["why"], time.monotonic())

    async def until_ready(self) -> None:
        """Wait until it is ready."""

        async def ready() -> bool:
            assert self.command.alive, self.command.output[-4000:]
            return self.ready

        await eventually(ready, "a worker that is ready", _PATIENCE_S)

    async def says_why(self, text: str) -> None:
        """Wait until it says that as the reason for not being ready."""

        async def said() -> bool:
            assert self.command.alive, self.command.output[-4000:]
            return any(text in why for why in self.whys)

        await eventually(said, f"a worker that says {text!r}", _PATIENCE_S)

    async def ended(self) -> tuple[int, str]:
        """Wait until it has ended by itself; return the exit code and what it said last."""

        async def gone() -> bool:
            return not self.command.alive

        await eventually(gone, "the end of the worker", _PATIENCE_S)
        code, _ = await self.command.ended()
        lines = [one for one in self.command.output.splitlines() if "ended by its watchdog" in one]
        return code, lines[-1] if lines else ""


@asynccontextmanager
async def _worker(
    deployment: Deployment, folder: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[_Worker]:
    log = Path(tempfile.mkstemp(suffix=".log", dir=folder)[1])
    arguments = ["-m", "driftlog", "worker", "--log-level", "info"]
    with started_command(
        arguments, log, {**deployment.environment, **(environment or {})}
    ) as command:
        worker = _Worker(command)
        looking = asyncio.create_task(worker.look())
        try:
            yield worker
            if command.alive:
                command.tell(signal.SIGTERM)
                await command.ended()
        finally:
            looking.cancel()


class _Story:
    """One log, written bit by bit between the stalls."""

    def __init__(self, report: Report, broker: EmbeddedBroker, deployment: Deployment) -> None:
        self.report = report
        self.broker = broker
        self.deployment = deployment
        self.log = SyntheticLog()
        self.written = 0  # panes

    async def write(self, events: EventLog, panes: int) -> None:
        """Write some more."""
        await events.write(self.log.records(self.written, self.written + panes))
        self.written += panes

    async def told(self) -> None:
        """Wait until what can be judged of the log so far is, and is stored."""
        # The last panes wait for rows that may still come: jitter, stragglers, a slow partition.
        through = START_MS + (self.written - 6) * 1000
        await self.deployment.closed(through, _PATIENCE_S)

    async def stalled(self, worker: _Worker, stall: Stall, limit: float, why: str) -> None:
        """Hold that the watchdog ends the worker, with its code and reason, after the limit."""
        began = time.monotonic()
        code, line = await worker.ended()
        seconds = time.monotonic() - began
        self.broker.heal()
        name = stall.name.lower()
        self.report.figure(f"{name}: seconds until its end, exit code", f"{seconds:.0f}, {code}")
        self.report.say(line)
        self.report.hold(code == stall, f"{name}: exit code {int(stall)} ({code})")
        self.report.hold(why in line, f"{name}: the last line says {why!r}")
        self.report.hold(seconds >= limit / 2, f"{name}: it was given its time")


async def run(report: Report, *, short: bool) -> None:
    """Let one thing after another stand still; the last start must tell all there is to tell."""
    with tempfile.TemporaryDirectory() as name, EmbeddedBroker() as broker:
        folder, profiles = Path(name), references()
        async with deployed(broker, folder, profiles, STREAM_IDLE_AFTER="600s") as deployment:
            story = _Story(report, broker, deployment)
            async with writing(deployment.settings) as events:
                await _no_commit(story, events, folder)
                await _no_recovery(story, folder)
                if not short:
                    await _no_group(story, folder)
                    await _no_turn(story, folder)
                await _rest(story, events, folder)


async def _no_commit(story: _Story, events: EventLog, folder: Path) -> None:
    report, limits = story.report, Limits()
    async with _worker(story.deployment, folder) as worker:
        await worker.until_ready()
        await story.write(events, 10)
        await story.told()
        report.say(f"the process is stopped for {_STOPPED_S:.0f} s")
        await _stopped(worker)
        await story.write(events, 4)
        await story.told()
        report.hold(worker.command.alive, "a process that was stopped as a whole goes on")
        await worker.until_ready()
        report.say("commits are refused")
        story.broker.push_request_errors(Api.OFFSET_COMMIT, _FOREVER)
        worker.whys.clear()
        began = time.monotonic()
        await story.write(events, 4)
        await story.stalled(worker, Stall.PARTITION, limits.partition, "has not")
        doubts = {why: at - began for why, at in worker.whys.items() if "has not" in why}
        report.hold(bool(doubts), f"readiness said so before ({list(doubts)[:1]})")
        report.hold(worker.live > 0, "it was alive")


async def _stopped(worker: _Worker) -> None:
    pid = worker.command.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(_STOPPED_S)
    finally:
        os.kill(pid, signal.SIGCONT)


async def _no_recovery(story: _Story, folder: Path) -> None:
    report = story.report
    async with _worker(story.deployment, folder) as worker:
        await worker.until_ready()
        await story.told()
        report.say("after a restart it has told what the stall kept back")
    async with _worker(story.deployment, folder) as worker:
        await worker.says_why("compiling")
        report.say("nothing can be fetched, in the middle of a start")
        story.broker.push_request_errors(Api.FETCH, _UNREAD)
        await story.stalled(worker, Stall.RECOVERY, Limits().recovery, "recovery of tables")
        report.hold(any("recover" in why for why in worker.whys), "not ready: it recovers")
        report.hold(not worker.ready_at, "never ready meanwhile")
        report.hold(worker.live > 0 and not worker.silent, "alive all the while")


async def _no_group(story: _Story, folder: Path) -> None:
    report = story.report
    report.say("the groups let nobody in")
    story.broker.push_request_errors(Api.JOIN_GROUP, _FOREVER)
    async with _worker(story.deployment, folder) as worker:
        await story.stalled(worker, Stall.GROUP, Limits().group, "has not let this worker in")
        report.hold(not worker.ready_at, "never ready meanwhile")
        report.hold(worker.live > 0, "alive all the while")


async def _no_turn(story: _Story, folder: Path) -> None:
    report = story.report
    (folder / "sitecustomize.py").write_text(_BLOCKS)
    async with _worker(story.deployment, folder, {"PYTHONPATH": str(folder)}) as worker:
        await worker.until_ready()
        report.say("its event loop is blocked")
        os.kill(worker.command.pid, signal.SIGUSR1)
        await story.stalled(worker, Stall.LOOP, Limits().loop, "event loop has not run")
        report.hold(worker.silent > 0, "neither alive nor ready meanwhile: no probe was answered")


async def _rest(story: _Story, events: EventLog, folder: Path) -> None:
    report, log, deployment = story.report, story.log, story.deployment
    async with _worker(deployment, folder) as worker:
        await worker.until_ready()
        await events.write(log.records(story.written))
        await events.close(log.end_ms)
        await deployment.closed(log.end_ms, _PATIENCE_S)
    wanted = expected(log.punctual(), references(), deployment.settings)
    told = deployment.told.decoded()
    same = told.keys() == wanted.verdicts.keys() and all(
        placeless(one) == placeless(wanted.verdicts[name]) for name, one in told.items()
    )
    report.figure("verdicts", len(told))
    report.hold(same, f"all {len(wanted.verdicts)} verdicts are told, and as without a stall")
    report.hold(
        _names(deployment.told.all_alerts()) == _names(wanted.alerts),
        f"all {len(wanted.alerts)} alerts are told, and as without a stall",
    )


def _names(alerts: Any) -> list[tuple[Any, ...]]:
    return [(a.alert_id, a.pane_end_ms, a.status, a.title) for a in alerts]


ROW = Row(
    fault="something stands still though the broker answers: commits, the recovery of state, the "
    "joining of a group, the event loop; and the whole process stopped for 45 s, which is no stall",
    dose="each once, on the embedded broker, until the worker ends",
    holds="the watchdog ends it with the exit code and the reason; liveness and readiness say how "
    "it is; the next start goes on, and all verdicts and alerts are as without a stall",
    run=run,
)
