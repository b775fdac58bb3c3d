"""The names of the topics a worker reads and writes, and how many partitions they have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from driftlog.settings import Settings
from driftlog.topics import TopicSpec, topic_specs

__all__ = ["INCIDENTS_TABLE", "MONITOR_TABLE", "Topics", "worker_topics"]

MONITOR_TABLE: Final = "monitor"  # of Faust; their changelogs are topics too
INCIDENTS_TABLE: Final = "incidents"


def worker_topics(settings: Settings) -> tuple[TopicSpec, ...]:
    """Return the topics that a worker needs, the changelogs of its tables among them.

    With ``kafka.events_topic`` that topic stands in the place of ours.
    """
    kafka = settings.kafka
    specs = topic_specs(
        kafka.prefix,
        event_partitions=kafka.event_partitions,
        column_partitions=kafka.column_partitions,
        verdict_partitions=kafka.verdict_partitions,
        app_id=Topics.of(settings).app_id,
        monitor_table=MONITOR_TABLE,
        incidents_table=INCIDENTS_TABLE,
    )
    if not kafka.events_topic:
        return specs
    foreign = "an existing topic, read in place of ours (kafka.events_topic)"
    return tuple(
        replace(spec, name=kafka.events_topic, purpose=foreign)
        if spec.name == f"{kafka.prefix}events"
        else spec
        for spec in specs
    )


@dataclass(frozen=True, slots=True)
class Topics:
    """Topic names with their prefix; partition counts as they are on the broker."""

    events: str
    labels: str
    columns: str
    verdicts: str
    references: str
    alerts: str
    actions: str
    deadletter: str
    ingest_group: str
    app_id: str  # of the Faust app: its consumer group, and the changelogs' prefix
    event_partitions: int
    column_partitions: int
    verdict_partitions: int

    @classmethod
    def of(cls, settings: Settings) -> Topics:
        """Names and counts as the settings have them."""
        kafka = settings.kafka
        prefix = kafka.prefix
        return cls(
            events=kafka.events_topic or f"{prefix}events",
            labels=f"{prefix}labels",
            columns=f"{prefix}columns",
            verdicts=f"{prefix}verdicts",
            references=f"{prefix}references",
            alerts=f"{prefix}alerts",
            actions=f"{prefix}actions",
            deadletter=f"{prefix}deadletter",
            ingest_group=f"{prefix}{settings.worker.group}.ingest",
            app_id=f"{prefix}{settings.worker.group}.monitor",
            event_partitions=kafka.event_partitions,
            column_partitions=kafka.column_partitions,
            verdict_partitions=kafka.verdict_partitions,
        )
