"""``driftlog topics`` as a person types it."""

from __future__ import annotations

import pytest

from stream.topics import worker_topics
from tests.cli.installation import Installation


def test_check_names_every_topic_that_is_missing(installation: Installation) -> None:
    done = installation.run("topics", "check")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    for spec in worker_topics(installation.settings):
        (line,) = (line for line in lines if line.split()[:1] == [spec.name])
        assert "missing" in line
    assert "driftlog topics create" in done.stderr


def test_check_is_content_with_topics_that_are_there(installation: Installation) -> None:
    installation.broker.create_topics(worker_topics(installation.settings))
    done = installation.run("topics", "check")
    assert done.exit_code == 0, done.output
    assert done.stdout.count("exists") == len(worker_topics(installation.settings))


def test_check_says_what_differs(installation: Installation) -> None:
    installation.broker.create_topics(worker_topics(installation.settings))
    done = installation.run("topics", "check", DRIFTLOG_KAFKA_COLUMN_PARTITIONS="3")
    assert done.exit_code == 1
    assert "partitions is 2, not 3" in done.stdout


@pytest.mark.kafka
def test_create_makes_what_check_asks_for(on_kafka: Installation) -> None:
    assert on_kafka.run("topics", "check").exit_code == 0
    again = on_kafka.run("topics", "create")
    assert again.exit_code == 0
    assert "created" not in again.stdout


@pytest.mark.kafka
def test_an_events_topic_of_somebody_else_is_never_made(on_kafka: Installation) -> None:
    foreign = f"{on_kafka.prefix}requests"
    done = on_kafka.run("topics", "create", DRIFTLOG_KAFKA_EVENTS_TOPIC=foreign)
    assert done.exit_code == 1
    assert "made by its owner" in done.stderr
    on_kafka.broker.create_topic(foreign, 2)
    checked = on_kafka.run("topics", "check", DRIFTLOG_KAFKA_EVENTS_TOPIC=foreign)
    assert f"{on_kafka.prefix}events " not in checked.stdout
    assert "message.timestamp.type is CreateTime, not LogAppendTime" in checked.stdout
