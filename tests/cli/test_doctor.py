"""``driftlog doctor``: what it finds, and what it says to do."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from driftlog.cli import main
from driftlog.cli.append_times import NewestEvent, clock_finding, event_times_finding
from driftlog.settings import Duration
from stream.references import publish_reference
from stream.topics import worker_topics
from tests.cli.installation import Installation
from tests.stream.bare_profile import bare_profile

NOW = 1_700_000_000_000
SKEW = Duration(2_000)


def examined(installation: Installation, **environ: str) -> tuple[int, dict[str, dict[str, Any]]]:
    done = installation.run("doctor", "--json", **environ)
    told = json.loads(done.stdout)
    assert told["ok"] == (done.exit_code == 0)
    return done.exit_code, {one["check"]: one for one in told["findings"]}


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nobody listens, and that nobody else gets meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_a_setting_that_cannot_be_used_is_the_first_finding() -> None:
    done = CliRunner().invoke(main, ["doctor"], env={"DRIFTLOG_WORKER_PORT": "many"})
    assert done.exit_code == 1
    assert "WRONG  settings: setting 'worker.port' holds 'many'" in done.stdout
    assert "-> 'driftlog settings --markdown'" in done.stdout


def test_a_broker_that_is_away_is_named_with_the_mend(closed_port: int) -> None:
    done = CliRunner().invoke(main, ["doctor", "--kafka", f"127.0.0.1:{closed_port}"])
    assert done.exit_code == 1
    assert f"WRONG  broker: no broker answers at 127.0.0.1:{closed_port}" in done.stdout
    assert "-> start the broker, or set kafka.bootstrap" in done.stdout


def test_every_missing_topic_is_wrong(installation: Installation) -> None:
    code, found = examined(installation)
    assert code == 1
    for spec in worker_topics(installation.settings):
        assert found[f"topic {spec.name}"]["status"] == "wrong"
        assert "driftlog topics create" in found[f"topic {spec.name}"]["mend"]


def test_an_installation_with_its_topics_is_well(installation: Installation) -> None:
    specs = worker_topics(installation.settings)
    installation.broker.create_topics(specs)
    code, found = examined(installation)
    assert code == 0, found
    assert {found[f"topic {spec.name}"]["status"] for spec in specs} == {"ok"}
    assert "learned from its first 10,000 events" in found["references"]["found"]
    assert found["clock"]["status"] == "skipped"  # there is no event yet
    if installation.broker.kind == "embedded":  # it says what could not be looked at
        assert found["topics"]["status"] == found["workers"]["status"] == "skipped"
    else:
        ingest = found[f"group {installation.prefix}worker.ingest"]
        assert (ingest["status"], ingest["found"]) == ("warning", "has no members")


def test_other_partitions_than_the_settings_have_are_wrong(installation: Installation) -> None:
    installation.broker.create_topics(worker_topics(installation.settings))
    code, found = examined(installation, DRIFTLOG_KAFKA_EVENT_PARTITIONS="3")
    assert code == 1
    assert found[f"topic {installation.prefix}events"]["found"] == "partitions is 2, not 3"


def test_the_reference_in_effect_is_named_and_one_of_later_is_warned_of(
    installation: Installation,
) -> None:
    installation.broker.create_topics(worker_topics(installation.settings))
    kafka = installation.settings.kafka
    asyncio.run(publish_reference(kafka, bare_profile("r1", 0, "now")))
    asyncio.run(publish_reference(kafka, bare_profile("r2", 4_000_000_000_000, "later")))
    _, found = examined(installation)
    assert found["reference of now 1"]["status"] == "ok"
    assert "r1" in found["reference of now 1"]["found"]
    assert found["reference of later 1"]["status"] == "warning"
    assert "2096" in found["reference of later 1"]["found"]


def test_a_damaged_reference_is_wrong(installation: Installation) -> None:
    installation.broker.create_topics(worker_topics(installation.settings))
    installation.send(f"{installation.prefix}references", [(0, b"m@1@r", b"{")])
    code, found = examined(installation)
    assert code == 1
    assert "publish it again" in found["reference m@1@r"]["mend"]


def test_rejecting_unknown_models_without_a_reference_is_wrong(installation: Installation) -> None:
    installation.broker.create_topics(worker_topics(installation.settings))
    code, found = examined(installation, DRIFTLOG_MODELS_UNKNOWN="reject")
    assert code == 1
    assert "every event is a dead letter" in found["references"]["found"]


@pytest.mark.kafka
def test_a_topic_with_other_settings_than_the_promises_rest_on(on_kafka: Installation) -> None:
    other = f"{on_kafka.prefix}other."
    specs = {spec.name: spec for spec in worker_topics(on_kafka.settings)}
    changelog = specs[f"{on_kafka.prefix}worker.monitor-monitor-changelog"]
    events_topic = specs[f"{on_kafka.prefix}events"]
    on_kafka.broker.create_topics(
        [
            replace(events_topic, name=f"{other}events", timestamp_type="CreateTime"),
            replace(changelog, name=f"{other}worker.monitor-monitor-changelog", cleanup="delete"),
        ]
    )
    code, found = examined(on_kafka, DRIFTLOG_KAFKA_PREFIX=other)
    assert code == 1
    events = found[f"topic {other}events"]
    assert events["status"] == "warning"
    assert "the rule for events from the future is void" in events["found"]
    assert "message.timestamp.type=[LogAppendTime]" in events["mend"]
    state = found[f"topic {other}worker.monitor-monitor-changelog"]
    assert state["status"] == "wrong"
    assert "vanish by age" in state["found"]


@pytest.mark.kafka
def test_events_from_the_future_are_found_without_writing(on_kafka: Installation) -> None:
    event = {"v": 1, "event_id": "e", "ts_ms": 4_000_000_000_000, "model": "m", "version": "1"}
    on_kafka.send(f"{on_kafka.prefix}events", [(1, b"k", json.dumps(event).encode())])
    code, found = examined(on_kafka)
    assert code == 1
    assert found["clock"]["status"] == "ok"
    assert "future_skew (2s)" in found["event times"]["found"]


def test_a_clock_behind_the_brokers_is_wrong() -> None:
    ahead = [NewestEvent(NOW + 5_000, by_broker=True, event_ms=None)]
    assert clock_finding(ahead, NOW).status == "wrong"
    assert "5.0 s in this machine's future" in clock_finding(ahead, NOW).found
    assert clock_finding(ahead, NOW + 5_000).status == "ok"


def test_producers_times_say_nothing_of_the_brokers_clock() -> None:
    told = [NewestEvent(NOW + 5_000, by_broker=False, event_ms=NOW)]
    assert clock_finding(told, NOW).status == "skipped"
    assert event_times_finding(told, SKEW).status == "skipped"


def test_an_event_up_to_the_skew_ahead_is_no_finding() -> None:
    def finding(ahead: int) -> str:
        event = NewestEvent(NOW, by_broker=True, event_ms=NOW + ahead)
        return event_times_finding([event], SKEW).status

    assert [finding(ms) for ms in (-3_000, 2_000, 2_001)] == ["ok", "ok", "wrong"]
