"""Requests fail, come late or are done in part: the answer is the one of an undisturbed run."""

from __future__ import annotations

from collections import Counter
from typing import Final

from driftlog.testing.embedded import EmbeddedBroker
from stream.topics import Topics
from tests.chaos.fleet import Fleet, fleet
from tests.chaos.paced_log import PacedLog
from tests.chaos.request_faults import BROKERS, RequestFaults
from tests.chaos.row import Report, Row
from tests.chaos.same_answer import same_answer

__all__ = ["ROW"]

_SEED: Final = 7
_PARTITIONS: Final = 4
_EACH: Final = 10  # faults of each kind


async def run(report: Report, *, short: bool) -> None:
    """Inject faults while a log is written and judged, and compare what is told."""
    log = PacedLog(1_500 if short else 6_000, per_second=60, partitions=_PARTITIONS)
    with EmbeddedBroker(brokers=BROKERS) as broker:
        settings = {"KAFKA_COLUMN_PARTITIONS": str(_PARTITIONS)}
        async with fleet(report, broker, log, **settings) as workers:
            topics = Topics.of(workers.deployment.settings)
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
            worker = await workers.start("--log-level", "warning")
            await _disturb(report, workers, faults, (1 if short else _EACH) * faults.kinds)
            broker.heal()
            workers.allow(1)
            await workers.finish()
            report.hold(not workers.ended, "the worker went on by itself")
            report.figure("lines the worker wrote", len(worker.log.splitlines()))
            await same_answer(report, broker, workers)


async def _disturb(report: Report, workers: Fleet, faults: RequestFaults, dose: int) -> None:
    """Let a part of the log be written with each fault."""
    injected: Counter[str] = Counter()
    workers.allow(0)
    workers.write_soon()
    for number in range(dose):
        workers.allow((number + 1) / (dose + 1))
        injected[await faults.one()] += 1
        workers.keep(1)
        if number % faults.kinds == faults.kinds - 1:
            report.say(f"{number + 1} of {dose} faults, {workers.written:,} events written")
    report.figure("faults injected", f"{injected.total()} of {len(injected)} kinds")


ROW: Final = Row(
    fault="request errors, delays, partial produce failures (embedded broker, 3 brokers)",
    dose="160 faults of 16 kinds while 6,000 events are written: errors of ten requests, late and "
    "lost answers, leaders and coordinators that move or are missing, one broker of three away",
    holds="verdicts and alerts are those of an undisturbed run; the worker goes on by itself; "
    "`late_idle` 0",
    run=run,
)
