"""Two workers as separate processes share the work, and tell what one alone would tell."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from driftlog.records import ReferenceProfile
from driftlog.testing.cluster import KafkaCluster
from tests.e2e.conftest import Undisturbed
from tests.e2e.deployment import deployed
from tests.e2e.event_log import writing
from tests.e2e.expected import expected
from tests.e2e.judged_alike import judged_alike
from tests.e2e.synthetic import START_MS, SyntheticLog
from tests.e2e.waiting import eventually
from tests.e2e.worker_process import WorkerProcess


@pytest.mark.kafka
async def test_each_of_two_workers_owns_partitions_and_tells_verdicts(
    driftlog_kafka: KafkaCluster,
    tmp_path: Path,
    log: SyntheticLog,
    profiles: list[ReferenceProfile],
    undisturbed: Undisturbed,
) -> None:
    async with deployed(driftlog_kafka, tmp_path, profiles) as deployment:
        workers = [await deployment.start(), await deployment.start()]

        await shared(workers)
        async with writing(deployment.settings) as events:
            rows = log.records()
            for at in range(0, len(rows), 150):  # while the workers read
                await events.write(rows[at : at + 150])
            await events.close(log.end_ms)
        await judged_alike(deployment, log, expected(log.punctual(), profiles, deployment.settings))
        alone = await undisturbed(driftlog_kafka)
        assert deployment.told.verdicts == alone.verdicts, "byte for byte"
        assert deployment.told.alerts == alone.alerts
        states = [await worker.state() for worker in workers]
        gauges = [await worker.gauges() for worker in workers]
        assert sum(state["columns"] for state in states) == 4
        assert all(state["columns"] >= 1 for state in states), "each owns partitions"
        assert all(state["sources"] == 2 for state in states)
        for one in gauges:
            assert one.all("driftlog_score"), "each has told verdicts"
        assert sum(one.total("driftlog_series") for one in gauges) == 15
        assert all(one.total("driftlog_events_total") > 0 for one in gauges)


@pytest.mark.kafka
async def test_a_worker_takes_over_what_a_killed_one_held(
    driftlog_kafka: KafkaCluster,
    tmp_path: Path,
    log: SyntheticLog,
    profiles: list[ReferenceProfile],
    undisturbed: Undisturbed,
) -> None:
    async with deployed(driftlog_kafka, tmp_path, profiles) as deployment:
        told = deployment.told
        workers = [await deployment.start(), await deployment.start()]
        await shared(workers)
        async with writing(deployment.settings) as events:
            await events.write(log.records(0, 15))
            await told.until(lambda: told.closed_through_ms > START_MS + 8_000, "the first panes")
            assert await deployment.end(workers[0], signal.SIGKILL) == -signal.SIGKILL
            await events.write(log.records(15))
            await events.close(log.end_ms)
        await deployment.closed(log.end_ms)
        assert (await workers[1].state())["columns"] == 4
        assert (await workers[1].gauges()).total("driftlog_late_idle_total") == 0
        alone = await undisturbed(driftlog_kafka)
        assert told.verdicts == alone.verdicts, "byte for byte"
        assert told.alerts == alone.alerts


async def shared(workers: list[WorkerProcess]) -> None:
    """Wait until each of two workers has its half of the events, and some of the columns."""

    async def halved() -> bool:
        states = [await worker.state() for worker in workers]
        return all(state["ready"] and state["sources"] == 2 for state in states)

    await eventually(halved, "two members in both groups")
