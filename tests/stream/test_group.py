"""A group's members where the broker that coordinates it is told to end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    KafkaError,
)

from driftlog.testing.embedded import Api, EmbeddedBroker
from stream.group import mend_group

TP = TopicPartition("t", 0)


@pytest.fixture
def own() -> Iterator[EmbeddedBroker]:
    """A broker for this test alone, since the test breaks it."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        yield broker


@asynccontextmanager
async def member(broker: EmbeddedBroker) -> AsyncIterator[Any]:
    consumer: Any = AIOKafkaConsumer(
        bootstrap_servers=broker.bootstrap, group_id="g", enable_auto_commit=False
    )
    await consumer.start()
    consumer.assign([TP])
    try:
        yield consumer
    finally:
        await consumer.stop()


async def test_the_clients_own_takes_a_coordinator_that_ends_for_an_unknown_error(
    own: EmbeddedBroker,
) -> None:
    async with member(own) as consumer:
        own.push_request_errors(Api.OFFSET_FETCH, [GroupCoordinatorNotAvailableError])
        with pytest.raises(KafkaError) as caught:
            await consumer._coordinator.fetch_committed_offsets([TP])
        assert not caught.value.retriable


async def test_a_coordinator_that_ends_is_looked_for_again(own: EmbeddedBroker) -> None:
    async with member(own) as consumer:
        mend_group(consumer)
        await consumer.commit({TP: 7})
        own.push_request_errors(Api.OFFSET_FETCH, [GroupCoordinatorNotAvailableError] * 3)
        found = await consumer._coordinator.fetch_committed_offsets([TP])
        assert found[TP].offset == 7


async def test_another_refusal_stays_what_it_is(own: EmbeddedBroker) -> None:
    async with member(own) as consumer:
        mend_group(consumer)
        own.push_request_errors(Api.OFFSET_FETCH, [GroupAuthorizationFailedError])
        with pytest.raises(GroupAuthorizationFailedError):
            await consumer._coordinator.fetch_committed_offsets([TP])
