"""What every client of the project shares: ending beside a broker that is away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from driftlog.kafka import stop_consumer
from driftlog.testing.embedded import EmbeddedBroker
from tests.e2e.waiting import DEADLINE


@pytest.fixture
def own() -> Iterator[EmbeddedBroker]:
    """A broker for this test alone, since the test breaks it."""
    with EmbeddedBroker() as broker:
        yield broker


async def waiting_to_fetch_again(broker: EmbeddedBroker) -> Any:
    """A consumer whose fetch has failed and is to be tried again in a minute."""
    broker.create_topic("t", 1)
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap)
    await consumer.start()
    failed, send = asyncio.Event(), consumer._client.send

    async def sending(*arguments: Any, **options: Any) -> Any:
        try:
            return await send(*arguments, **options)
        except KafkaError:
            failed.set()  # and the fetch goes to sleep before whoever waits for this is told
            raise

    consumer._client.send = sending
    consumer.assign([TopicPartition("t", 0)])
    await consumer.seek_to_beginning()
    await consumer.getmany(timeout_ms=10)
    # From here on: a topic that the broker has not led yet is asked for again as well.
    consumer._fetcher._retry_backoff = 60.0
    failed.clear()
    broker.broker_down()
    await asyncio.wait_for(failed.wait(), DEADLINE)
    return consumer


async def test_the_clients_own_stop_raises_while_a_fetch_waits_to_try_again(
    own: EmbeddedBroker,
) -> None:
    consumer = await waiting_to_fetch_again(own)
    with pytest.raises(asyncio.CancelledError):  # though nobody has cancelled anything
        await consumer.stop()
    await consumer._client.close()


async def test_a_consumer_whose_broker_is_away_is_stopped_like_any_other(
    own: EmbeddedBroker,
) -> None:
    consumer = await waiting_to_fetch_again(own)
    before = asyncio.all_tasks()
    await stop_consumer(consumer)
    assert not consumer._client._conns
    assert asyncio.all_tasks() <= before
    await stop_consumer(consumer)
