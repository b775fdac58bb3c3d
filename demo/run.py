"""The demo from end to end."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import TypeVar

from api.faults import Faults
from api.model import FlightModel, load_or_train
from api.service import create_app
from demo.flights import endless_rows, quiet_rows, reference, year_rows
from demo.process import OwnProcess, console, worker
from demo.show import Show
from demo.stages import (
    DRIFT_S,
    QUIET_S,
    RATE,
    SERVE_QUIET_S,
    STAGES,
    WARM_UP_S,
    YEAR_EACH,
    YEAR_RATE,
    Stage,
    worker_environment,
)
from demo.summary import Injected, Outcome, outcome
from demo.traffic import Traffic
from demo.watch import Watch
from driftlog.capture import Capture
from driftlog.errors import DriftlogError
from driftlog.records import ReferenceProfile
from driftlog.serving import running
from driftlog.settings import Settings, load_settings
from driftlog.testing.embedded import EmbeddedBroker
from producers.scenario import measure
from stream.references import publish_reference
from stream.topics import worker_topics

__all__ = ["Demo"]

T = TypeVar("T")

_WITHOUT_WORKER_S = 20.0  # long enough to see what the console says then
_RESOLVE_S = 30.0  # longest wait for incidents to end before the next change
_GRACE_MS = 5_000  # pane, lateness and pending: alerts of the last rows changed come so late


@dataclass(slots=True)
class _Stack:
    """Everything that runs."""

    settings: Settings
    model: FlightModel
    profile: ReferenceProfile
    service: str
    worker: OwnProcess
    console: OwnProcess | None
    restart: Callable[[], Awaitable[OwnProcess]]
    faults: Faults
    watch: Watch

    async def keep_worker(self, show: Show) -> str:
        """Start another worker a while after one has ended, so that both can be watched."""
        while True:
            await self.worker.failed()
            show.step(f"the worker is gone; another starts in {_WITHOUT_WORKER_S:.0f} s")
            await asyncio.sleep(_WITHOUT_WORKER_S)
            self.worker = await self.restart()
            show.step(f"another worker, gauges at {self.worker.url}/metrics")


class Demo:
    """Broker, service, worker and replay, and the comparison of what was injected and seen.

    Args:
        show: where it is told.
        seed: of rows and injections.
    """

    def __init__(self, show: Show, seed: int = 0) -> None:
        self._show = show
        self._seed = seed

    async def run(self, *, serve: bool = False) -> Outcome:
        """Run all stages; with ``serve`` go on, a change now and then, until cancelled."""
        async with self._stack(RATE, with_console=serve) as stack:
            rows = quiet_rows(stack.model, self._seed)
            traffic = Traffic(
                stack.service,
                endless_rows(stack.model, self._seed),
                measure(rows),
                stack.faults,
                RATE,
                self._seed,
            )

            async def through() -> Outcome:
                found = await self._stages(stack, traffic)
                self._show.table(found)
                if serve:
                    page = "" if stack.console is None else stack.console.url
                    self._show.serving(stack.service, stack.worker.url, page)
                    await self._go_on(traffic)
                return found

            return await self._guarded(stack, traffic, through())

    async def year(self) -> Outcome:
        """Replay April to December: nothing is injected, and the incidents are real."""
        async with self._stack(YEAR_RATE) as stack:
            months = list(year_rows(stack.model, YEAR_EACH))
            rows = quiet_rows(stack.model, self._seed)
            traffic = Traffic(
                stack.service,
                endless_rows(stack.model, self._seed),
                measure(rows),
                stack.faults,
                YEAR_RATE,
                self._seed,
            )
            began = time.monotonic()

            async def through() -> Outcome:
                await self._for(WARM_UP_S / 2, "March, the other half: quiet traffic")
                for month, flights in months:
                    traffic.replace(cycle(flights))
                    await self._for(len(flights) / YEAR_RATE, f"2013-{month:02d}")
                await self._for(3.0, "the last panes close")
                return _outcome([], stack, traffic, began)

            found = await self._guarded(stack, traffic, through())
            self._show.year(found)
            return found

    async def _stages(self, stack: _Stack, traffic: Traffic) -> Outcome:
        began = time.monotonic()
        injected: list[Injected] = []
        await self._for(WARM_UP_S, "quiet traffic: nothing may be seen")
        for stage in STAGES:
            await stack.watch.until_resolved(_RESOLVE_S)
            injected.append(await self._inject(traffic, stage))
            await self._for(QUIET_S, "quiet again")
        await stack.watch.until_resolved(_RESOLVE_S)
        return _outcome(injected, stack, traffic, began)

    async def _go_on(self, traffic: Traffic) -> None:
        """Keep up quiet traffic with a change now and then, until cancelled."""
        for stage in cycle(STAGES):
            await self._for(SERVE_QUIET_S, "quiet traffic")
            await self._inject(traffic, stage)

    async def _inject(self, traffic: Traffic, stage: Stage) -> Injected:
        self._show.injecting(stage)
        before = traffic.position
        start_ms = traffic.begin(stage)
        await self._for(DRIFT_S, stage.name)
        end_ms, made = traffic.end()
        touched = sum(one.touched for one in made) if made else traffic.position - before
        return Injected(
            name=stage.name,
            says=stage.says,
            expects=stage.expects,
            start_ms=start_ms,
            end_ms=end_ms,
            rows=touched,
        )

    async def _for(self, seconds: float, what: str) -> None:
        self._show.phase(what, seconds)
        await asyncio.sleep(seconds)

    async def _guarded(self, stack: _Stack, traffic: Traffic, work: Awaitable[T]) -> T:
        """Run ``work`` beside the traffic; end with the reason when a part ends by itself."""
        main = asyncio.ensure_future(work)
        parts: set[asyncio.Task[object]] = {
            asyncio.create_task(traffic.run(), name="the replay"),
            asyncio.create_task(stack.watch.run(), name="the reader of alerts"),
        }
        if stack.console is None:
            parts.add(asyncio.create_task(stack.worker.failed(), name="the worker"))
        else:
            parts.add(asyncio.create_task(stack.console.failed(), name="the console"))
            parts.add(asyncio.create_task(stack.keep_worker(self._show), name="the worker"))
        try:
            done, _ = await asyncio.wait({main, *parts}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {main}:
                reason = task.exception() or task.result()
                raise DriftlogError(f"{task.get_name()} has ended: {reason}")
            return main.result()
        finally:
            main.cancel()
            for task in parts:
                task.cancel()
            await asyncio.gather(main, *parts, return_exceptions=True)

    @asynccontextmanager
    async def _stack(self, rate: float, *, with_console: bool = False) -> AsyncIterator[_Stack]:
        show = self._show
        show.step(
            "the example model: trained on January and February 2013, or taken from the cache"
        )
        model = await asyncio.to_thread(load_or_train)
        with EmbeddedBroker() as broker:
            show.step(f"an embedded broker at {broker.bootstrap}")
            environment = worker_environment(broker.bootstrap, rate)
            settings = load_settings(Path(os.devnull), environment)
            broker.create_topics(worker_topics(settings))
            show.step("the reference: one shuffled half of March")
            profile = await asyncio.to_thread(reference, model, rate, self._seed)
            await publish_reference(settings.kafka, profile)
            faults = Faults(seed=self._seed)
            capture = Capture(settings, model=model.name, version=model.version)
            async with (
                capture,
                running(create_app(model, capture, faults=faults)) as service,
            ):
                show.step(f"the inference service at {service}")
                async with AsyncExitStack() as more:
                    process = await more.enter_async_context(worker(environment))
                    show.step(f"the worker, gauges at {process.url}/metrics")
                    page = None
                    if with_console:
                        page = await more.enter_async_context(console(environment))
                        show.step(f"the console at {page.url}")
                    yield _Stack(
                        settings,
                        model,
                        profile,
                        service,
                        process,
                        page,
                        lambda: more.enter_async_context(worker(environment)),
                        faults,
                        Watch(settings, self._show.alert),
                    )


def _outcome(injected: list[Injected], stack: _Stack, traffic: Traffic, began: float) -> Outcome:
    return outcome(
        injected,
        stack.watch.seen,
        events=traffic.position,
        requests_failed=traffic.tally.failed.total(),
        seconds=time.monotonic() - began,
        grace_ms=_GRACE_MS,
    )
