"""Half an hour at half of what a worker can do: what it takes must not grow."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from driftlog.testing.cluster import Broker
from tests.chaos.bulk_log import BulkLog
from tests.chaos.kafka import kafka
from tests.chaos.production import PRODUCTION
from tests.chaos.row import Report, Row
from tests.chaos.usage import Usage, usage
from tests.e2e.deployment import Deployment, deployed
from tests.e2e.gauges import Gauges
from tests.e2e.worker_process import WorkerProcess

__all__ = ["ROW"]

_PARTITIONS: Final = 8
_RATE: Final = 1_400.0  # events in a second of event time, where the rate is measured
_MEASURED: Final = 300_000  # events that the rate is measured on
_MINUTES: Final = 30
_WARM_UP_S: Final = 300.0  # windows fill for 10 min in event time, buffers and code within minutes
_WINDOW_S: Final = 180.0  # looks within it are taken together
_LOOK_S: Final = 5.0
_PATIENCE_S: Final = 1_800.0
_GROWTH: Final = 1.05

Series = set[tuple[str, tuple[tuple[str, str], ...]]]


@dataclass(frozen=True, slots=True)
class _Look:
    """The worker at one moment."""

    at: float  # seconds since the load began
    usage: Usage
    tasks: int
    series: Series
    lag: float  # events waiting


async def run(report: Report, *, short: bool) -> None:
    """Measure the sustained rate, then run at half of it and look on."""
    scale = 30 if short else 1
    with kafka() as broker:
        sustained = await _sustained(report, broker, _MEASURED // (10 if short else 1))
        report.figure("sustained rate before, events a second", round(sustained))
        pace = max(200.0, round(sustained / 2, -2))
        report.figure("load, events a second", round(pace))
        looks, held = await _loaded(report, broker, pace, _MINUTES * 60 / scale)
    begin = _window(looks, _WARM_UP_S / scale, _WINDOW_S / scale)
    end = _window(looks, looks[-1].at - _WINDOW_S / scale, _WINDOW_S / scale)
    _grown(report, begin, end)
    report.figure("events waiting to be read, at most", round(max(one.lag for one in looks)))
    for what, holds in held.items():
        report.hold(holds, what)


async def _sustained(report: Report, broker: Broker, count: int) -> float:
    """Events a second that a worker reads and judges of a backlog, here and now."""
    log = BulkLog(count, [1] * _PARTITIONS, _RATE)
    with tempfile.TemporaryDirectory() as folder:
        async with deployed(broker, Path(folder), [log.reference()], **PRODUCTION) as deployment:
            await log.write(deployment.settings)
            began = time.monotonic()
            await deployment.start(within=_PATIENCE_S)
            report.say(f"measuring on {count:,} events")
            await deployment.told.until(
                lambda: deployment.told.closed_through_ms >= log.end_ms, "all judged", _PATIENCE_S
            )
            return count / (time.monotonic() - began)


async def _loaded(
    report: Report, broker: Broker, pace: float, seconds: float
) -> tuple[list[_Look], dict[str, bool]]:
    """Write at a pace while a worker reads; look at it, and at what it has counted in the end."""
    with tempfile.TemporaryDirectory() as folder:
        start_ms = int(time.time()) * 1000
        log = BulkLog(int(pace * seconds), [1] * _PARTITIONS, pace, start_ms)
        async with deployed(broker, Path(folder), [log.reference()], **PRODUCTION) as deployment:
            worker = await deployment.start(within=_PATIENCE_S)
            writing = asyncio.create_task(log.write(deployment.settings, pace))
            looks = await _watched(report, deployment, worker, writing.done)
            await writing
            await deployment.told.until(
                lambda: deployment.told.closed_through_ms >= log.end_ms, "all judged", _PATIENCE_S
            )
            gauges = await worker.gauges()
    counted = gauges.total("driftlog_events_total")
    held = {f"each event read once ({counted:,.0f} of {log.count:,})": counted == log.count}
    for stage in ("ingest", "monitor"):
        times = gauges.total("driftlog_assignments_total", stage=stage)
        held[f"the group of {stage} has had one generation"] = times == 1
    for name in ("late_idle", "lost", "repeated_rows", "dead_letters"):
        held[f"{name} is 0"] = gauges.total(f"driftlog_{name}_total") == 0
    return looks, held


async def _watched(
    report: Report, deployment: Deployment, worker: WorkerProcess, ended: Callable[[], bool]
) -> list[_Look]:
    looks: list[_Look] = []
    began = told = time.monotonic()
    while not ended():
        gauges = await worker.gauges()
        looks.append(_look(gauges, usage(worker.pid), time.monotonic() - began))
        if time.monotonic() - told >= 60.0:
            told, last = time.monotonic(), looks[-1]
            report.say(
                f"{last.at:.0f} s under load: {last.usage.rss_mb:.0f} MB, {last.tasks} tasks, "
                f"{last.usage.files} files, {len(last.series)} series, {last.lag:,.0f} waiting"
            )
        await deployment.told.until(lambda: True, "nothing")
        await asyncio.sleep(_LOOK_S)
    return looks


def _look(gauges: Gauges, seen: Usage, at: float) -> _Look:
    return _Look(
        at=at,
        usage=seen,
        tasks=int(gauges.total("driftlog_tasks")),
        series=gauges.series,
        lag=gauges.total("driftlog_lag_events"),
    )


def _window(looks: Sequence[_Look], begin: float, seconds: float) -> list[_Look]:
    found = [one for one in looks if begin <= one.at <= begin + seconds]
    assert found, f"no look between {begin:.0f} and {begin + seconds:.0f} s"
    return found


def _grown(report: Report, begin: Sequence[_Look], end: Sequence[_Look]) -> None:
    """Hold the end against what was after the warm-up, medians of a few minutes each."""
    before, after = (median(one.usage.rss_mb for one in looks) for looks in (begin, end))
    report.figure("memory after warm-up (RSS), MB", round(before))
    report.figure("memory at the end (RSS), MB", round(after))
    report.hold(after < _GROWTH * before, f"memory grows by {after / before - 1:+.1%}, below 5 %")
    for what, count in (
        ("tasks", lambda one: one.tasks),
        ("files", lambda one: one.usage.files),
        ("threads", lambda one: one.usage.threads),
    ):
        first, last = (median(map(count, looks)) for looks in (begin, end))
        report.figure(f"{what} after warm-up and at the end", f"{first:.0f} and {last:.0f}")
        report.hold(last <= first + 1, f"no more {what} than after warm-up")
    first_series, last_series = (set.union(*(one.series for one in x)) for x in (begin, end))
    new = sorted(last_series - first_series)
    report.figure("metric series", len(last_series))
    report.hold(not new, f"no new metric series {new[:3]}")


ROW = Row(
    fault="the worker runs for long at half of what it can do",
    dose=f"{_MINUTES} min at half the rate measured before, 8 partitions, driftlog as it comes; "
    "the first 5 min are warm-up",
    holds="memory (RSS) at the end less than 5 % above that after warm-up; no task, thread, file "
    "or metric series more; every event read once, no rebalance",
    run=run,
)
