"""The examples do what they say, started as a user starts them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from driftlog.testing.embedded import EmbeddedBroker
from driftlog.testing.topic_factory import TopicFactory
from tests.driftlog.capture_log import client, read

CHECKOUT = Path(__file__).parents[2]
EXAMPLES = CHECKOUT / "examples"


def environment(broker: EmbeddedBroker, topics: TopicFactory) -> dict[str, str]:
    ours = {
        "DRIFTLOG_KAFKA": broker.bootstrap,
        "DRIFTLOG_KAFKA_PREFIX": topics.prefix,
        "DRIFTLOG_CAPTURE_FLUSH_TIMEOUT": "20s",
        "PYTHONPATH": str(CHECKOUT),
    }
    return {k: v for k, v in os.environ.items() if not k.startswith("DRIFTLOG_")} | ours


async def test_the_script_logs_its_batch_and_a_label_without_the_names(
    driftlog_topic: TopicFactory, driftlog_broker: EmbeddedBroker
) -> None:
    with client(driftlog_topic, driftlog_broker.bootstrap) as capture:
        script = await asyncio.create_subprocess_exec(
            *(sys.executable, str(EXAMPLES / "watched_script.py")),
            env=environment(driftlog_broker, driftlog_topic),
            stdout=subprocess.PIPE,
        )
        said, _ = await script.communicate()
        assert b"sent=3, dropped=0" in said
        events, (label,) = await read(capture), await read(capture, "labels")
    assert sorted(map(repr, (event["inputs"] for event in events))) == [
        "{'x': 1.5}",
        "{'x': 2.5}",
    ]
    assert label["event_id"] in {event["event_id"] for event in events}


async def test_the_service_logs_and_is_flushed_when_its_server_is_told_to_end(
    driftlog_topic: TopicFactory, driftlog_broker: EmbeddedBroker
) -> None:
    with client(driftlog_topic, driftlog_broker.bootstrap) as capture:
        server = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLES), "--port", "0"),
            "watched_service:app",
            env=environment(driftlog_broker, driftlog_topic),
            stderr=subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(60), httpx.AsyncClient() as http:
                assert server.stderr is not None
                while b"running on" not in (line := await server.stderr.readline()):
                    assert line, "the server did not start"
                url = line.decode().split("running on ")[1].split()[0] + "/predict"
                answer = (await http.post(url, params={"x": 1.5})).json()
                await http.post(url)  # lacks its x
                server.send_signal(signal.SIGTERM)
                await server.stderr.read()
                await server.wait()
        finally:
            if server.returncode is None:
                server.kill()
                await server.wait()
        events = await read(capture)
    assert sorted(event["status"] for event in events) == ["ok", "rejected"]
    assert answer["event_id"] in {event["event_id"] for event in events}


def imported(statement: str) -> set[str]:
    script = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_importing_driftlog_is_light_and_the_client_needs_no_server() -> None:
    bare = imported("import driftlog; dir(driftlog); driftlog.__version__")
    assert not bare & {"aiokafka", "msgspec", "orjson", "asyncio"}
    whole = imported("from driftlog import Capture, CaptureMiddleware")
    assert "aiokafka" in whole
    servers = {"stream", "detectors", "producers", "api", "numpy", "faust", "fastapi", "starlette"}
    assert not whole & servers
