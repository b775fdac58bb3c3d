"""Topics of a test's own on a broker that many tests share."""

from __future__ import annotations

import re
import uuid
from typing import Any

from driftlog.testing.cluster import Broker
from driftlog.topics import TopicSpec, topic_specs

__all__ = ["TopicFactory"]


class TopicFactory:
    """Makes topics whose names no other test has; called with a name, it makes that one.

    Attributes:
        prefix: what it puts before each name, ending in a dot: unique, at most 40 characters.

    Args:
        broker: where the topics are made.
        test: the test's name, so that a topic can be traced to it.
    """

    def __init__(self, broker: Broker, test: str) -> None:
        self._broker = broker
        readable = re.sub(r"[^A-Za-z0-9]+", "-", test).strip("-")[:26]
        self.prefix = f"{readable}-{uuid.uuid4().hex[:12]}."

    def __call__(self, name: str = "topic", partitions: int = 4) -> str:
        """Create a topic and return its full name."""
        full = self.prefix + name
        self._broker.create_topic(full, partitions)
        return full

    def specs(self, **sizes: Any) -> tuple[TopicSpec, ...]:
        """Return the specifications of driftlog's topics under the prefix; creates nothing.

        Args:
            sizes: as ``topic_specs`` takes them; ``app_id`` is the prefix without its dot.
        """
        return topic_specs(self.prefix, **{"app_id": self.prefix.rstrip("."), **sizes})

    def catalogue(self, **sizes: Any) -> tuple[TopicSpec, ...]:
        """Create all of driftlog's topics and return their specifications, as ``specs`` does."""
        specs = self.specs(**sizes)
        self._broker.create_topics(specs)
        return specs
