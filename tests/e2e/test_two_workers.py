"""Two workers as separate processes share the work, and tell what one alone would tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftlog.records import ReferenceProfile
from driftlog.testing.cluster import KafkaCluster
from tests.e2e.deployment import deployed
from tests.e2e.event_log import writing
from tests.e2e.expected import expected
from tests.e2e.judged_alike import judged_alike
from tests.e2e.synthetic import SyntheticLog
from tests.e2e.waiting import eventually


@pytest.mark.kafka
async def test_each_of_two_workers_owns_partitions_and_tells_verdicts(
    driftlog_kafka: KafkaCluster, tmp_path: Path, profiles: list[ReferenceProfile]
) -> None:
    log = SyntheticLog()
    async with deployed(driftlog_kafka, tmp_path, profiles) as deployment:
        workers = [await deployment.start(), await deployment.start()]

        async def shared() -> bool:
            gauges = [await worker.gauges() for worker in workers]
            states = [await worker.state() for worker in workers]
            return all(state["ready"] and state["sources"] == 2 for state in states) and all(
                one.total("driftlog_assigned_partitions", stage="ingest") == 2 for one in gauges
            )

        await eventually(shared, "two members in both groups")
        async with writing(deployment.settings) as events:
            rows = log.records()
            for at in range(0, len(rows), 150):  # while the workers read
                await events.write(rows[at : at + 150])
            await events.close(log.end_ms)
        await judged_alike(deployment, log, expected(log.punctual(), profiles, deployment.settings))
        states = [await worker.state() for worker in workers]
        gauges = [await worker.gauges() for worker in workers]
        assert sum(state["columns"] for state in states) == 4
        assert all(state["columns"] >= 1 for state in states), "each owns partitions"
        assert all(state["sources"] == 2 for state in states)
        for one in gauges:
            assert one.all("driftlog_score"), "each has told verdicts"
        assert sum(one.total("driftlog_series") for one in gauges) == 15
        assert all(one.total("driftlog_events_total") > 0 for one in gauges)
