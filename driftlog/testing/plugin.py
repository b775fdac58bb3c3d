"""The pytest plugin: brokers and topics for tests against an event log.

Found by pytest wherever driftlog is installed. Nothing of driftlog is imported before a fixture
is used, so a client alone (without ``driftlog[server]``) stays free to run pytest; there, using
``driftlog_broker`` fails with what to install.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from driftlog.testing.cluster import KafkaCluster
    from driftlog.testing.embedded import EmbeddedBroker
    from driftlog.testing.topic_factory import TopicFactory

__all__ = ["driftlog_broker", "driftlog_kafka", "driftlog_topic"]


@pytest.fixture(scope="session")
def driftlog_broker() -> Iterator[EmbeddedBroker]:
    """An embedded broker for all tests of this process; faults end with each test's topics."""
    from driftlog.testing.embedded import EmbeddedBroker

    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture
def driftlog_topic(
    driftlog_broker: EmbeddedBroker, request: pytest.FixtureRequest
) -> Iterator[TopicFactory]:
    """Topics of the test's own on the embedded broker: ``driftlog_topic("events", 4)``."""
    from driftlog.testing.topic_factory import TopicFactory

    yield TopicFactory(driftlog_broker, request.node.name)
    driftlog_broker.heal()


@pytest.fixture(scope="session")
def driftlog_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """A real Kafka: the one at ``DRIFTLOG_KAFKA``, else an Apache Kafka for the whole run.

    Workers of pytest-xdist share it; it ends with the run. Topics made through the fixture are
    deleted.
    """
    from driftlog.testing.cluster import KafkaCluster

    if bootstrap := os.environ.get("DRIFTLOG_KAFKA"):
        cluster = KafkaCluster(bootstrap)
    else:
        from driftlog.testing.shared import shared_kafka

        run, owner = tmp_path_factory.getbasetemp(), os.getpid()
        if "PYTEST_XDIST_WORKER" in os.environ:
            run, owner = run.parent, os.getppid()
        cluster = shared_kafka(run / "driftlog-kafka", owner)
    yield cluster
    cluster.delete_made_topics()
