"""One worker process: port, topics, references, ingest, monitor, incidents, until told to end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
)

from driftlog.errors import BrokerError, DriftlogError
from driftlog.kafka import connection, refusal
from driftlog.serving import Guard, Policy, running
from driftlog.settings import Settings
from stream.app import Monitor
from stream.broker import check_topics, watch_broker
from stream.ending import Ending
from stream.ingest import Ingest
from stream.judges import check_judges
from stream.judging import Judging
from stream.metrics import Observed, Stage, WorkerCollector
from stream.observing import look
from stream.partition import ColumnsPartition
from stream.references import References
from stream.server import PROBES, worker_app
from stream.topics import Topics
from stream.verdicts import VerdictsPartition
from stream.warm_up import warm_up
from stream.watchdog import Watchdog

__all__ = ["Only", "Worker"]

Only = Literal["ingest", "monitor"]
_COLLECTOR: Final = (50_000, 20, 50)  # thresholds of the generations
_JOINING: Final = "joining the group"
_WAIT = 1.0  # seconds between looks at a broker that is away


@dataclass(slots=True)
class _Held:
    """What the collector reads; empty until the parts are there."""

    monitor: Monitor | None = None
    ingest: Ingest | None = None
    judging: Judging | None = None
    phase: str = "waiting for the broker"
    broker_answers: bool = True
    watchdog: Watchdog | None = None
    observed: Observed = field(default_factory=Observed)

    @property
    def columns(self) -> Sequence[ColumnsPartition]:
        folds = [] if self.monitor is None else self.monitor.folds("monitor")
        return [fold for fold in folds if isinstance(fold, ColumnsPartition)]

    @property
    def verdicts(self) -> Sequence[VerdictsPartition]:
        folds = [] if self.monitor is None else self.monitor.folds("incidents")
        return [fold for fold in folds if isinstance(fold, VerdictsPartition)]

    @property
    def counts(self) -> Mapping[Stage, Counter[str]]:
        if self.monitor is None:
            return {"monitor": Counter(), "incidents": Counter()}
        return self.monitor.counts

    @property
    def assignments(self) -> Mapping[str, int]:
        halves = {"ingest": self.ingest, "monitor": self.monitor}
        return {name: half.assignments for name, half in halves.items() if half is not None}

    @property
    def tasks(self) -> int:
        return len(asyncio.all_tasks())

    @property
    def ready(self) -> bool:
        return not self.why_not

    @property
    def spare(self) -> bool:
        """Whether the others have all partitions: there is nothing to do until one of them ends."""
        return not (self.columns or self.verdicts or (self.ingest and self.ingest.sources))

    @property
    def why_not(self) -> str:
        """Why the worker is not ready, in a few words; empty where it is."""
        if self.phase == _JOINING and self.monitor is not None and self.monitor.assignments:
            return "recovering the state of its partitions"
        if self.phase != "running":
            return self.phase
        if not self.broker_answers:
            return "the broker does not answer"
        if self.ingest is not None and not self.ingest.ready:
            return "ingest waits for its partitions"
        if self.monitor is not None and not self.monitor.ready:
            return "the monitor waits for its partitions, or recovers their state"
        return "" if self.watchdog is None else self.watchdog.doubt


class Worker:
    """A worker on one event loop.

    Args:
        settings: the whole.
        only: run one half alone: ``ingest``, or ``monitor`` (with incidents).
        say: called with a line for people when something about the worker changes.
        ending: bounds the end; none: it takes as long as it takes.

    Raises:
        SettingsError: a detector, or a threshold set by hand, is of what there is not; or others
            than this machine would reach the port and nobody would ask them who they are.
    """

    def __init__(
        self,
        settings: Settings,
        only: Only | None = None,
        say: Callable[[str], None] = lambda _line: None,
        ending: Ending | None = None,
    ) -> None:
        check_judges(settings.detection)
        self._policy = Policy.of(settings.http, settings.worker.host)
        self.url = ""
        self._settings = settings
        self._only = only
        self._say = say
        self._ending = ending
        self._held = _Held()
        self._watching: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Ask the worker to end: it commits, stores its state and leaves its groups."""
        self._end(None)

    def _end(self, reason: BaseException | None) -> None:
        self._held.phase = "stopping"
        self._stop.set()
        if self._ending is not None:
            self._ending.begin(reason)

    async def run(self) -> None:
        """Run until `stop`, SIGINT or SIGTERM.

        Raises:
            DriftlogError: a part has failed; the next start goes on from what is committed.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError, RuntimeError):  # no main thread
                loop.add_signal_handler(number, self.stop)
        own = CollectorRegistry()  # theirs is one for the whole process
        collectors = [
            WorkerCollector(self._held, self._settings),
            *(one(registry=own) for one in (GCCollector, PlatformCollector, ProcessCollector)),
        ]
        app = Guard(worker_app(collectors, self._state), self._policy, open_paths=PROBES)
        async with running(app, self._settings.worker.port, self._policy) as self.url:
            self._say(f"gauges at {self.url}/metrics")
            while not self._stop.is_set():
                if await self._wait_for_broker():
                    await self._live()

    def _state(self) -> dict[str, Any]:
        held = self._held
        return {
            "ready": held.ready,
            "why": held.why_not,
            "spare": held.ready and held.spare,
            "columns": len(held.columns),
            "verdicts": len(held.verdicts),
            "sources": 0 if held.ingest is None else len(held.ingest.sources),
        }

    async def _wait_for_broker(self) -> bool:
        """Wait until the broker answers and the topics are there; false: told to stop first."""
        told = ""
        while not self._stop.is_set():
            checking = asyncio.create_task(check_topics(self._settings))
            await self._or_stop(checking)
            if not checking.done():
                await _cancel({checking})
            elif (exc := checking.exception()) is None:
                return True
            elif not isinstance(exc, BrokerError):
                raise exc
            else:
                if str(exc) != told:
                    told = str(exc)
                    self._enter(f"waiting: {told}")
                    self._say(f"waiting: {told}")
                await self._or_stop(asyncio.create_task(asyncio.sleep(_WAIT)))
        return False

    async def _or_stop(self, *tasks: asyncio.Task[Any]) -> set[asyncio.Task[Any]]:
        """Wait for one of the tasks to end, or for the word to stop; return those that ended."""
        stopping = asyncio.create_task(self._stop.wait())
        try:
            done, _ = await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        return done - {stopping}

    def _judging_now(self) -> bool:
        return self._held.monitor is not None and self._held.monitor.busy

    def _enter(self, phase: str) -> None:
        if not self._stop.is_set():
            self._held.phase = phase

    async def _live(self) -> None:
        """Begin the parts and run them until the end, or until the broker is gone again.

        Raises:
            DriftlogError: a part has failed, at its beginning, later, or at its end.
        """
        failed: DriftlogError | None = None
        stack = AsyncExitStack()
        try:
            tasks = await self._begin(stack)
            if not self._stop.is_set():
                failed = await self._attend(tasks)
        except BrokerError as exc:
            if not self._stop.is_set():
                self._say(f"waiting: {exc}")
        if self._watching is not None:
            await _cancel({self._watching})  # an end has bounds of its own
        try:
            await stack.aclose()
        except Exception as exc:  # what comes of a failure must not hide it
            failed = failed or DriftlogError(f"the end was not orderly: {self._told(exc)}")
        self._held.monitor = self._held.ingest = self._held.watchdog = None
        if failed is not None:
            raise failed

    async def _begin(self, stack: AsyncExitStack) -> set[asyncio.Task[Any]]:
        settings, topics = self._settings, Topics.of(self._settings)
        judging = Judging(settings)
        self._enter("reading references")
        references = await stack.enter_async_context(
            References(settings.kafka, on_change=judging.follow)
        )
        judging.follow(references.book)
        self._held.judging = judging
        tasks: set[asyncio.Task[Any]] = {
            asyncio.create_task(references.follow(), name="following the references"),
            asyncio.create_task(watch_broker(settings, self._tell_broker), name="the broker watch"),
        }
        stack.push_async_callback(_cancel, tasks)
        if self._only != "ingest":
            self._enter("compiling the detectors")
            await asyncio.to_thread(warm_up, settings)
            self._enter(_JOINING)
            monitor = self._held.monitor = Monitor(
                settings, topics, judging, self._held.observed.sent
            )
            tasks.add(self._watched())
            await stack.enter_async_context(monitor.running())
            tasks.add(asyncio.create_task(_failure(monitor), name="the monitor"))
        else:
            tasks.add(self._watched())
        if self._only != "monitor":
            self._held.ingest = Ingest(
                settings, topics, judging, self._judging_now, self._held.observed.decoded
            )
            ingest = asyncio.create_task(self._held.ingest.run(), name="ingest")
            tasks.add(ingest)
            # First of all to end: what it still sends is judged by the next worker.
            stack.push_async_callback(_cancel, {ingest})
        return tasks

    def _watched(self) -> asyncio.Task[None]:
        """Start the watchdog: before the parts, since a recovery may hang in their beginning."""
        self._held.watchdog = Watchdog(lambda now: look(self._held.monitor, self._held.ingest, now))
        self._watching = asyncio.create_task(self._held.watchdog.run(), name="the watchdog")
        return self._watching

    async def _attend(self, tasks: set[asyncio.Task[Any]]) -> DriftlogError | None:
        """Wait for the end; return what part has failed, and why, if that is the reason."""
        self._enter("running")
        self._say("running")
        _spare_collector()
        for task in await self._or_stop(*tasks):
            told = self._told(task.exception())
            failed = DriftlogError(f"{task.get_name()} has failed: {told}")
            self._end(failed)
            return failed
        return None

    def _told(self, reason: BaseException | None) -> str:
        """The reason on one line, with the mend where the broker refuses something."""
        if reason is None:
            return "it came to its end"
        text = str(reason) if isinstance(reason, DriftlogError) else repr(reason)
        causes = [reason, reason.__cause__]
        known = [refusal(connection(self._settings.kafka), one) for one in causes if one]
        if mend := next((one for one in known if one), None):
            text = f"{mend} ({text})"
        return " ".join(text.split())

    def _tell_broker(self, answers: bool) -> None:
        self._held.broker_answers = answers
        self._say(
            "the broker answers again"
            if answers
            else "the broker does not answer; waiting for it, what comes in meanwhile is kept there"
        )


def _spare_collector() -> None:
    """Let Python's cyclic collector look at what is new alone, and seldom.

    A batch is thousands of objects without a cycle among them: at the usual thresholds the
    collector went through them, and through all modules, again and again.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTOR)


async def _failure(monitor: Monitor) -> None:
    raise await monitor.failed()


async def _cancel(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
