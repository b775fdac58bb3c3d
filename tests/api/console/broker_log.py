"""Records of the story on a real topic, as workers and people write them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from aiokafka import AIOKafkaProducer

from driftlog.kafka import connection
from driftlog.settings import ConsoleSettings, KafkaSettings, Settings, StreamSettings
from driftlog.testing.cluster import Broker
from driftlog.topics import TopicSpec
from stream.topics import worker_topics
from tests.api.console.samples import Sample

__all__ = ["console_settings", "lasting_topics", "write"]


def console_settings(
    broker: Broker, prefix: str, *, topics: bool = True, **console: Any
) -> Settings:
    """Settings of a console on topics of its own, which are made unless told otherwise."""
    kafka = KafkaSettings(
        bootstrap=broker.bootstrap, prefix=prefix, column_partitions=2, verdict_partitions=2
    )
    plain: dict[str, Any] = {"port": 0}
    settings = Settings(
        kafka=kafka,
        stream=StreamSettings(window_panes=30),
        console=ConsoleSettings(**(plain | console)),
    )
    if topics:
        broker.create_topics(lasting_topics(settings))
    return settings


def lasting_topics(settings: Settings) -> list[TopicSpec]:
    """A worker's topics, whose records stay for ever.

    The story is of long ago: Kafka's cleaner, which looks each 15 s, deleted it now and then
    between its being written and being read.
    """
    return [
        spec if spec.retention_ms is None else replace(spec, retention_ms=-1)
        for spec in worker_topics(settings)
    ]


async def write(
    settings: Settings, samples: Iterable[Sample], *, now_ms: int | None = None
) -> None:
    """Write records, acknowledged when this returns.

    Args:
        settings: where.
        samples: what.
        now_ms: the time that all of them carry; none: their own.
    """
    producer = AIOKafkaProducer(acks="all", enable_idempotence=True, **connection(settings.kafka))
    await producer.start()
    try:
        for one in samples:
            await producer.send(
                f"{settings.kafka.prefix}{one.topic}",
                one.value,
                key=one.key,
                partition=0,
                timestamp_ms=one.at_ms,
            )
        await producer.flush()
    finally:
        await producer.stop()
