"""Requests fail, come late or are done in part: the answer is the one of an undisturbed run."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from pathlib import Path

from driftlog.testing.embedded import EmbeddedBroker
from stream.topics import Topics
from tests.chaos.request_faults import BROKERS, RequestFaults
from tests.chaos.row import Report, Row
from tests.e2e.deployment import Deployment, deployed
from tests.e2e.event_log import EventLog, writing
from tests.e2e.expected import expected, placeless
from tests.e2e.synthetic import SyntheticLog, references

__all__ = ["ROW"]

_SEED = 7


async def _run(report: Report, *, short: bool) -> None:
    log = SyntheticLog(panes=30 if short else 240)
    profiles = references()
    with EmbeddedBroker(brokers=BROKERS) as broker, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        async with deployed(broker, folder, profiles) as disturbed:
            worker = await disturbed.start("--log-level", "warning")
            topics = Topics.of(disturbed.settings)
            faults = RequestFaults(
                broker,
                {
                    topics.events: topics.event_partitions,
                    topics.columns: topics.column_partitions,
                    topics.verdicts: topics.verdict_partitions,
                    topics.alerts: 1,
                },
                [topics.app_id, topics.ingest_group],
                _SEED,
            )
            async with writing(disturbed.settings) as events:
                rounds = 1 if short else 15
                await _disturb(report, faults, rounds * faults.kinds, events, log)
                broker.heal()
                await events.close(log.end_ms)
            await disturbed.closed(log.end_ms)
            gauges = await worker.gauges()
            report.hold(worker.alive, "the worker went on by itself")
            lines = len(worker.log.splitlines())
            report.figure("lines the worker wrote", lines)
            report.hold(gauges.total("driftlog_late_idle_total") == 0, "late_idle 0")
            report.hold(gauges.total("driftlog_lost_total") == 0, "nothing lost")
            report.figure("verdicts told twice before de-duplication", disturbed.told.repeated)
            await _as_undisturbed(report, broker, folder, disturbed, events.topic, log)


async def _disturb(
    report: Report, faults: RequestFaults, dose: int, events: EventLog, log: SyntheticLog
) -> None:
    """Write the log in as many parts as there are faults, one part with each fault."""
    records = log.records()
    per_fault = -(-len(records) // dose)
    may_write = asyncio.Semaphore(0)

    async def write() -> None:
        for at in range(0, len(records), per_fault):
            await may_write.acquire()
            await events.write(records[at : at + per_fault])

    writing = asyncio.create_task(write())
    injected: Counter[str] = Counter()
    for number in range(dose):
        may_write.release()
        injected[await faults.one()] += 1
        if number % faults.kinds == faults.kinds - 1:
            report.say(f"{number + 1} of {dose} faults injected")
    report.figure("faults injected", f"{injected.total()} of {len(injected)} kinds")
    await writing
    report.figure("events", len(records))


async def _as_undisturbed(
    report: Report,
    broker: EmbeddedBroker,
    folder: Path,
    disturbed: Deployment,
    topic: str,
    log: SyntheticLog,
) -> None:
    """Read the same log again without a fault, and from a file, and compare."""
    profiles, told = references(), disturbed.told
    async with deployed(broker, folder, profiles, KAFKA_EVENTS_TOPIC=topic) as quiet:
        await quiet.start()
        await quiet.closed(log.end_ms)
        report.figure("verdicts compared", len(told.verdicts))
        report.figure("alerts compared", len(told.alerts))
        report.hold(told.verdicts == quiet.told.verdicts, "verdicts as undisturbed, byte for byte")
        report.hold(told.alerts == quiet.told.alerts, "alerts as undisturbed, byte for byte")
    wanted = expected(log.punctual(), profiles, disturbed.settings)
    found = {name: placeless(verdict) for name, verdict in told.decoded().items()}
    report.hold(
        found == {name: placeless(verdict) for name, verdict in wanted.verdicts.items()},
        "verdicts as of the same events in a file",
    )
    report.hold(len({alert.alert_id for alert in told.all_alerts()}) >= 2, "drifts were told")


ROW = Row(
    fault="request errors, delays, partial produce failures (embedded broker, 3 brokers)",
    dose="240 faults of 16 kinds in a log of 14,400 events: errors of ten requests, lost and late "
    "answers, leaders and coordinators that move or are missing, one broker of three away",
    holds="verdicts and alerts equal those of an undisturbed run, byte for byte; the worker goes "
    "on by itself; late_idle 0",
    run=_run,
)
