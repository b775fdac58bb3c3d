"""A worker that takes partitions over goes on from their state, or ends and says why."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from faust.types import TP

from driftlog.errors import StateError
from driftlog.settings import Settings
from stream.app import Monitor
from stream.book import ReferenceBook
from stream.judging import Judging
from stream.partition import ColumnsPartition
from stream.runner import partition_key
from stream.topics import Topics

SETTINGS = Settings()
TOPICS = Topics.of(SETTINGS)
JUDGING = Judging(SETTINGS, ReferenceBook([]))


class Assigned:
    """A consumer that holds partitions, and notes where they are to begin."""

    def __init__(self, *partitions: int) -> None:
        self.partitions = partitions
        self.starts: dict[TP, int] = {}

    def assignment(self) -> set[TP]:
        return {TP(TOPICS.columns, p) for p in self.partitions}

    def start_no_later(self, tp: TP, offset: int) -> None:
        self.starts[tp] = offset


@pytest.fixture
async def monitor() -> AsyncIterator[Monitor]:
    made = Monitor(SETTINGS, TOPICS, JUDGING)
    yield made
    made._data.cleanup()


def stored(partition: int, position: int) -> dict[bytes, bytes]:
    """What a checkpoint of a partition leaves in the table."""
    fold = ColumnsPartition(partition, JUDGING, TOPICS.event_partitions)
    fold.position = position
    return {partition_key(partition, k): v for k, v in fold.snapshot().items() if v is not None}


async def test_each_partition_is_held_and_begins_where_its_state_asks_for(monitor: Monitor) -> None:
    table: Any = monitor._tables["monitor"]
    table.data.data |= stored(1, 17) | stored(2, 23)
    consumer: Any = Assigned(0, 1)
    monitor.app.consumer = consumer
    await monitor._recovered("monitor")
    assert sorted(monitor.live) == [("monitor", 0), ("monitor", 1)]
    assert consumer.starts == {TP(TOPICS.columns, 1): 17}
    assert {int(key[:5]) for key in table.data.data} == {1}, "what others hold now is forgotten"
    assert monitor.app.crash_reason is None


async def test_of_a_damaged_record_reading_goes_on_from_the_commit_and_it_is_said(
    monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    table: Any = monitor._tables["monitor"]
    (key,) = stored(1, 17)
    table.data.data |= {key: b"none of ours", b"no key": b"of ours"}
    consumer: Any = Assigned(1)
    monitor.app.consumer = consumer
    await monitor._recovered("monitor")
    assert monitor.app.crash_reason is None
    assert consumer.starts == {}
    assert monitor.counts["monitor"]["state_discarded"] == 1
    assert "monitor, partition 1: stored state was discarded" in caplog.text


async def test_a_state_that_cannot_be_restored_ends_the_worker(
    monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OverflowError("a defect of ours")

    monkeypatch.setattr(ColumnsPartition, "restore", fail)
    consumer: Any = Assigned(1)
    monitor.app.consumer = consumer
    await monitor._recovered("monitor")
    reason = monitor.app.crash_reason
    assert isinstance(reason, StateError)
    assert "the state of the monitor cannot be restored" in str(reason)
    assert "a defect of ours" in str(reason)
