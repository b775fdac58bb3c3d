"""The real Kafka on which a row runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from driftlog.testing.apache import ApacheKafka
from driftlog.testing.cluster import KafkaCluster

__all__ = ["kafka"]


@contextmanager
def kafka() -> Iterator[KafkaCluster]:
    """Yield the Kafka at ``DRIFTLOG_KAFKA``, else an Apache Kafka of the row's own.

    For rows that do nothing to the broker itself; topics made through it are deleted.
    """
    if bootstrap := os.environ.get("DRIFTLOG_KAFKA"):
        cluster = KafkaCluster(bootstrap)
        try:
            yield cluster
        finally:
            cluster.delete_made_topics()
    else:
        with ApacheKafka() as broker:
            yield broker
