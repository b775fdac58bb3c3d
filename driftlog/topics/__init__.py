"""The topics of driftlog: what they are, how keys find partitions, how they come to a broker."""

from driftlog.topics.catalogue import CATALOGUE, TopicSpec, changelog_name, topic_specs
from driftlog.topics.ensure import Difference, TopicResult, ensure_topics
from driftlog.topics.partitioner import murmur2, partition_of

__all__ = [
    "CATALOGUE",
    "Difference",
    "TopicResult",
    "TopicSpec",
    "changelog_name",
    "ensure_topics",
    "murmur2",
    "partition_of",
    "topic_specs",
]
