"""Hostile names on the log, through a worker: its log, its gauges, every command that reads."""

from __future__ import annotations

import asyncio
import json
import os
import unicodedata
from pathlib import Path

import httpx
import numpy as np
import orjson
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from driftlog.cli import main
from driftlog.records import EVENT, Event, Outputs
from driftlog.settings import load_settings
from driftlog.testing.embedded import EmbeddedBroker
from stream.metrics.catalogue import CATALOGUE
from stream.profile import profile_of_events
from tests.e2e.deployment import deployed
from tests.e2e.event_log import writing
from tests.hostile_names import HOSTILE, harmless

START_MS = 1_732_100_000_000
RATE, QUIET_S, ALL_S = 40, 14, 30
NAMES = tuple(HOSTILE.values())
# What an event may have as its model: no control character, 256 letters.
MODEL = "".join(
    c
    for name in NAMES
    if len(name) < 100
    for c in name
    if unicodedata.category(c) != "Cc" and c not in "@"
)[:256]


def events(since_s: int, until_s: int, drifted: bool, seed: int) -> list[Event]:
    rng = np.random.default_rng(seed)
    count = (until_s - since_s) * RATE
    return [
        Event(
            event_id=f"{seed}-{i}-{NAMES[i % len(NAMES)][:100]}",
            correlation_id=f"{NAMES[i % len(NAMES)][:100]}-{i}",
            ts_ms=START_MS + 1000 * since_s + i * 1000 // RATE,
            model=MODEL,
            version=MODEL,
            segment=MODEL,
            inputs={
                **{name: round(float(rng.normal()) + 3 * drifted, 3) for name in NAMES},
                "level": NAMES[i % len(NAMES)] if drifted else NAMES[i % 3],
            },
            outputs=Outputs(prediction=NAMES[i % 4], confidence=0.8),
        )
        for i in range(count)
    ]


async def test_no_name_does_harm_on_its_way_from_the_log_to_a_person(
    driftlog_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    models = load_settings(environ={}).models
    quiet = events(0, QUIET_S, drifted=False, seed=1)
    profile = profile_of_events(quiet, model=MODEL, version=MODEL, origin="file", models=models)
    log = events(0, QUIET_S, False, 2) + events(QUIET_S, ALL_S, True, 3)
    fine = orjson.loads(EVENT.encode(log[0]))
    # Models that nobody knows, those with control characters, and bytes that are no event.
    bad = [orjson.dumps({**fine, "model": name}) for name in NAMES]
    bad += [name.encode() for name in NAMES] + [b'{"model": "\xff\x1b[31m"}', b"\x1b[2J\r\n"]
    async with deployed(
        driftlog_broker, tmp_path, [profile], MODELS_UNKNOWN="reject", MODELS_TOP_SEGMENTS="1"
    ) as deployment:
        worker = await deployment.start("--log-level", "debug")
        async with writing(deployment.settings) as topic:
            await topic.write((0, EVENT.encode(one)) for one in log)
            await topic.write((0, raw) for raw in bad)
            await topic.close(START_MS + 1000 * ALL_S)
        await deployment.closed(START_MS + 1000 * ALL_S)
        told = deployment.told
        await told.until(lambda: len(told.dead) >= len(bad), "all dead letters")
        assert told.alerts
        async with httpx.AsyncClient(base_url=worker.url, timeout=30) as client:
            families = list(text_string_to_metric_families((await client.get("/metrics")).text))
            harmless(json.dumps((await client.get("/readyz")).json()))
            for name in NAMES:
                answer = await client.get("/nowhere", params={"q": name})
                assert answer.status_code == 404
                assert "forged" not in answer.text
                assert "script" not in answer.text
        samples = [one for family in families for one in family.samples]
        # A histogram is one family of several samples, and any other is one of its name.
        ours = {
            family.name if family.type == "histogram" else one.name
            for family in families
            for one in family.samples
            if one.name.startswith("driftlog_")
        }
        assert {name.removesuffix("_created") for name in ours} <= set(CATALOGUE)
        signals = {one.labels.get("signal") for one in samples}
        assert {name for name in NAMES if len(name) < 200} <= signals
        commands = (
            ("alerts", "tail", "--once", "--from", "beginning"),
            ("alerts", "tail", "--once", "--from", "beginning", "--json"),
            ("deadletter", "list"),
            ("deadletter", "list", "--each"),
            ("deadletter", "list", "--json"),
            ("deadletter", "show", "0:0"),
            ("deadletter", "replay", "--dry-run"),
            ("reference", "show"),
            ("reference", "show", f"{MODEL}@{MODEL}"),
            ("doctor",),
            ("doctor", "--json"),
            ("verify",),
        )
        kafka = deployment.settings.kafka
        environment = {
            "DRIFTLOG_KAFKA": kafka.bootstrap,
            "DRIFTLOG_KAFKA_PREFIX": kafka.prefix,
            "DRIFTLOG_KAFKA_COLUMN_PARTITIONS": str(kafka.column_partitions),
            "DRIFTLOG_KAFKA_VERDICT_PARTITIONS": str(kafka.verdict_partitions),
            "COLUMNS": "200",
        }
        for command in commands:
            result = await asyncio.to_thread(CliRunner(env=environment).invoke, main, command)
            harmless(result.output)
            assert result.exception is None or isinstance(result.exception, SystemExit), command
        harmless(worker.log)
        assert not os.path.exists("/tmp/driftlog-was-here")  # noqa: ASYNC240, PTH110 - a look
