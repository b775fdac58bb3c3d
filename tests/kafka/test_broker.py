"""What driftlog relies on in a broker, on the embedded one and on a real Kafka alike."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata

from driftlog.testing.cluster import Broker
from driftlog.testing.topic_factory import TopicFactory
from driftlog.topics import ensure_topics, partition_of


async def produce(broker: Broker, topic: str, count: int) -> None:
    """Write records 0 to count - 1, keyed by their number, with the number as timestamp."""
    async with AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap, acks="all", enable_idempotence=True
    ) as producer:
        sent = [
            await producer.send(topic, b"%d" % n, key=b"%d" % n, timestamp_ms=n + 1)
            for n in range(count)
        ]
        await asyncio.gather(*sent)


async def consume(consumer: AIOKafkaConsumer, count: int) -> list[ConsumerRecord]:
    records: list[ConsumerRecord] = []
    async with asyncio.timeout(30):
        while len(records) < count:
            batches = await consumer.getmany(timeout_ms=200)
            records += [record for batch in batches.values() for record in batch]
    return records


def grouped(broker: Broker, topic: str, group: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        topic,
        bootstrap_servers=broker.bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        # On the embedded broker the next member waits that long; 6 seconds are Kafka's least.
        session_timeout_ms=3000 if broker.kind == "embedded" else 6000,
        heartbeat_interval_ms=500,
    )


async def test_every_record_sent_is_read_once_and_in_its_partitions_order(
    broker: Broker, topic: TopicFactory
) -> None:
    name = topic("events", partitions=3)
    await produce(broker, name, 300)
    async with grouped(broker, name, f"{name}.group") as consumer:
        records = await consume(consumer, 300)
    assert sorted(int(record.value) for record in records) == list(range(300))
    for partition in range(3):
        offsets = [record.offset for record in records if record.partition == partition]
        assert offsets == list(range(len(offsets)))


async def test_a_record_lands_where_the_partitioner_says(
    broker: Broker, topic: TopicFactory
) -> None:
    name = topic("events", partitions=5)
    await produce(broker, name, 50)
    async with grouped(broker, name, f"{name}.group") as consumer:
        records = await consume(consumer, 50)
    assert {record.key: record.partition for record in records} == {
        b"%d" % n: partition_of(b"%d" % n, 5) for n in range(50)
    }


async def test_a_create_time_topic_keeps_the_producers_timestamps(
    broker: Broker, topic: TopicFactory
) -> None:
    name = topic("events", partitions=1)
    await produce(broker, name, 20)
    async with grouped(broker, name, f"{name}.group") as consumer:
        records = await consume(consumer, 20)
    assert [record.timestamp for record in records] == [n + 1 for n in range(20)]


async def test_a_commit_and_its_metadata_are_found_by_the_next_member(
    broker: Broker, topic: TopicFactory
) -> None:
    name = topic("events", partitions=1)
    group = f"{name}.group"
    partition = TopicPartition(name, 0)
    await produce(broker, name, 10)
    async with grouped(broker, name, group) as consumer:
        await consume(consumer, 10)
        await consumer.commit({partition: OffsetAndMetadata(7, '{"max_ts_ms": 5}')})
    async with grouped(broker, name, group) as consumer:
        again = await consume(consumer, 3)
    assert [record.offset for record in again] == [7, 8, 9]
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(group, partitions=[partition])
    finally:
        await admin.close()
    assert offsets[partition] == OffsetAndMetadata(7, '{"max_ts_ms": 5}')


async def test_beginning_and_end_offsets_are_known(broker: Broker, topic: TopicFactory) -> None:
    name = topic("events", partitions=1)
    partition = TopicPartition(name, 0)
    await produce(broker, name, 25)
    async with AIOKafkaConsumer(bootstrap_servers=broker.bootstrap) as consumer:
        assert await consumer.beginning_offsets([partition]) == {partition: 0}
        assert await consumer.end_offsets([partition]) == {partition: 25}


async def test_the_catalogues_topics_are_as_specified_once_made(
    broker: Broker, topic: TopicFactory
) -> None:
    specs = topic.catalogue(event_partitions=2)
    results = await ensure_topics(broker.bootstrap, specs)
    assert {result.outcome for result in results} == {"exists"}
    told = broker.kind == "kafka"
    assert all(bool(result.unchecked) != told for result in results)


async def test_another_number_of_partitions_is_reported_and_left(
    broker: Broker, topic: TopicFactory
) -> None:
    topic.catalogue(column_partitions=2)
    wanted = topic.specs(column_partitions=3)
    for _ in range(2):
        results = await ensure_topics(broker.bootstrap, wanted)
        differing = {r.name: r.differences[0] for r in results if r.outcome == "differs"}
        assert differing.keys() == {
            f"{topic.prefix}columns",
            f"{topic.prefix.rstrip('.')}-monitor-changelog",
        }
        assert {(d.setting, d.wanted, d.found) for d in differing.values()} == {
            ("partitions", "3", "2")
        }
