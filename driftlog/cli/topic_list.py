"""The topics of an installation, an existing events topic in the place of ours."""

from __future__ import annotations

from dataclasses import replace

from driftlog.settings import Settings
from driftlog.topics import TopicSpec
from stream.topics import worker_topics

__all__ = ["topic_list"]


def topic_list(settings: Settings) -> tuple[TopicSpec, ...]:
    """Return what must be on the broker; with ``kafka.events_topic`` that topic comes first."""
    kafka = settings.kafka
    if not kafka.events_topic:
        return worker_topics(settings)
    foreign = "an existing topic, read in place of ours (kafka.events_topic)"
    return tuple(
        replace(spec, name=kafka.events_topic, purpose=foreign)
        if spec.name in (f"{kafka.prefix}events", kafka.events_topic)
        else spec
        for spec in worker_topics(settings)
    )
