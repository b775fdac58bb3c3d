"""Finding a topic: soon where it is not, patiently where the broker is slow."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from driftlog.errors import BrokerError
from driftlog.settings import KafkaSettings
from driftlog.testing.cluster import Broker
from driftlog.testing.embedded import EmbeddedBroker
from driftlog.testing.topic_factory import TopicFactory
from stream import topic_end
from stream.topic_end import reader


async def test_a_reader_has_all_partitions_from_their_beginning(
    broker: Broker, topic: TopicFactory
) -> None:
    name = topic("held", 3)
    async with reader(KafkaSettings(bootstrap=broker.bootstrap), name) as consumer:
        assert {(tp.topic, tp.partition) for tp in consumer.assignment()} == {
            (name, 0),
            (name, 1),
            (name, 2),
        }
        assert [await consumer.position(tp) for tp in consumer.assignment()] == [0, 0, 0]


async def test_a_broker_that_answers_late_is_no_missing_topic(
    broker: Broker, topic: TopicFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = topic("held", 2)
    monkeypatch.setattr(topic_end, "_THERE_S", 0.0)
    async with reader(KafkaSettings(bootstrap=broker.bootstrap), name) as consumer:
        assert len(consumer.assignment()) == 2


async def test_a_broker_that_goes_meanwhile_is_no_missing_topic(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(topic_end, "_THERE_S", 0.0)
    with EmbeddedBroker() as own:
        own.create_topic("t", 1)

        class Unlucky(AIOKafkaConsumer):  # type: ignore[misc]  # it has no types
            async def start(self) -> Any:
                await super().start()
                own.broker_down()

        monkeypatch.setattr(topic_end, "AIOKafkaConsumer", Unlucky)
        with pytest.raises(BrokerError, match="reading t at") as raised:
            async with reader(KafkaSettings(bootstrap=own.bootstrap), "t"):
                pass
    assert "not there" not in str(raised.value)
