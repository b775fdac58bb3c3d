"""The same log gives the same verdicts and alerts, however and by how many it is read."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from driftlog.records import ReferenceProfile
from driftlog.testing.cluster import Broker
from tests.e2e.deployment import deployed
from tests.e2e.event_log import writing
from tests.e2e.expected import expected
from tests.e2e.judged_alike import judged_alike
from tests.e2e.synthetic import SyntheticLog


def test_the_log_is_what_it_claims_to_be(
    log: SyntheticLog, profiles: list[ReferenceProfile]
) -> None:
    times = defaultdict(list)
    for row in log.rows:
        times[row.partition].append(row.ts_ms)
    assert len(times) == 4
    assert all(held != sorted(held) for held in times.values()), "rows come out of order"
    assert 0.02 < len(log.late()) / len(log.rows) < 0.2
    assert len({row.ts_ms for row in log.rows}) < len(log.rows) / 2, "most rows tie with another"
    assert len({(row.model, row.version) for row in log.rows}) == 3 == len(profiles)


@pytest.mark.parametrize("batch", [1, 100, 10_000])
async def test_the_size_of_a_batch_and_the_number_of_workers_change_nothing(
    broker: Broker,
    tmp_path: Path,
    log: SyntheticLog,
    profiles: list[ReferenceProfile],
    batch: int,
) -> None:
    async with deployed(broker, tmp_path, profiles, WORKER_BATCH=str(batch)) as first:
        async with writing(first.settings) as events:
            await events.write(log.records())
            await events.close(log.end_ms)
        wanted = expected(log.punctual(), profiles, first.settings)
        await first.start()
        await judged_alike(first, log, wanted)
        if broker.kind != "kafka":
            return  # the embedded broker takes one member a group
        async with deployed(
            broker, tmp_path, profiles, WORKER_BATCH=str(batch), KAFKA_EVENTS_TOPIC=events.topic
        ) as second:
            await second.start()
            await second.start()
            await judged_alike(second, log, wanted)
            assert second.told.verdicts == first.told.verdicts, "byte for byte"
            assert second.told.alerts == first.told.alerts
