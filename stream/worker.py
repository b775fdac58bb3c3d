"""One worker process: port, topics, references, ingest, monitor, incidents, until told to end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Literal

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
)

from driftlog.errors import BrokerError, DriftlogError
from driftlog.kafka import connection
from driftlog.serving import running
from driftlog.settings import Settings
from driftlog.topics import ensure_topics
from stream.app import Monitor
from stream.ingest import Ingest
from stream.judging import Judging
from stream.metrics import Stage, WorkerCollector
from stream.partition import ColumnsPartition
from stream.references import References
from stream.server import worker_app
from stream.topics import Topics, worker_topics
from stream.verdicts import VerdictsPartition

__all__ = ["Only", "Worker"]

_log = logging.getLogger(__name__)

Only = Literal["ingest", "monitor"]
_WAIT = 1.0  # seconds between looks at a broker that is away


@dataclass(slots=True)
class _Held:
    """What the collector reads; empty until the parts are there."""

    monitor: Monitor | None = None
    ingest: Ingest | None = None
    judging: Judging | None = None
    phase: str = "waiting for the broker"

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
    def ready(self) -> bool:
        if self.phase != "running":
            return False
        return (self.monitor is None or self.monitor.ready) and (
            self.ingest is None or bool(self.ingest.ready)
        )


class Worker:
    """A worker on one event loop.

    Args:
        settings: the whole.
        only: run one half alone: ``ingest``, or ``monitor`` (with incidents).
        say: called with a line for people when something about the worker changes.
    """

    def __init__(
        self,
        settings: Settings,
        only: Only | None = None,
        say: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self.url = ""
        self._settings = settings
        self._only = only
        self._say = say
        self._held = _Held()
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Ask the worker to end: it commits, stores its state and leaves its groups."""
        self._stop.set()

    async def run(self) -> None:
        """Run until `stop`, SIGINT or SIGTERM.

        Raises:
            DriftlogError: a part has failed; the next start goes on from what is committed.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError, RuntimeError):  # no main thread
                loop.add_signal_handler(number, self.stop)
        registry = CollectorRegistry()
        for collector in (GCCollector, PlatformCollector, ProcessCollector):
            collector(registry=registry)
        registry.register(WorkerCollector(self._held, self._settings))
        async with AsyncExitStack() as stack:
            worker = self._settings.worker
            app = worker_app(registry, self._state)
            self.url = await stack.enter_async_context(running(app, worker.host, worker.port))
            self._say(f"gauges at {self.url}/metrics")
            if not await self._wait_for_broker():
                return
            await self._work(stack)

    def _state(self) -> dict[str, Any]:
        held = self._held
        return {
            "ready": held.ready,
            "phase": held.phase,
            "columns": len(held.columns),
            "verdicts": len(held.verdicts),
            "sources": 0 if held.ingest is None else len(held.ingest.sources),
        }

    async def _wait_for_broker(self) -> bool:
        """Wait until the broker answers and the topics are there; false: told to stop first."""
        told = ""
        while not self._stop.is_set():
            try:
                await self._check_topics()
                return True
            except BrokerError as exc:
                if str(exc) != told:
                    told = str(exc)
                    self._say(f"waiting: {told}")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), _WAIT)
        return False

    async def _check_topics(self) -> None:
        security = connection(self._settings.kafka)
        bootstrap = security.pop("bootstrap_servers")
        admin: Any = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **security)
        try:
            await admin.start()
        except (KafkaError, OSError) as exc:
            raise BrokerError(
                f"no broker answers at {bootstrap} ({exc}); start it, or set kafka.bootstrap"
            ) from exc
        finally:
            await admin.close()
        results = await ensure_topics(
            bootstrap, worker_topics(self._settings), security=security, create=False
        )
        missing = [one.name for one in results if one.outcome == "missing"]
        if missing:
            raise BrokerError(
                f"topics are missing: {', '.join(missing)}; make them by 'driftlog topics create'"
            )
        for one in results:
            for difference in one.differences:
                if difference.setting == "partitions":
                    raise DriftlogError(
                        f"topic {one.name} has {difference.found} partitions where the settings "
                        f"have {difference.wanted}; change the settings (kafka.*_partitions) or "
                        "make the topic anew"
                    )
                _log.warning(
                    "topic %s: %s is %s, not %s ('driftlog doctor' says what follows)",
                    one.name,
                    difference.setting,
                    difference.found,
                    difference.wanted,
                )

    async def _work(self, stack: AsyncExitStack) -> None:
        settings, topics = self._settings, Topics.of(self._settings)
        judging = Judging(settings)
        self._held.phase = "reading references"
        references = await stack.enter_async_context(
            References(settings.kafka, on_change=judging.follow)
        )
        judging.follow(references.book)
        self._held.judging = judging
        tasks: set[asyncio.Task[Any]] = {
            asyncio.create_task(references.follow(), name="references")
        }
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
        if self._only != "ingest":
            self._held.phase = "joining the group"
            monitor = Monitor(settings, topics, judging)
            await stack.enter_async_context(monitor.running())
            self._held.monitor = monitor
            tasks.add(asyncio.create_task(monitor.failed(), name="monitor"))
        if self._only != "monitor":
            self._held.ingest = Ingest(settings, topics, judging)
            tasks.add(asyncio.create_task(self._held.ingest.run(), name="ingest"))
        self._held.phase = "running"
        self._say("running")
        try:
            done, _ = await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
            self._held.phase = "stopping"
            for task in done - {stopping}:
                reason = task.exception() or task.result()
                raise DriftlogError(f"{task.get_name()} has ended: {reason!r}")
        finally:
            for task in (*tasks, stopping):
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)
