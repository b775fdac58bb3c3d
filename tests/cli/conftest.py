"""Fixtures of the commands that need a broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from driftlog.testing.cluster import Broker, KafkaCluster
from tests.cli.installation import Installation


@pytest.fixture
def installation(broker: Broker) -> Iterator[Installation]:
    """An installation without topics, on each kind of broker."""
    found = Installation(broker)
    yield found
    found.remove()


@pytest.fixture
def on_kafka(driftlog_kafka: KafkaCluster) -> Iterator[Installation]:
    """An installation on a real Kafka, its topics made by the command itself."""
    found = Installation(driftlog_kafka)
    assert found.run("topics", "create").exit_code == 0
    yield found
    found.remove()
