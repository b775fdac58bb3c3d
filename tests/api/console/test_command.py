"""``driftlog console`` as a process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx

from driftlog.testing.embedded import EmbeddedBroker
from tests.api.console.broker_log import console_settings, write
from tests.api.console.samples import story

ROOT = Path(__file__).resolve().parents[3]
WITHIN = 90.0  # seconds


@asynccontextmanager
async def command(*arguments: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("DRIFTLOG_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "driftlog", "console", *arguments),
        env={**clean, **environment, "DRIFTLOG_CONFIG": os.devnull, "PYTHONUNBUFFERED": "1"},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_it_says_where_it_is_and_ends_when_told_though_somebody_looks_on(
    driftlog_broker: EmbeddedBroker,
) -> None:
    settings = console_settings(driftlog_broker, f"console-{uuid4().hex[:12]}.")
    await write(settings, story())
    where = {
        "DRIFTLOG_KAFKA": settings.kafka.bootstrap,
        "DRIFTLOG_KAFKA_PREFIX": settings.kafka.prefix,
    }
    async with asyncio.timeout(WITHIN), command("--port", "0", **where) as process:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        assert line.startswith("driftlog console: on http://127.0.0.1:")
        url = line.split()[-1]
        async with (
            httpx.AsyncClient(timeout=WITHIN) as client,
            client.stream("GET", f"{url}/stream?page=/") as stream,
        ):
            lines = stream.aiter_lines()
            while "sections" not in await anext(lines):
                pass
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
        assert await process.stdout.read() == b"", "nothing was worth a word"


async def test_an_address_that_others_reach_is_refused_while_nobody_asks_who_is_calling() -> None:
    async with asyncio.timeout(WITHIN), command("--host", "0.0.0.0", "--port", "0") as process:
        said, _ = await process.communicate()
        assert process.returncode == 2
        assert b"http.tokens" in said
        assert b"Traceback" not in said
