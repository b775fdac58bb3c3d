"""What only a real Apache Kafka does: topic settings, groups of several members, and survival."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from driftlog.errors import BrokerError
from driftlog.testing.apache import ApacheKafka
from driftlog.testing.cluster import KafkaCluster
from driftlog.testing.topic_factory import TopicFactory
from driftlog.topics import Difference, ensure_topics

pytestmark = pytest.mark.kafka


@pytest.fixture
def own() -> Iterator[ApacheKafka]:
    """A broker for this test alone, since the test kills it."""
    with ApacheKafka() as kafka:
        yield kafka


@pytest.fixture
def kafka_topic(
    driftlog_kafka: KafkaCluster, request: pytest.FixtureRequest
) -> Iterator[TopicFactory]:
    yield TopicFactory(driftlog_kafka, request.node.name)
    driftlog_kafka.delete_made_topics()


def producer(bootstrap: str) -> AIOKafkaProducer:
    return AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)


async def values(bootstrap: str, topic: str, partitions: int, count: int) -> set[bytes]:
    found: list[bytes] = []
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        consumer.assign([TopicPartition(topic, partition) for partition in range(partitions)])
        await consumer.seek_to_beginning()
        async with asyncio.timeout(60):
            while len(found) < count:
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    found += [record.value for record in batch]
    assert len(found) == count, "a record was read twice"
    return set(found)


async def test_events_bear_the_brokers_time_whatever_the_producer_says(
    driftlog_kafka: KafkaCluster, kafka_topic: TopicFactory
) -> None:
    kafka_topic.catalogue()
    before_ms = int(time.time() * 1000)
    for name, bears_the_brokers in (("events", True), ("labels", True), ("columns", False)):
        topic = kafka_topic.prefix + name
        async with producer(driftlog_kafka.bootstrap) as client:
            await client.send_and_wait(topic, b"old", partition=0, timestamp_ms=1_000)
        async with AIOKafkaConsumer(bootstrap_servers=driftlog_kafka.bootstrap) as consumer:
            consumer.assign([TopicPartition(topic, 0)])
            await consumer.seek_to_beginning()
            record = await asyncio.wait_for(consumer.getone(), 30)
        if bears_the_brokers:
            # On one machine both clocks are one; a second for a cluster elsewhere.
            assert record.timestamp >= before_ms - 1_000
        else:
            assert record.timestamp == 1_000


async def test_a_topic_that_is_not_as_specified_is_reported_setting_by_setting(
    driftlog_kafka: KafkaCluster, kafka_topic: TopicFactory
) -> None:
    specs = kafka_topic.specs()
    events = f"{kafka_topic.prefix}events"
    admin = AIOKafkaAdminClient(bootstrap_servers=driftlog_kafka.bootstrap)
    await admin.start()
    try:
        settings = {"cleanup.policy": "compact"}
        await admin.create_topics([NewTopic(events, 3, 1, None, settings)])
        results = {r.name: r for r in await ensure_topics(driftlog_kafka.bootstrap, specs)}
        assert results[events].outcome == "differs"
        assert results[events].differences == (
            Difference("partitions", "4", "3"),
            Difference("cleanup.policy", "delete", "compact"),
            Difference("message.timestamp.type", "LogAppendTime", "CreateTime"),
        )
        assert {r.outcome for r in results.values() if r.name != events} == {"created"}
    finally:
        await admin.delete_topics([spec.name for spec in specs])
        await admin.close()


async def test_only_looking_creates_nothing(
    driftlog_kafka: KafkaCluster, kafka_topic: TopicFactory
) -> None:
    for _ in range(2):
        results = await ensure_topics(driftlog_kafka.bootstrap, kafka_topic.specs(), create=False)
        assert {result.outcome for result in results} == {"missing"}


async def test_workers_that_create_the_topics_at_the_same_time_all_find_them(
    driftlog_kafka: KafkaCluster, kafka_topic: TopicFactory
) -> None:
    specs = kafka_topic.specs()
    try:
        runs = await asyncio.gather(
            *(ensure_topics(driftlog_kafka.bootstrap, specs) for _ in range(4))
        )
        for results in zip(*runs, strict=True):
            outcomes = sorted(result.outcome for result in results)
            assert outcomes == ["created", "exists", "exists", "exists"]
    finally:
        admin = AIOKafkaAdminClient(bootstrap_servers=driftlog_kafka.bootstrap)
        await admin.start()
        await admin.delete_topics([spec.name for spec in specs])
        await admin.close()


async def test_two_members_share_the_partitions_and_one_takes_over_what_the_other_leaves(
    driftlog_kafka: KafkaCluster, kafka_topic: TopicFactory
) -> None:
    name = kafka_topic("events", partitions=4)

    def member() -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            name,
            bootstrap_servers=driftlog_kafka.bootstrap,
            group_id=f"{name}.group",
            heartbeat_interval_ms=200,
        )

    async with asyncio.timeout(60), member() as stays:
        async with member() as leaves:
            while not len(stays.assignment()) == len(leaves.assignment()) == 2:
                await asyncio.gather(stays.getmany(timeout_ms=50), leaves.getmany(timeout_ms=50))
            assert not stays.assignment() & leaves.assignment()
        while len(stays.assignment()) < 4:
            await stays.getmany(timeout_ms=50)


async def test_a_killed_broker_comes_back_at_its_address_with_all_it_acknowledged(
    own: ApacheKafka,
) -> None:
    own.create_topic("events", 4)
    bootstrap = own.bootstrap
    async with producer(bootstrap) as client:
        sent = [await client.send("events", b"%d" % n, partition=n % 4) for n in range(200)]
        await asyncio.gather(*sent)
    own.kill()
    await asyncio.to_thread(own.restart)
    assert own.bootstrap == bootstrap
    async with producer(bootstrap) as client:
        await client.send_and_wait("events", b"after", partition=0)
    expected = {b"%d" % n for n in range(200)} | {b"after"}
    assert await values(bootstrap, "events", 4, 201) == expected


async def test_a_frozen_broker_answers_nobody_and_goes_on_where_it_was(own: ApacheKafka) -> None:
    own.create_topic("events", 1)
    async with producer(own.bootstrap) as client:
        await client.send_and_wait("events", b"before")
        own.freeze()
        sent = await client.send("events", b"during")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(sent), 1)
        own.thaw()
        await asyncio.wait_for(sent, 60)
    assert await values(own.bootstrap, "events", 1, 2) == {b"before", b"during"}


def test_a_topic_is_made_once_and_never_by_asking_for_it(
    driftlog_kafka: KafkaCluster, kafka_topic: TopicFactory
) -> None:
    name = kafka_topic("events", 1)
    with pytest.raises(BrokerError, match="was not created"):
        driftlog_kafka.create_topic(name, 1)


def test_a_broker_that_cannot_start_shows_its_log() -> None:
    kafka = ApacheKafka(settings={"log.retention.ms": "soon"})
    with pytest.raises(BrokerError, match=r"soon"):
        kafka.start()
    with pytest.raises(BrokerError, match="not running"):
        assert kafka.bootstrap
