"""Kafka killed and restarted, gone, frozen: the answer is the one of an undisturbed run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import fmean
from typing import Final

from driftlog.testing.apache import ApacheKafka
from tests.chaos.captured_service import PER_SECOND, CapturedService, captured_service, p99, topics
from tests.chaos.fleet import PATIENCE, Fleet, fleet
from tests.chaos.paced_log import PacedLog
from tests.chaos.row import Report, Row
from tests.chaos.same_answer import same_answer
from tests.chaos.usage import usage
from tests.e2e.waiting import eventually
from tests.e2e.worker_process import WorkerProcess

__all__ = ["ROW"]

_WORKERS: Final = 2
_GAP_S: Final = 4.0  # between two outages
_GONE_S: Final = 60.0
_FROZEN_S: Final = 30.0
_SETTLING_S: Final = 3.0  # what is in memory is judged on
# A partition that is quiet for longer would be idle, if a broker that is away counted as quiet.
_IDLE_AFTER: Final = "20s"
_BUSY: Final = 0.5  # of a core, on average: more, while there is nothing to do, is spinning
_CALM: Final = 0.25  # of a core, over a look: what spins never takes so little
_LOOK_S: Final = 1.0
_LONG_S: Final = 30.0  # an average over less is of what is in memory, not of the outage
_STARVED_S: Final = 60.0  # on a busy machine what is in memory may take so long
_LINES: Final = 60  # in an outage of up to a minute
# A broker that gets little processor must not be taken for dead by its own controller.
_SLACK: Final = {"broker.session.timeout.ms": "6000"}
_SERVICE: Final = "captured."


@dataclass(slots=True)
class _Watch:
    """What workers and service did during outages."""

    fleet: Fleet
    service: CapturedService
    spans: list[tuple[float, float]] = field(default_factory=list)  # seconds since 1970
    calmest: list[float] = field(default_factory=list)  # look, of a core, by worker and outage
    busy: list[float] = field(default_factory=list)  # of a core, by worker and long outage
    lines: list[int] = field(default_factory=list)  # by worker and outage
    lines_of_service: list[int] = field(default_factory=list)  # by outage

    @asynccontextmanager
    async def outage(self, seconds: float) -> AsyncIterator[None]:
        """Look what an outage costs that begins now.

        Args:
            seconds: it takes at least; longer, if a worker has no calm look so soon: an outage is
                too short to tell what is judged on from memory from what spins.
        """
        began, since = time.time(), time.monotonic()
        workers = [one for one in self.fleet.workers if one.alive]
        lines = [len(one.log.splitlines()) for one in workers]
        of_service = len(self.service.log)
        looks: list[list[float]] = []  # share of a core, by worker
        while (passed := time.monotonic() - since) < seconds or (
            passed < seconds + _STARVED_S
            and max(map(min, zip(*looks, strict=True)), default=0.0) >= _CALM
        ):
            looks.append(await _look(workers))
        self.calmest.extend(map(min, zip(*looks, strict=True)))
        if seconds >= _LONG_S:
            settled = looks[int(_SETTLING_S / _LOOK_S) :]
            self.busy.extend(map(fmean, zip(*settled, strict=True)))
        for worker, before in zip(workers, lines, strict=True):
            self.lines.append(len(worker.log.splitlines()) - before)
        self.lines_of_service.append(len(self.service.log) - of_service)
        yield
        self.spans.append((began, time.time()))

    def report(self, report: Report, quiet_since: float) -> None:
        """Tell it.

        Args:
            report: told.
            quiet_since: from then to the first outage all was well.
        """
        report.figure(
            "calmest second of the busiest worker while the broker was away, of a core",
            f"{max(self.calmest):.0%}",
        )
        report.hold(max(self.calmest) < _CALM, "every worker falls quiet")
        if self.busy:
            busiest = f"{max(self.busy):.0%}"
            report.figure("busiest worker while the broker was away, of a core", busiest)
            report.hold(max(self.busy) < _BUSY, "nothing spins")
        report.figure("most lines of a worker in an outage", max(self.lines))
        report.hold(max(self.lines) < _LINES, "no flood of lines from the workers")
        report.figure("most lines of the service under capture", max(self.lines_of_service))
        report.hold(max(self.lines_of_service) < _LINES, "no flood of lines in the service's log")
        before = self.service.between(quiet_since, self.spans[0][0])
        during = [took for span in self.spans for took in self.service.between(*span)]
        report.figure(
            "capture.log p99 before and during outages, us",
            f"{p99(before):.0f} and {p99(during):.0f}",
        )
        # A call takes some 50 us: one that waits for the network takes milliseconds, and one that
        # waits for the broker as long as the outage. The latter can be told on a busy machine.
        bound_us = 2 * p99(before) + 1_000 if self.busy else 500_000
        report.hold(p99(during) < bound_us, "the service keeps its latency")
        # Of a call that waited from beginning to end there is no second to look at.
        whole = sum(max(0.0, ended - began - 2) for began, ended in self.spans)
        report.hold(len(during) >= PER_SECOND * whole / 2, "the service keeps its rate")


async def _look(workers: Sequence[WorkerProcess]) -> list[float]:
    """Return the share of a core that each worker takes over a look; 0 of one that ends."""
    spent, since = [_cpu_s(one) for one in workers], time.monotonic()
    await asyncio.sleep(_LOOK_S)
    took = time.monotonic() - since
    return [max(0.0, _cpu_s(one) - cpu_s) / took for one, cpu_s in zip(workers, spent, strict=True)]


def _cpu_s(worker: WorkerProcess) -> float:
    return usage(worker.pid).cpu_s if worker.alive else 0.0


async def run(report: Report, *, short: bool) -> None:
    """Take the broker away while a log is written and judged, and compare what is told."""
    events, per_second, partitions = (6_000, 800, 4) if short else (80_000, 50, 8)
    with ApacheKafka(settings=_SLACK) as broker:
        log = PacedLog(events, per_second=400 if short else 200, partitions=partitions)
        broker.create_topics(topics(_SERVICE))
        async with (
            captured_service(broker.bootstrap, _SERVICE) as service,
            fleet(
                report,
                broker,
                log,
                STREAM_IDLE_AFTER=_IDLE_AFTER,
                KAFKA_COLUMN_PARTITIONS=str(partitions),
            ) as workers,
        ):
            count = 1 if short else _WORKERS
            await asyncio.gather(*(workers.start("--log-level", "warning") for _ in range(count)))
            quiet_since = time.time()
            workers.write_soon(per_second)
            watch = _Watch(workers, service)
            await (_few(report, broker, watch) if short else _many(report, broker, watch))
            workers.hurry()
            await workers.finish(count)
            report.hold(not workers.ended, "the workers went on by themselves")
            watch.report(report, quiet_since)
            await _account(report, service)
            await same_answer(report, broker, workers, verified=False)


async def _few(report: Report, broker: ApacheKafka, watch: _Watch) -> None:
    await watch.fleet.closed(0.2)
    await _killed(broker, watch, 1.0)
    await watch.fleet.closed(0.4)
    await _frozen(broker, watch, 5.0)
    report.figure("outages", "1 kill -9 with restart, 1 freeze of 5 s")


async def _many(report: Report, broker: ApacheKafka, watch: _Watch) -> None:
    for number in range(5):
        for what, outage, seconds in (
            ("killed and restarted", _killed, 0.0),
            (f"gone for {_GONE_S:.0f} s", _killed, _GONE_S),
            (f"frozen for {_FROZEN_S:.0f} s", _frozen, _FROZEN_S),
        ):
            await asyncio.sleep(_GAP_S)
            await outage(broker, watch, seconds)
            await _answered(watch)
            written = watch.fleet.written
            report.say(f"{number + 1} times {what}; {written:,} events written")
            report.hold(not watch.fleet.done.is_set(), "the outage fell into the replay")
    report.figure("outages", "5 times each killed, gone for 60 s, frozen for 30 s")


async def _killed(broker: ApacheKafka, watch: _Watch, seconds: float) -> None:
    broker.kill()
    if seconds:
        async with watch.outage(seconds):
            await asyncio.to_thread(broker.restart)
    else:
        await asyncio.to_thread(broker.restart)


async def _frozen(broker: ApacheKafka, watch: _Watch, seconds: float) -> None:
    broker.freeze()
    async with watch.outage(seconds):
        broker.thaw()


async def _answered(watch: _Watch) -> None:
    """Wait until something has been judged anew."""
    told = watch.fleet.deployment.told
    before = told.closed_through_ms
    await told.until(lambda: told.closed_through_ms > before, "a pane judged anew", PATIENCE)


async def _account(report: Report, service: CapturedService) -> None:
    async def caught_up() -> bool:
        return service.seconds[-1].buffered < 1_000

    await eventually(caught_up, "the service's buffer sent", PATIENCE)
    last = await service.end()
    report.figure(
        "events of the service logged, sent, dropped",
        f"{last.logged:,}, {last.sent:,}, {last.dropped:,}",
    )
    report.hold(
        last.logged == last.sent + last.dropped + last.failed and last.buffered == 0,
        "each event of the service was sent or counted as dropped",
    )
    report.hold(last.failed == 0, "none was refused")


ROW: Final = Row(
    fault="Kafka killed (`kill -9`) and restarted; gone for 60 s; frozen for 30 s",
    dose="5 times each while 80,000 events are written, 50 a second, and judged by 2 workers, "
    "8 partitions; beside them a service that logs 200 requests a second",
    holds="verdicts, alerts and gauges are those of an undisturbed run; `late_idle` 0 with "
    "`stream.idle_after` 20 s; workers reconnect by themselves; nothing spins, no flood of lines; "
    "the service keeps its latency, its events are sent or counted",
    run=run,
)
