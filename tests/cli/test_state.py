"""``driftlog state reset``: what is forgotten, what stays, and when it refuses."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from driftlog.cli.stored_state import Stored, of_model, stored_records
from driftlog.errors import DriftlogError, InputError
from driftlog.testing.embedded import EmbeddedBroker
from stream.routing import ALL, Shard, series_name
from stream.runner import partition_key
from tests.cli.installation import Installation

OWN = b"\0partition 0"


def series(model: str, version: str, segment: str = ALL) -> bytes:
    return Shard(series_name(model, version, segment), 0, 1, segment, ()).key.encode()


def stored(installation: Installation, table: str) -> list[bytes]:
    topic = f"{installation.prefix}worker.monitor-{table}-changelog"
    return [one.key for one in asyncio.run(stored_records(installation.settings.kafka, topic))]


@pytest.fixture
def with_state(on_kafka: Installation) -> Installation:
    """State of two model versions, in both partitions, one of them still learning."""
    changelog = f"{on_kafka.prefix}worker.monitor-{{}}-changelog"
    keys = [(0, OWN), (0, series("m", "1")), (1, series("m", "1", "JFK")), (1, series("m", "2"))]
    keys += [(0, b"\0learn/m@1#000000")]
    records = [(number, partition_key(number, key), b"state") for number, key in keys]
    on_kafka.send(changelog.format("monitor"), records)
    on_kafka.send(changelog.format("incidents"), [(0, partition_key(0, b"model m"), b"state")])
    return on_kafka


@pytest.mark.kafka
def test_everything_is_forgotten_and_said_so(with_state: Installation) -> None:
    done = with_state.run("state", "reset", "--yes")
    assert done.exit_code == 0, done.output
    assert "6 records forgotten" in done.stdout
    assert stored(with_state, "monitor") == stored(with_state, "incidents") == []
    again = with_state.run("state", "reset", "--yes")
    assert (again.exit_code, "0 records forgotten" in again.stdout) == (0, True)


@pytest.mark.kafka
def test_one_model_version_is_forgotten_alone(with_state: Installation) -> None:
    done = with_state.run("state", "reset", "--model", "m@1", "--yes")
    assert "3 records forgotten" in done.stdout
    left = [partition_key(0, OWN), partition_key(1, series("m", "2"))]
    assert stored(with_state, "monitor") == left
    assert stored(with_state, "incidents") == [partition_key(0, b"model m")]


@pytest.mark.kafka
def test_without_a_yes_nothing_happens(with_state: Installation) -> None:
    done = with_state.run("state", "reset", answer="n\n")
    assert done.exit_code == 1
    assert "5 records of 25 bytes are forgotten" in done.stdout
    assert len(stored(with_state, "monitor")) == 5


@pytest.mark.kafka
@pytest.mark.parametrize("half", ["ingest", "monitor"])
async def test_it_refuses_while_a_worker_is_alive(with_state: Installation, half: str) -> None:
    group = f"{with_state.prefix}worker.{half}"
    member = AIOKafkaConsumer(
        f"{with_state.prefix}events",
        bootstrap_servers=with_state.broker.bootstrap,
        group_id=group,
    )
    await member.start()
    try:
        done = await asyncio.to_thread(with_state.run, "state", "reset", "--yes")
    finally:
        await member.stop()
    assert done.exit_code == 1
    assert f"workers are alive in {group} (1): stop them first" in done.stderr
    assert len(await asyncio.to_thread(stored, with_state, "monitor")) == 5


@pytest.mark.kafka
@pytest.mark.parametrize(("topic", "half"), [("events", "ingest"), ("columns", "monitor")])
async def test_the_log_can_be_read_again_from_its_start(
    with_state: Installation, topic: str, half: str
) -> None:
    partition = TopicPartition(f"{with_state.prefix}{topic}", 1)
    await asyncio.to_thread(with_state.send, partition.topic, [(1, b"k", b"v")] * 3)
    consumer: Any = AIOKafkaConsumer(
        bootstrap_servers=with_state.broker.bootstrap,
        group_id=f"{with_state.prefix}worker.{half}",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        consumer.assign([partition])
        await consumer.commit({partition: OffsetAndMetadata(3, "a running maximum")})
        done = await asyncio.to_thread(with_state.run, "state", "reset", "--yes", "--reread", topic)
        assert f"reads 3 records of {partition.topic} again" in done.stdout
        assert await consumer.committed(partition) == 0
    finally:
        await consumer.stop()


def test_rows_read_again_need_all_state_reset(driftlog_broker: EmbeddedBroker) -> None:
    installation = Installation(driftlog_broker)
    done = installation.run("state", "reset", "--model", "m@1", "--reread", "events")
    assert done.exit_code == 2
    assert "--reread events needs all state reset" in done.stderr


def test_a_broker_that_does_not_tell_of_members_is_left_alone(
    driftlog_broker: EmbeddedBroker,
) -> None:
    done = Installation(driftlog_broker).run("state", "reset", "--yes")
    assert done.exit_code == DriftlogError.exit_code
    assert "an embedded broker forgets its state when it ends" in done.stderr


def test_names_are_told_apart_however_they_are_written() -> None:
    names = [("a", "1"), ("a@1", "1"), ("a", "1/x"), ("a", "11"), ("b#", "1")]
    found = [
        Stored("t", 0, partition_key(0, series(*name, segment)), 1)
        for name in names
        for segment in (ALL, "a@1/b#0")
    ]
    for at, name in enumerate(names):
        assert of_model(found, *name) == tuple(found[2 * at : 2 * at + 2])


def test_a_model_without_state_is_refused_with_those_that_have_some() -> None:
    found = [Stored("t", 0, partition_key(0, series("m", "2")), 1)]
    with pytest.raises(InputError, match="no state is stored of m@1; there is state of m@2"):
        of_model(found, "m", "1")
