"""The embedded broker: its life, its faults and its limits."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    KafkaConnectionError,
    NotLeaderForPartitionError,
    TopicAuthorizationFailedError,
)

from driftlog.errors import BrokerError, InputError, MissingExtraError
from driftlog.testing import librdkafka
from driftlog.testing.embedded import DISCONNECT, Api, EmbeddedBroker, main
from driftlog.topics import ensure_topics, topic_specs


@pytest.fixture
def own() -> Iterator[EmbeddedBroker]:
    """A broker for this test alone, since the test breaks it."""
    with EmbeddedBroker() as broker:
        yield broker


def producer(broker: EmbeddedBroker, **settings: object) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap, acks="all", enable_idempotence=True, **settings
    )


async def values(broker: EmbeddedBroker, topic: str, count: int) -> list[bytes]:
    """Read that many values of partition 0 from its start."""
    found: list[bytes] = []
    async with AIOKafkaConsumer(bootstrap_servers=broker.bootstrap) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.seek_to_beginning()
        async with asyncio.timeout(30):
            while len(found) < count:
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    found += [record.value for record in batch]
    return found


def refused(bootstrap: str) -> bool:
    host, port = bootstrap.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_it_listens_on_loopback_until_it_is_stopped() -> None:
    broker = EmbeddedBroker().start()
    bootstrap = broker.bootstrap
    assert bootstrap.startswith("127.0.0.1:")
    assert not refused(bootstrap)
    broker.stop()
    broker.stop()
    assert refused(bootstrap)


def test_a_broker_that_nobody_stopped_ends_with_its_last_reference() -> None:
    broker = EmbeddedBroker().start()
    bootstrap = broker.bootstrap
    del broker
    assert refused(bootstrap)


def test_a_stopped_broker_says_so() -> None:
    with pytest.raises(BrokerError, match="not running"):
        EmbeddedBroker().create_topic("events")


async def test_two_brokers_of_one_process_share_nothing(own: EmbeddedBroker) -> None:
    with EmbeddedBroker() as other:
        assert own.bootstrap != other.bootstrap
        for broker in (own, other):
            broker.create_topic("events", 1)
            async with producer(broker) as client:
                await client.send_and_wait("events", broker.bootstrap.encode())
        assert await values(own, "events", 1) == [own.bootstrap.encode()]
        assert await values(other, "events", 1) == [other.bootstrap.encode()]


def test_three_brokers_are_one_cluster() -> None:
    with EmbeddedBroker(brokers=3) as broker:
        assert len(broker.bootstrap.split(",")) == 3


def test_a_cluster_of_no_brokers_is_refused() -> None:
    with pytest.raises(InputError, match="brokers=0"):
        EmbeddedBroker(brokers=0)


def test_a_topic_is_made_once(own: EmbeddedBroker) -> None:
    own.create_topic("events", 2)
    with pytest.raises(BrokerError, match="'events' with 2 partitions"):
        own.create_topic("events", 2)


async def test_a_record_sent_while_the_broker_is_down_arrives_once_it_is_up(
    own: EmbeddedBroker,
) -> None:
    own.create_topic("events", 1)
    async with producer(own) as client:
        await client.send_and_wait("events", b"before")
        own.broker_down()
        assert refused(own.bootstrap)
        sent = await client.send("events", b"during")
        own.broker_up()
        await asyncio.wait_for(sent, 30)
    assert await values(own, "events", 2) == [b"before", b"during"]


async def test_nobody_new_can_connect_while_the_broker_is_down(own: EmbeddedBroker) -> None:
    own.broker_down()
    client = producer(own)
    with pytest.raises(KafkaConnectionError):
        await client.start()
    await client.stop()


async def test_errors_hit_the_next_requests_and_an_idempotent_producer_writes_once(
    own: EmbeddedBroker,
) -> None:
    own.create_topic("events", 1)
    own.push_request_errors(Api.PRODUCE, [NotLeaderForPartitionError, DISCONNECT, 7])
    async with producer(own) as client:
        for number in range(3):
            await client.send_and_wait("events", b"%d" % number)
    assert await values(own, "events", 3) == [b"0", b"1", b"2"]


async def test_a_fatal_error_reaches_the_sender_and_heal_takes_the_rest_away(
    own: EmbeddedBroker,
) -> None:
    own.create_topic("events", 1)
    own.push_request_errors(Api.PRODUCE, [TopicAuthorizationFailedError] * 9)
    async with AIOKafkaProducer(bootstrap_servers=own.bootstrap) as client:
        with pytest.raises(TopicAuthorizationFailedError):
            await client.send_and_wait("events", b"refused")
        own.heal()
        await client.send_and_wait("events", b"taken")
    assert await values(own, "events", 1) == [b"taken"]


async def test_a_delayed_broker_lets_a_short_request_timeout_pass(own: EmbeddedBroker) -> None:
    own.create_topic("events", 1)
    async with AIOKafkaProducer(bootstrap_servers=own.bootstrap) as client:
        await client.send_and_wait("events", b"prompt")
        own.set_delay(5_000)
        sent = await client.send("events", b"late")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(sent), 0.5)
        own.heal()
        await sent


async def test_deleted_records_are_gone_and_the_start_offset_shows_it(own: EmbeddedBroker) -> None:
    own.create_topic("events", 1)
    partition = TopicPartition("events", 0)
    async with producer(own) as client:
        for number in range(5):
            await client.send_and_wait("events", b"%d" % number)
    own.delete_records("events", 0, before=3)
    assert await values(own, "events", 2) == [b"3", b"4"]
    async with AIOKafkaConsumer(bootstrap_servers=own.bootstrap) as consumer:
        assert await consumer.beginning_offsets([partition]) == {partition: 3}


async def test_a_partition_beyond_five_mebibytes_drops_its_oldest_batches(
    own: EmbeddedBroker,
) -> None:
    own.create_topic("events", 1)
    partition = TopicPartition("events", 0)
    async with producer(own, max_request_size=1_000_000) as client:
        for _ in range(10):
            await client.send_and_wait("events", bytes(900_000))
    async with AIOKafkaConsumer(bootstrap_servers=own.bootstrap) as consumer:
        begin = (await consumer.beginning_offsets([partition]))[partition]
        end = (await consumer.end_offsets([partition]))[partition]
    assert end == 10
    assert 4 <= begin <= 5, "the docstring promises 5 MiB"


async def test_no_offset_is_found_by_time(own: EmbeddedBroker) -> None:
    own.create_topic("events", 1)
    partition = TopicPartition("events", 0)
    async with producer(own) as client:
        await client.send_and_wait("events", b"one", timestamp_ms=5)
    async with AIOKafkaConsumer(bootstrap_servers=own.bootstrap) as consumer:
        assert await consumer.offsets_for_times({partition: 0}) == {partition: None}


async def test_topics_cannot_be_made_over_the_wire_and_looking_does_not_make_them(
    own: EmbeddedBroker,
) -> None:
    specs = topic_specs("t.")
    for _ in range(2):
        results = await ensure_topics(own.bootstrap, specs)
        assert {result.outcome for result in results} == {"missing"}
    own.create_topics(specs)
    results = await ensure_topics(own.bootstrap, specs)
    assert {result.outcome for result in results} == {"exists"}


def test_a_library_without_a_function_is_refused_by_its_name() -> None:
    with pytest.raises(BrokerError, match=r"rd_kafka_mock_teleport.*pip install --upgrade"):
        librdkafka.require(librdkafka.load(), "mock_teleport")


def test_without_confluent_kafka_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    librdkafka.load.cache_clear()
    with pytest.raises(MissingExtraError, match=r'pip install "driftlog\[server\]"'):
        EmbeddedBroker().start()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
async def test_in_a_process_of_its_own_it_serves_until_told_to_end(end: signal.Signals) -> None:
    arguments = ["-m", "driftlog.testing.embedded", "--topics", "a:2,b"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 60)
    key, _, bootstrap = line.decode().strip().partition("=")
    assert key == "bootstrap.servers"
    async with AIOKafkaConsumer("a", "b", bootstrap_servers=bootstrap) as consumer:
        assert consumer.partitions_for_topic("a") == {0, 1}
        assert consumer.partitions_for_topic("b") == {0, 1, 2, 3}
    process.send_signal(end)
    assert await asyncio.wait_for(process.wait(), 60) == 0
    assert refused(bootstrap)


def test_a_child_forked_from_its_process_ends_and_leaves_it_running() -> None:
    code = (
        "import os, sys\n"
        "from driftlog.testing.embedded import EmbeddedBroker\n"
        "broker = EmbeddedBroker().start()\n"
        "if os.fork() == 0: sys.exit(0)\n"  # a plain exit: finalizers run in the child
        "_, status = os.wait()\n"
        "broker.create_topic('still-there')\n"
        "sys.exit(os.waitstatus_to_exitcode(status))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


@pytest.mark.parametrize("topics", ["events:many", ":3"])
def test_a_topic_that_cannot_be_read_is_refused_on_the_command_line(
    topics: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--topics", topics])
    assert ended.value.code == 2
    assert "is not NAME or NAME:PARTITIONS" in capsys.readouterr().err
