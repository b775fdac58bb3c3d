"""A worker that ends in the middle, told to or not, leaves no trace in what is told."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from driftlog.records import ReferenceProfile
from driftlog.testing.cluster import Broker
from tests.e2e.conftest import Undisturbed
from tests.e2e.deployment import deployed
from tests.e2e.event_log import writing
from tests.e2e.synthetic import START_MS, SyntheticLog


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["told", "killed"])
async def test_a_worker_that_comes_back_goes_on_as_if_nothing_had_been(
    broker: Broker,
    tmp_path: Path,
    log: SyntheticLog,
    profiles: list[ReferenceProfile],
    undisturbed: Undisturbed,
    number: signal.Signals,
) -> None:
    # Checkpoints are far apart, so that a kill finds panes told and not yet stored.
    async with deployed(broker, tmp_path, profiles, STREAM_CHECKPOINT_INTERVAL="3s") as disturbed:
        told = disturbed.told
        first = await disturbed.start()
        async with writing(disturbed.settings) as events:
            await events.write(log.records(0, 12))
            await told.until(lambda: told.closed_through_ms > START_MS + 5_000, "the first panes")
            await disturbed.acknowledged("verdicts")  # a checkpoint is behind us
            await events.write(log.records(12, 20))
            await told.until(lambda: told.closed_through_ms > START_MS + 12_000, "more panes")
            ended = await disturbed.end(first, number)
            assert ended == (0 if number is signal.SIGTERM else -signal.SIGKILL)
            await events.write(log.records(20))
            await events.close(log.end_ms)
        second = await disturbed.start()
        await disturbed.closed(log.end_ms)
        if number is signal.SIGKILL:
            assert told.repeated, "the kill fell between telling and storing"
        assert (await second.gauges()).total("driftlog_late_idle_total") == 0
        assert (await second.gauges()).total("driftlog_state_discarded_total") == 0
        wanted = await undisturbed(broker)
        assert told.verdicts == wanted.verdicts, "byte for byte"
        assert told.alerts == wanted.alerts
