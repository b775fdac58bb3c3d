"""Retention takes events before they are read: counted exactly, told, and the stream goes on."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from driftlog.kafka import connection
from stream.topics import Topics
from tests.chaos.fleet import PATIENCE
from tests.chaos.kafka import kafka
from tests.chaos.row import Report, Row
from tests.e2e.deployment import Deployment, deployed
from tests.e2e.event_log import EventLog, writing
from tests.e2e.expected import expected, placeless
from tests.e2e.synthetic import PER_SECOND, SyntheticLog, references
from tests.e2e.synthetic import Row as LogRow
from tests.e2e.waiting import eventually

__all__ = ["ROW"]

_EMPTIED: Final = 2  # partition whose backlog is gone to its end


async def _run(report: Report, *, short: bool) -> None:
    panes = 30 if short else 300
    log, profiles = SyntheticLog(panes), references()
    first, gone = log.records(0, panes // 3), log.records(panes // 3, 2 * panes // 3)
    rest = log.records(2 * panes // 3)
    with kafka() as broker, tempfile.TemporaryDirectory() as temporary:
        async with (
            deployed(broker, Path(temporary), profiles) as deployment,
            writing(deployment.settings) as events,
        ):
            worker = await deployment.start(within=PATIENCE)
            await events.write(first)
            await _committed(deployment, events)
            read = dict(events.written)
            await deployment.end(worker)
            await events.write(gone)
            starts = _starts(read, events.written)
            await _delete(deployment, starts)
            lost = sum(start - read[p] for p, start in starts.items())
            report.figure("events deleted before they were read", f"{lost:,} of {len(gone):,}")
            worker = await deployment.start(within=PATIENCE)

            async def told() -> bool:
                return (await worker.gauges()).total("driftlog_lost_total") >= lost

            # Nothing is written meanwhile: a partition that is empty to its end has no record that
            # could tell.
            await eventually(told, "the loss, with no new event", PATIENCE)
            gauges = await worker.gauges()
            counted = gauges.total("driftlog_lost_total")
            report.hold(counted == lost, "lost is counted exactly, without a new event")
            moment = gauges.one("driftlog_last_loss_timestamp_seconds")
            report.hold(bool(moment), "the gauge that the rule EventsLost looks at is there")
            said = sum("were gone before they were read" in x for x in worker.log.splitlines())
            report.hold(said == len(starts), "one line of the log for each partition")
            await events.write(rest)
            await events.close(log.end_ms)
            await deployment.closed(log.end_ms, PATIENCE)
            kept = _kept(log, read, starts)
            await _as_of_what_is_left(report, deployment, kept)
            await _no_loss_by_transactions(report, deployment, events, counted)


def _starts(read: dict[int, int], written: dict[int, int]) -> dict[int, int]:
    """Where each partition's log is to begin: some of what is unread is gone, of one all."""
    return {
        p: written[p] if p == _EMPTIED else read[p] + (written[p] - read[p]) * (p + 1) // 5
        for p in written
        if p != 0
    }


async def _committed(deployment: Deployment, events: EventLog) -> None:
    """Wait until ingest has committed all that is written."""
    topics = Topics.of(deployment.settings)
    admin: Any = AIOKafkaAdminClient(**connection(deployment.settings.kafka))
    await admin.start()
    try:

        async def all_committed() -> bool:
            found = await admin.list_consumer_group_offsets(
                topics.ingest_group,
                partitions=[TopicPartition(events.topic, p) for p in events.written],
            )
            return all(
                found[TopicPartition(events.topic, p)].offset >= count
                for p, count in events.written.items()
            )

        await eventually(all_committed, "all events committed", PATIENCE)
    finally:
        await admin.close()


async def _delete(deployment: Deployment, starts: dict[int, int]) -> None:
    """Move the start of the log, as retention does when it deletes segments."""
    topic = Topics.of(deployment.settings).events
    admin: Any = AIOKafkaAdminClient(**connection(deployment.settings.kafka))
    await admin.start()
    try:
        await admin.delete_records(
            {
                TopicPartition(topic, p): RecordsToDelete(before_offset=start)
                for p, start in starts.items()
            }
        )
    finally:
        await admin.close()


def _kept(log: SyntheticLog, read: dict[int, int], starts: dict[int, int]) -> list[LogRow]:
    """The rows that could be read, the late ones left out as they are by ingest."""
    whole = SyntheticLog(log.panes)
    whole.rows = [
        row
        for row in log.rows
        if not read[row.partition] <= row.offset < starts.get(row.partition, 0)
    ]
    return whole.punctual()


async def _as_of_what_is_left(report: Report, deployment: Deployment, kept: list[LogRow]) -> None:
    wanted = expected(kept, references(), deployment.settings)
    told = deployment.told.decoded()
    same = told.keys() == wanted.verdicts.keys() and all(
        placeless(verdict) == placeless(wanted.verdicts[name]) for name, verdict in told.items()
    )
    report.figure("verdicts compared", f"{len(wanted.verdicts):,}")
    report.hold(same, "the verdicts are those of a log without the deleted events")


async def _no_loss_by_transactions(
    report: Report, deployment: Deployment, events: EventLog, before: float
) -> None:
    """Events of a transactional producer leave offsets that are no record."""
    settings = deployment.settings
    producer: Any = AIOKafkaProducer(
        transactional_id=f"{settings.kafka.prefix}chaos", **connection(settings.kafka)
    )
    await producer.start()
    value = SyntheticLog(2, seed=9).rows[0].value
    try:
        for _ in range(5):
            async with producer.transaction():
                for partition in range(settings.kafka.event_partitions):
                    await producer.send(events.topic, value, partition=partition)
    finally:
        await producer.stop()
    (worker,) = deployment.workers
    count = sum(events.written.values()) + 5 * settings.kafka.event_partitions

    async def at_end() -> bool:
        gauges = await worker.gauges()
        ends = [value for _, value in gauges.all("driftlog_lag_events")]
        return len(ends) == settings.kafka.event_partitions and not any(ends)

    await eventually(at_end, f"{count} events read to their end", PATIENCE)
    after = (await worker.gauges()).total("driftlog_lost_total")
    report.hold(after == before, "a transaction's marker is no lost event, and no lag")


ROW = Row(
    fault="retention eats unread events",
    dose="a worker that is down while a third of "
    f"{300 * 3 * PER_SECOND:,} events over 300 panes is written; of three of four partitions 2/5 "
    "to all of that is deleted (DeleteRecords); then 20 events in transactions",
    holds="counted exactly, also of a partition without a record left; the gauge behind the rule "
    "EventsLost, one line of the log; verdicts as of a log without them; no loss where none was",
    run=_run,
)
