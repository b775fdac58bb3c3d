"""Which topics an installation has, by its settings."""

from __future__ import annotations

from dataclasses import replace

from driftlog.settings import Settings
from driftlog.topics.catalogue import TopicSpec, topic_specs

__all__ = ["app_id", "ingest_group", "specs_of"]


def app_id(settings: Settings) -> str:
    """Return the Faust application's id: the monitor's consumer group, its changelogs' prefix."""
    return f"{settings.kafka.prefix}{settings.worker.group}.monitor"


def ingest_group(settings: Settings) -> str:
    """Return the consumer group that reads the events."""
    return f"{settings.kafka.prefix}{settings.worker.group}.ingest"


def specs_of(settings: Settings) -> tuple[TopicSpec, ...]:
    """Return all topics that a worker needs, the changelogs of its tables among them.

    With ``kafka.events_topic`` the first one is that topic, which is somebody else's.

    Raises:
        InputError: Kafka would refuse a name.
    """
    kafka = settings.kafka
    specs = topic_specs(
        kafka.prefix,
        event_partitions=kafka.event_partitions,
        column_partitions=kafka.column_partitions,
        verdict_partitions=kafka.verdict_partitions,
        app_id=app_id(settings),
    )
    if not kafka.events_topic:
        return specs
    foreign = "an existing topic, read in place of ours (kafka.events_topic)"
    return (replace(specs[0], name=kafka.events_topic, purpose=foreign), *specs[1:])
