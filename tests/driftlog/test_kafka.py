"""What every client of the project shares: ending beside a broker that is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from driftlog.kafka import stop_consumer
from driftlog.testing.embedded import EmbeddedBroker
from tests.e2e.waiting import eventually


@pytest.fixture
def own() -> Iterator[EmbeddedBroker]:
    """A broker for this test alone, since the test breaks it."""
    with EmbeddedBroker() as broker:
        yield broker


async def waiting_to_fetch_again(broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture) -> Any:
    """A consumer whose fetch has failed and is to be tried again in a minute."""
    broker.create_topic("t", 1)
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap)
    await consumer.start()
    consumer.assign([TopicPartition("t", 0)])
    await consumer.seek_to_beginning()
    await consumer.getmany(timeout_ms=10)
    # From here on: a topic that the broker has not led yet is asked for again as well.
    consumer._fetcher._retry_backoff = 60.0
    with caplog.at_level(logging.ERROR, "aiokafka"):
        broker.broker_down()

        async def failed() -> bool:
            return "Failed fetch messages" in caplog.text

        await eventually(failed, "a fetch that failed")
    return consumer


async def test_the_clients_own_stop_raises_while_a_fetch_waits_to_try_again(
    own: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    consumer = await waiting_to_fetch_again(own, caplog)
    with pytest.raises(asyncio.CancelledError):  # though nobody has cancelled anything
        await consumer.stop()
    await consumer._client.close()


async def test_a_consumer_whose_broker_is_away_is_stopped_like_any_other(
    own: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    consumer = await waiting_to_fetch_again(own, caplog)
    before = asyncio.all_tasks()
    await stop_consumer(consumer)
    assert not consumer._client._conns
    assert asyncio.all_tasks() <= before
    await stop_consumer(consumer)
