"""``driftlog alerts forward`` as a process: nothing twice, nothing lost, the end told too."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from aiokafka import AIOKafkaProducer

from driftlog.records import ACTION, ALERT, Action, Alert, AlertStatus, Severity
from driftlog.settings import KafkaSettings
from driftlog.testing.cluster import Broker
from driftlog.testing.topic_factory import TopicFactory
from tests.cli.alert_factory import AT, alert
from tests.e2e.receiver import receiver
from tests.e2e.waiting import eventually, holds


@pytest.fixture
def kafka(broker: Broker, topic: TopicFactory) -> KafkaSettings:
    topic("alerts", 1)
    return KafkaSettings(bootstrap=broker.bootstrap, prefix=topic.prefix)


def life(alert_id: str) -> list[Alert]:
    at = AT + 80_000
    return [
        alert(alert_id=alert_id, severity=Severity.WARNING),
        alert(alert_id=alert_id, status=AlertStatus.UPDATED, pane_end_ms=AT + 70_000),
        alert(alert_id=alert_id, status=AlertStatus.RESOLVED, pane_end_ms=at, resolved_ms=at),
    ]


async def publish(kafka: KafkaSettings, alerts: Sequence[Alert]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all") as producer:
        for one in alerts:
            key = one.alert_id.encode()
            await producer.send_and_wait(f"{kafka.prefix}alerts", ALERT.encode(one), key=key)


@asynccontextmanager
async def forwarding(
    kafka: KafkaSettings, *arguments: str, end: signal.Signals = signal.SIGTERM
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run it; it is to end by ``end``, and with 0 where it was asked to."""
    environment = os.environ | {
        "DRIFTLOG_KAFKA": kafka.bootstrap,
        "DRIFTLOG_KAFKA_PREFIX": kafka.prefix,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "driftlog", "alerts", "forward", *arguments),
        env=environment,
        cwd=Path(__file__).parents[2],
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.send_signal(end)
        _, said = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == (0 if end is signal.SIGTERM else -end), said.decode()
        assert b"secret-path" not in said


def states(posted: Sequence[tuple[Any, dict[str, str]]]) -> list[tuple[str, str]]:
    """What was told, a repetition of what was told just before (by its key) left out."""
    kept: list[tuple[str, tuple[str, str]]] = []
    for body, headers in posted:
        state = body["alert"]["alert_id"], body["alert"]["status"]
        if not kept or kept[-1][0] != headers["idempotency-key"]:
            kept.append((headers["idempotency-key"], state))
    return [state for _, state in kept]


async def test_each_record_is_posted_once_over_restarts(kafka: KafkaSettings) -> None:
    first, second = life("a1"), life("b2")
    await publish(kafka, [*first[:2], first[1]])  # a record that comes twice
    async with receiver(lambda n: 503 if n == 2 else 200) as (url, posted):
        to = ("--webhook", url, "--from", "beginning")
        async with forwarding(kafka, *to):
            await holds(lambda: len(posted) >= 3, "two alerts, one of them again")
        assert len(posted) == 3
        assert states(posted) == [("a1", "firing"), ("a1", "updated")]
        await publish(kafka, [first[2]])
        async with forwarding(kafka, *to, end=signal.SIGKILL):
            await holds(lambda: len(states(posted)) >= 3, "the end of the first")
            await publish(kafka, second)
            await holds(lambda: len(states(posted)) >= 6, "the second")
        async with forwarding(kafka, *to):
            await publish(kafka, [life("c3")[0]])
            await holds(lambda: states(posted)[-1] == ("c3", "firing"), "the third")
    records = [*first, *second, life("c3")[0]]
    assert states(posted) == [(one.alert_id, one.status.value) for one in records]
    assert len(posted) <= len(records) + 1 + 2  # one refused at first, one again for each end


async def test_what_is_silenced_is_kept_back_but_for_its_end(
    kafka: KafkaSettings, topic: TopicFactory
) -> None:
    topic("actions", 1)
    silence = Action(
        action="silence", model="late", by="ada", at_ms=AT, alert_id="a1", until_ms=2**50
    )
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all") as producer:
        await producer.send_and_wait(f"{kafka.prefix}actions", ACTION.encode(silence), key=b"late")
    await publish(kafka, [*life("a1"), *life("b2")])
    async with receiver(lambda n: 200) as (url, posted):
        async with forwarding(kafka, "--webhook", url, "--from", "beginning"):
            await holds(lambda: len(states(posted)) >= 4, "an end, and another incident whole")
        assert states(posted) == [
            ("a1", "resolved"),
            ("b2", "firing"),
            ("b2", "updated"),
            ("b2", "resolved"),
        ]


async def test_two_receivers_do_not_wait_for_each_other(kafka: KafkaSettings) -> None:
    await publish(kafka, life("a1"))
    async with receiver(lambda n: 500) as (away, tried), receiver(lambda n: 200) as (url, posted):
        to = ("--webhook", away, "--slack", url, "--from", "beginning")
        async with forwarding(kafka, *to):
            await holds(lambda: len(posted) >= 3 and bool(tried), "three messages")
        assert [body["text"].split()[0] for body, _ in posted] == ["FIRING", "UPDATED", "RESOLVED"]


@pytest.mark.prometheus
async def test_alertmanager_pages_while_it_is_open_and_says_when_it_is_over(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    first = life("a1")
    await publish(kafka, [alert(alert_id="a1")])
    async with (
        receiver(lambda n: 200) as (url, posted),
        alertmanager(tmp_path, url) as address,
        forwarding(kafka, "--alertmanager", address),
    ):
        await holds(lambda: bool(posted), "a page")
        await publish(kafka, [first[2]])
        await holds(lambda: posted[-1][0]["status"] == "resolved", "its end")
    firing, resolved = posted[0][0]["alerts"][0], posted[-1][0]["alerts"][0]
    assert firing["labels"] == resolved["labels"]
    assert firing["labels"]["severity"] == "page"
    assert "distance up" in firing["annotations"]["summary"]


@asynccontextmanager
async def alertmanager(folder: Path, url: str) -> AsyncIterator[str]:
    """A real Alertmanager that posts everything to ``url``."""
    config = {
        "route": {"receiver": "all", "group_wait": "0s", "group_interval": "1s"},
        "receivers": [{"name": "all", "webhook_configs": [{"url": url, "send_resolved": True}]}],
    }
    (folder / "am.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = await asyncio.create_subprocess_exec(
        "prometheus-alertmanager",
        f"--config.file={folder / 'am.yml'}",
        f"--storage.path={folder}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        stderr=asyncio.subprocess.DEVNULL,
    )

    async def ready() -> bool:
        try:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"http://{address}/-/ready")).is_success
        except httpx.HTTPError:
            return False

    try:
        await eventually(ready, "an Alertmanager")
        yield f"http://{address}"
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 30)
