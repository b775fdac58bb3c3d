"""Millions of events waiting when the worker starts, most of them in one partition."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from driftlog.records import Alert, Verdict
from driftlog.settings import Settings
from stream.book import ReferenceBook
from stream.pipeline import Pipeline, Told
from tests.chaos.bulk_log import BulkLog
from tests.chaos.kafka import kafka
from tests.chaos.production import PRODUCTION
from tests.chaos.row import Report, Row
from tests.chaos.usage import Usage, usage
from tests.e2e.deployment import Deployment, deployed
from tests.e2e.expected import Expected, FileRecord, placeless, shard_key
from tests.e2e.worker_process import WorkerProcess

__all__ = ["ROW", "expected_of"]

_SHARES: Final = (5, 5, 5, 10, 10, 10, 15, 40)  # percent of the events, by partition
_RATE: Final = 1_400.0  # events in a second of event time
_EVENTS: Final = 5_000_000
_SHORT: Final = 100_000
_PATIENCE_S: Final = 3_600.0
_LOOK_S: Final = 1.0
_BATCH: Final = 4_096
_MOST_MB: Final = 1_536


@dataclass(slots=True)
class _Seen:
    """What was seen of the worker while it read."""

    peak_mb: float = 0.0
    read_s: float = 0.0  # until the last event was read
    read_cpu_s: float = 0.0
    late: float = 0.0
    lost: float = 0.0
    late_idle: float = 0.0
    ordered: bool = True  # the closed panes never went back


async def run(report: Report, *, short: bool) -> None:
    """Read a backlog from its start, and compare what is told with the pure pipeline."""
    log = BulkLog(_SHORT if short else _EVENTS, _SHARES, _RATE)
    with tempfile.TemporaryDirectory() as folder, kafka() as broker:
        async with deployed(broker, Path(folder), [log.reference()], **PRODUCTION) as deployment:
            began = time.monotonic()
            await log.write(deployment.settings)
            report.say(f"{log.count:,} events written in {time.monotonic() - began:.0f} s")
            await _read(report, deployment, log)
            told = deployment.told
            settings = deployment.settings
            decoded = told.decoded()
            alerts = [(a.alert_id, a.pane_end_ms, a.status, a.title) for a in told.all_alerts()]
    report.say("the same log through the pure pipeline")
    wanted = await asyncio.to_thread(expected_of, log, settings)
    _compare(report, decoded, wanted)
    wanted_alerts = [(a.alert_id, a.pane_end_ms, a.status, a.title) for a in wanted.alerts]
    report.hold(alerts == wanted_alerts, "alerts equal those of the pure pipeline")
    report.hold(bool(alerts), "the drift in the log is told")


async def _read(report: Report, deployment: Deployment, log: BulkLog) -> None:
    began = time.monotonic()
    worker = await deployment.start(within=_PATIENCE_S)
    started = usage(worker.pid)
    ready = time.monotonic()
    seen = _Seen()
    watching = asyncio.create_task(_watch(report, worker, log, seen, ready))
    try:
        told = deployment.told
        await told.until(
            lambda: told.closed_through_ms >= log.end_ms, "all panes closed", within=_PATIENCE_S
        )
        judged = time.monotonic()
        await deployment.closed(log.end_ms)
        ended = usage(worker.pid)
        await watching
    finally:
        watching.cancel()
    read_s, judged_s = seen.read_s, judged - ready
    report.figure("events read a second", round(log.count / read_s))
    report.figure("events judged a second", round(log.count / judged_s))
    cpu = (ended.cpu_s - started.cpu_s) / log.count * 1e6
    report.figure("CPU of the worker an event, us", round(cpu, 1))
    report.figure("highest memory of the worker (RSS), MB", round(ended.peak_mb))
    report.say(f"from its start until it was ready {ready - began:.0f} s")
    report.hold(ended.peak_mb < _MOST_MB, f"memory below {_MOST_MB} MB")
    await _hold_counts(report, worker, log, seen)
    for stage in ("ingest", "monitor"):
        times = (await worker.gauges()).total("driftlog_assignments_total", stage=stage)
        report.hold(times == 1, f"the group of {stage} has had one generation ({times:.0f})")


async def _watch(
    report: Report, worker: WorkerProcess, log: BulkLog, seen: _Seen, ready: float
) -> None:
    """Look until all is read, and tell of it now and then."""
    closed, told = 0.0, 0.0
    while True:
        gauges = await worker.gauges()
        events = gauges.total("driftlog_events_total")
        panes = gauges.all("driftlog_closed_through_timestamp_seconds", stage="monitor")
        least = min((value for _, value in panes), default=0.0)
        seen.ordered &= least >= closed
        closed = max(closed, least)
        now = time.monotonic()
        look = usage(worker.pid)
        if now - told >= 15.0:
            told = now
            report.say(_line(events, now - ready, look, gauges.total("driftlog_open_rows")))
        if events >= log.count:
            seen.read_s = now - ready
            return
        await asyncio.sleep(_LOOK_S)


def _line(events: float, seconds: float, look: Usage, held: float) -> str:
    return (
        f"{events:,.0f} events in {seconds:.0f} s, {look.rss_mb:.0f} MB, "
        f"{look.cpu_s:.0f} s of CPU, {held:,.0f} rows open"
    )


async def _hold_counts(report: Report, worker: WorkerProcess, log: BulkLog, seen: _Seen) -> None:
    gauges = await worker.gauges()
    events = gauges.total("driftlog_events_total")
    report.hold(events == log.count, f"each event read once ({events:,.0f})")
    for name in ("late", "late_idle", "lost", "repeated_rows", "dead_letters", "unjudged_rows"):
        count = gauges.total(f"driftlog_{name}_total")
        report.hold(count == 0, f"{name} 0 ({count:,.0f})")
    report.hold(seen.ordered, "closed panes only rise")


def _compare(report: Report, told: Mapping[tuple[str, int], Verdict], wanted: Expected) -> None:
    report.figure("panes judged", len(told))
    report.hold(told.keys() == wanted.verdicts.keys(), f"the same panes ({len(wanted.verdicts)})")
    different = [
        name
        for name, verdict in told.items()
        if name in wanted.verdicts and placeless(verdict) != placeless(wanted.verdicts[name])
    ]
    report.hold(not different, f"every verdict equals the pure pipeline's ({different[:3]})")


def expected_of(log: BulkLog, settings: Settings) -> Expected:
    """Return what the pure pipeline tells of the log, read as one partition in order of writing."""
    pipeline = Pipeline(settings, ReferenceBook([log.reference()]))
    verdicts: dict[tuple[str, int], Verdict] = {}
    alerts: list[Alert] = []
    for step in _steps(pipeline, log):
        assert not step.late, "the log holds no late event"
        assert not step.dead, "the log holds no bad event"
        verdicts |= {(shard_key(one), one.pane_end_ms): one for one in step.verdicts}
        alerts += step.alerts
    return Expected(verdicts, alerts)


def _steps(pipeline: Pipeline, log: BulkLog) -> Iterator[Told]:
    records = (FileRecord(offset, line.value) for offset, line in enumerate(log.lines()))
    while batch := list(islice(records, _BATCH)):
        yield pipeline.feed(batch)
    yield pipeline.close()


ROW = Row(
    fault="a backlog is read from its start by one worker",
    dose=f"{_EVENTS:,} events of 810 bytes in 8 partitions of {min(_SHARES)} to {max(_SHARES)} %",
    holds="memory below 1.5 GB, no rebalance after the start, no event late, lost or read twice; "
    "verdicts and alerts equal those of the pure pipeline on the same events",
    run=run,
)
