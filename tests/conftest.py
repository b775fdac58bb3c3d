"""Fixtures of all tests: every suite that takes ``broker`` runs on both kinds of broker."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from shutil import which
from typing import Any, Final

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

_LEFT_OUT = pytest.StashKey[Counter[str]]()
_KEY = "left_out"  # how a worker of pytest-xdist tells the numbers


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


def _in_ci() -> bool:
    """There nothing is left out: what is missing fails."""
    return os.environ.get("CI", "").lower() in {"true", "1"}


def _no_kafka() -> str | None:
    """Why the Kafka suite is left out, or None."""
    if os.environ.get("DRIFTLOG_KAFKA") or _in_ci():
        return None
    return why_not()


def _no_prometheus() -> str | None:
    """Why the tests with Prometheus' own tools are left out, or None."""
    missing = [name for name in ("prometheus", "promtool", "amtool") if which(name) is None]
    if not missing or _in_ci():
        return None
    return f"{' and '.join(missing)} are not there (packages prometheus, prometheus-alertmanager)"


def _no_browser() -> str | None:
    """Why the tests in a browser are left out, or None."""
    if which("chromium") is not None or _in_ci():
        return None
    return "chromium is not there (package chromium)"


_OUTSIDE: Final = {
    "kafka": (_no_kafka, "the tests on a real Apache Kafka"),
    "prometheus": (_no_prometheus, "the tests with Prometheus' own tools"),
    "browser": (_no_browser, "the tests of the console's pages in Chromium"),
}


@pytest.hookimpl(trylast=True)  # after -k and -m, so that the number is what was asked for
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    found: Counter[str] = Counter()
    for mark, (why, _) in _OUTSIDE.items():
        if why() is None:
            continue
        left_out = [item for item in items if item.get_closest_marker(mark)]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
        found[mark] = len(left_out)
    config.stash[_LEFT_OUT] = found
    if (output := getattr(config, "workeroutput", None)) is not None:
        output[_KEY] = dict(found)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deal files out by lanes where they are dealt out by file."""
    if config.getvalue("dist") != "loadfile":
        return None
    from tests.lanes import Lanes  # pytest-xdist may be missing

    return Lanes(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the numbers over from a worker of pytest-xdist; each of them counts all tests."""
    node.config.stash[_LEFT_OUT] = Counter(getattr(node, "workeroutput", {}).get(_KEY, {}))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for mark, number in config.stash.get(_LEFT_OUT, Counter()).items():
        why, tests = _OUTSIDE[mark]
        if number:
            terminalreporter.write_line(f"Left out: {tests} ({number}), since {why()}", yellow=True)
    if config.stash.get(_LEFT_OUT, Counter())["kafka"]:
        terminalreporter.write_line(
            "An existing cluster is used with DRIFTLOG_KAFKA=host:port", yellow=True
        )
