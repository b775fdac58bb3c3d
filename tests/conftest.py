"""Fixtures of all tests: every suite that takes ``broker`` runs on both kinds of broker."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from driftlog.testing.cluster import Broker, KafkaCluster
from driftlog.testing.embedded import EmbeddedBroker
from driftlog.testing.kafka_jars import why_not
from driftlog.testing.topic_factory import TopicFactory

# Their assertions are the test's own: they show what differs. Here, before anybody imports them.
pytest.register_assert_rewrite("tests.e2e.judged_alike", "tests.e2e.told")

# A run in the background of a shell ignores Ctrl-C, and so would every process that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no defect of the code: no example has a deadline.
settings.register_profile("driftlog", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("driftlog")

_LEFT_OUT = pytest.StashKey[int]()
_KEY = "kafka_tests_left_out"  # how a worker of pytest-xdist tells the number


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """A broker with ``bootstrap``, ``kind`` and ``create_topics``: embedded, and real Kafka."""
    if request.param == "embedded":
        embedded: EmbeddedBroker = request.getfixturevalue("driftlog_broker")
        yield embedded
        embedded.heal()
    else:
        kafka: KafkaCluster = request.getfixturevalue("driftlog_kafka")
        yield kafka
        kafka.delete_made_topics()


@pytest.fixture
def topic(broker: Broker, request: pytest.FixtureRequest) -> TopicFactory:
    """Topics of the test's own on ``broker``: ``topic("events", 4)`` returns the name."""
    return TopicFactory(broker, request.node.name)


def _no_kafka() -> str | None:
    """Why the Kafka suite is left out, or None. In CI it never is: there it fails instead."""
    if os.environ.get("DRIFTLOG_KAFKA") or os.environ.get("CI", "").lower() in {"true", "1"}:
        return None
    return why_not()


@pytest.hookimpl(trylast=True)  # after -k and -m, so that the number is what was asked for
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if _no_kafka() is None:
        return
    left_out = [item for item in items if item.get_closest_marker("kafka")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
    config.stash[_LEFT_OUT] = len(left_out)
    if (output := getattr(config, "workeroutput", None)) is not None:
        output[_KEY] = len(left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the number over from a worker of pytest-xdist; each of them counts all tests."""
    node.config.stash[_LEFT_OUT] = getattr(node, "workeroutput", {}).get(_KEY, 0)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if left_out := config.stash.get(_LEFT_OUT, 0):
        terminalreporter.write_line(
            f"Left out: the tests on a real Apache Kafka ({left_out}), since {_no_kafka()}; "
            "an existing cluster is used with DRIFTLOG_KAFKA=host:port",
            yellow=True,
        )
