"""Owners that are frozen past their session, and wake up in the belief that they still own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from driftlog.kafka import connection
from driftlog.settings import Settings
from driftlog.topics import changelog_name
from stream.topics import MONITOR_TABLE, Topics
from tests.chaos.fleet import PATIENCE, Fleet, fleet
from tests.chaos.kafka import kafka
from tests.chaos.paced_log import PacedLog
from tests.chaos.row import Report, Row
from tests.chaos.same_answer import same_answer
from tests.e2e.waiting import eventually
from tests.e2e.worker_process import WorkerProcess

_SEED: Final = 22
_FREEZES: Final = 5


async def run(report: Report, *, short: bool) -> None:
    """Freeze owners in the middle of a checkpoint, and compare what is told in the end."""
    events, freezes = (40_000, 2) if short else (100_000, _FREEZES)
    draw = Random(_SEED)
    with kafka() as broker:
        # Many checkpoints, and large ones: each is an occasion to be frozen in its middle.
        settings = {"STREAM_CHECKPOINT_INTERVAL": "300ms"}
        async with fleet(report, broker, PacedLog(events), **settings) as workers:
            await asyncio.gather(workers.start(), workers.start())
            workers.allow(0.4 / (freezes + 1))
            workers.write_soon(1_500)
            await workers.closed(0.1 / (freezes + 1))  # from now on it is told who holds what
            longest = 0.0
            for number in range(freezes):
                victim, mine = await eventually(
                    lambda: _owner(workers, draw), "an owner of columns", PATIENCE
                )
                share = (number + 1) / (freezes + 1)
                began = await _freeze_in_a_checkpoint(workers, victim, mine, share)
                # The others take over, and store what they have judged since.
                await workers.closed(share - 0.3 / (freezes + 1))
                await asyncio.sleep(1.0)  # and three checkpoints of it
                workers.thaw(victim)
                longest = max(longest, time.monotonic() - began)
                report.say(f"{number + 1} frozen and thawed, {workers.written:,} events written")
            workers.allow(1)
            await workers.finish(2)
            report.figure("freezes", freezes)
            report.figure("longest freeze, s", round(longest))
            late = sum(one.log.count("written late by owners of before") for one in workers.workers)
            report.figure("recoveries that found records of a former owner among later ones", late)
            report.hold(not workers.ended, "no worker ended")
            await same_answer(report, broker, workers, verified=not short)


async def _owner(workers: Fleet, draw: Random) -> tuple[WorkerProcess, list[int]] | None:
    """Return a worker drawn, and the partitions of columns it holds; none while all is in flux."""
    workers.keep(2)
    worker = workers.one_of(draw) if await workers.sightings.whole() else None
    if worker is None:
        return None
    held = (await worker.gauges()).all("driftlog_closed_through_timestamp_seconds", stage="monitor")
    return (worker, [int(labels["partition"]) for labels, _ in held]) if held else None


async def _freeze_in_a_checkpoint(
    workers: Fleet, victim: WorkerProcess, mine: list[int], share: float
) -> float:
    """Let more be written, and freeze a worker when a record of its state is on the changelog."""
    async with _changelog(workers.deployment.settings, mine) as consumer:
        workers.allow(share)

        async def seen() -> bool:
            return bool(await consumer.getmany(timeout_ms=100))

        await eventually(seen, "a record of state", PATIENCE)
        workers.freeze(victim)
    return time.monotonic()


@asynccontextmanager
async def _changelog(settings: Settings, partitions: list[int]) -> AsyncIterator[Any]:
    """Read the monitor's changelog from its end."""
    topic = changelog_name(Topics.of(settings).app_id, MONITOR_TABLE)
    tps = [TopicPartition(topic, partition) for partition in partitions]
    consumer: Any = AIOKafkaConsumer(fetch_max_wait_ms=10, **connection(settings.kafka))
    await consumer.start()
    try:
        consumer.assign(tps)
        await consumer.seek_to_end(*tps)
        yield consumer
    finally:
        await consumer.stop()


ROW: Final = Row(
    fault="a worker frozen in a checkpoint past its session, and thawed (SIGSTOP, SIGCONT)",
    dose="5 freezes over 100,000 events written at 1,500/s, 2 workers, 8 partitions",
    holds="as under kills: what it writes when it wakes up does not count",
    run=run,
)
