"""``driftlog alerts tail`` as a person types it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner, Result

from driftlog.cli import main
from driftlog.cli.alert_log import AlertLog, Begin
from driftlog.records import ALERT, Alert, AlertStatus, Severity
from driftlog.settings import KafkaSettings
from driftlog.testing.cluster import Broker
from driftlog.testing.embedded import EmbeddedBroker
from driftlog.testing.topic_factory import TopicFactory
from tests.cli.alert_factory import AT, alert

ROOT = Path(__file__).parents[2]


def life(alert_id: str = "cafe01", model: str = "late") -> list[Alert]:
    return [
        alert(alert_id=alert_id, model=model, severity=Severity.WARNING),
        alert(alert_id=alert_id, model=model, status=AlertStatus.UPDATED, pane_end_ms=AT + 70_000),
        alert(
            alert_id=alert_id,
            model=model,
            status=AlertStatus.RESOLVED,
            pane_end_ms=AT + 80_000,
            resolved_ms=AT + 80_000,
        ),
    ]


@pytest.fixture
def kafka(broker: Broker, topic: TopicFactory) -> KafkaSettings:
    topic("alerts", 1)
    return KafkaSettings(bootstrap=broker.bootstrap, prefix=topic.prefix)


async def send(
    kafka: KafkaSettings, values: Sequence[bytes | None], at_ms: int | None = None
) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(
                f"{kafka.prefix}alerts", value, key=b"k", timestamp_ms=at_ms
            )


def publish(kafka: KafkaSettings, alerts: Sequence[Alert], at_ms: int | None = None) -> None:
    asyncio.run(send(kafka, [ALERT.encode(one) for one in alerts], at_ms))


def tail(kafka: KafkaSettings, *arguments: str) -> Result:
    env = {"DRIFTLOG_KAFKA": kafka.bootstrap, "DRIFTLOG_KAFKA_PREFIX": kafka.prefix}
    return CliRunner().invoke(main, ["alerts", "tail", "--once", *arguments], env=env)


def test_everything_from_the_beginning_is_printed_in_order(kafka: KafkaSettings) -> None:
    publish(kafka, life())
    result = tail(kafka, "--from", "beginning")
    assert (result.exit_code, result.stderr) == (0, "")
    heads = [row for row in result.stdout.splitlines() if row.strip().endswith("late@1")]
    assert [row.split()[0] for row in heads] == ["FIRING", "UPDATED", "RESOLVED"]


def test_nothing_that_was_there_is_printed_by_default(kafka: KafkaSettings) -> None:
    publish(kafka, life())
    result = tail(kafka)
    assert (result.exit_code, result.output) == (0, "")


def test_json_is_one_record_a_line_as_on_the_topic(kafka: KafkaSettings) -> None:
    publish(kafka, life())
    rows = tail(kafka, "--from", "beginning", "--json").stdout.splitlines()
    assert rows == [ALERT.encode(one).decode() for one in life()]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--status", "firing"], [("late", "firing"), ("fraud", "firing")]),
        (
            ["--status", "firing, resolved", "--model", "late"],
            [("late", "firing"), ("late", "resolved")],
        ),
        (
            ["--severity", "critical", "--model", "fraud"],
            [("fraud", "updated"), ("fraud", "resolved")],
        ),
        (["--severity", "emergency"], []),
        (["--model", "nobody"], []),
    ],
)
def test_only_what_is_asked_for_is_printed(
    kafka: KafkaSettings, arguments: list[str], expected: list[tuple[str, str]]
) -> None:
    publish(kafka, [*life(), *life("cafe02", "fraud")])
    rows = tail(kafka, "--from", "beginning", "--json", *arguments).stdout.splitlines()
    assert [(one["model"], one["status"]) for one in map(json.loads, rows)] == expected


def test_from_a_time_only_what_was_published_since_is_printed(kafka: KafkaSettings) -> None:
    first, second, third = life()
    publish(kafka, [first], AT)
    publish(kafka, [second, third], AT + 1000)
    rows = tail(kafka, "--from", "2024-11-20T10:53:21", "--json").stdout.splitlines()
    assert [json.loads(row)["status"] for row in rows] == ["updated", "resolved"]
    assert tail(kafka, "--from", "2024-11-20T11:53:22+01:00").output == ""


def test_a_record_that_comes_twice_is_shown_once(kafka: KafkaSettings) -> None:
    """A worker that was killed tells again what it had told."""
    publish(kafka, [*life()[:2], *life()])
    result = tail(kafka, "--from", "beginning")
    heads = [row.split()[0] for row in result.stdout.splitlines() if row.strip().endswith("late@1")]
    assert heads == ["FIRING", "UPDATED", "RESOLVED"]


def test_a_damaged_record_is_named_and_hides_no_other(kafka: KafkaSettings) -> None:
    asyncio.run(send(kafka, [b"{", None, b'{"v": 9}\x1b', ALERT.encode(alert())]))
    result = tail(kafka, "--from", "beginning")
    assert result.exit_code == 0
    assert "FIRING" in result.stdout
    assert result.stderr.count("left out") == 2
    assert "\x1b" not in result.output


def test_once_names_a_topic_that_is_not_there_and_does_not_make_it(
    broker: Broker, topic: TopicFactory
) -> None:
    kafka = KafkaSettings(bootstrap=broker.bootstrap, prefix=topic.prefix)
    for _ in range(2):
        result = tail(kafka)
        assert result.exit_code == 3
        assert f"no topic {topic.prefix}alerts" in result.stderr
        assert "driftlog topics create" in result.stderr


def test_once_names_a_broker_that_is_not_there() -> None:
    result = tail(KafkaSettings(bootstrap="127.0.0.1:1"))
    assert result.exit_code == 3
    assert "127.0.0.1:1" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--from", "yesterday"], "yesterday"),
        (["--from", "99999-01-01"], "99999"),
        (["--status", "burning"], "burning"),
        (["--severity", "bad"], "bad"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(arguments: list[str], word: str) -> None:
    result = tail(KafkaSettings(bootstrap="127.0.0.1:1"), *arguments)
    assert result.exit_code == 2
    assert word in result.stderr


async def test_it_waits_for_the_topic_says_so_and_then_follows(
    broker: Broker, topic: TopicFactory
) -> None:
    kafka = KafkaSettings(bootstrap=broker.bootstrap, prefix=topic.prefix)
    said: asyncio.Queue[str] = asyncio.Queue()
    log = AlertLog(kafka, Begin(), once=False, say=said.put_nowait)
    records = log.records()
    first = asyncio.ensure_future(anext(records))
    assert f"waiting for the topic {topic.prefix}alerts" in await asyncio.wait_for(said.get(), 20)
    await asyncio.to_thread(topic, "alerts", 1)
    assert f"following {topic.prefix}alerts" in await asyncio.wait_for(said.get(), 20)
    for expected in (b"1", b"2"):
        await send(kafka, [expected])
        assert await asyncio.wait_for(first, 20) == expected
        first = asyncio.ensure_future(anext(records))
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await records.aclose()


async def test_it_outlives_a_broker_that_goes_away(
    driftlog_broker: EmbeddedBroker, driftlog_topic: TopicFactory
) -> None:
    driftlog_topic("alerts", 1)
    kafka = KafkaSettings(bootstrap=driftlog_broker.bootstrap, prefix=driftlog_topic.prefix)
    said: asyncio.Queue[str] = asyncio.Queue()
    log = AlertLog(kafka, Begin(), once=False, say=said.put_nowait)
    records = log.records()
    await send(kafka, [b"1"])
    assert await asyncio.wait_for(anext(records), 20) == b"1"
    second = asyncio.ensure_future(anext(records))
    driftlog_broker.broker_down()
    assert "gone away" in await asyncio.wait_for(said.get(), 30)
    driftlog_broker.broker_up()
    assert "following" in await asyncio.wait_for(said.get(), 30)
    await send(kafka, [b"2"])
    assert await asyncio.wait_for(second, 20) == b"2"
    await records.aclose()


def test_ctrl_c_ends_it_without_a_traceback(driftlog_broker: EmbeddedBroker) -> None:
    env = os.environ | {"DRIFTLOG_KAFKA": driftlog_broker.bootstrap}
    env["DRIFTLOG_KAFKA_PREFIX"] = "nobody-made-these."
    with subprocess.Popen(
        [sys.executable, "-m", "driftlog", "alerts", "tail"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            assert "waiting for the topic" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            _, rest = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "Traceback" not in rest
