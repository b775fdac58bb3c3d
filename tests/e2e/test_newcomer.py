"""What the README tells a newcomer to do, done: from ten lines to a page that shows the service."""

from __future__ import annotations

import asyncio
import os
import random
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from driftlog.testing.embedded import EmbeddedBroker
from tests.architecture.imports import ROOT
from tests.e2e.deployment import deployed
from tests.e2e.waiting import DEADLINE, eventually

_RATE: Final = 60  # requests a second, or as many as the machine gets done
_END_S: Final = 30.0


def _service() -> str:
    """The service as the README has it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    part = readme.partition("## Watch your own service in ten lines")[2]
    return part.partition("```python\n")[2].partition("```")[0]


@asynccontextmanager
async def _started(
    arguments: list[str], environment: dict[str, str], folder: Path, says: str
) -> AsyncIterator[str]:
    """Run a program inside the block; gives its address as soon as it has told it."""
    log = folder / f"{says}.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *arguments), cwd=folder, env=environment, stdout=out, stderr=out
        )

    async def address() -> str | None:
        assert process.returncode is None, log.read_text()
        found = re.search(rf"{says}.* (http://[\d.]+:\d+)", log.read_text())
        return found and found[1]

    try:
        yield await eventually(address, f"the address of {says}")
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), _END_S)


async def test_ten_lines_in_a_service_and_the_console_shows_it(
    driftlog_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    (tmp_path / "service.py").write_text(_service(), encoding="utf-8")
    async with deployed(
        driftlog_broker, tmp_path, MODELS_LEARN_ROWS="300", STREAM_IDLE_AFTER="2s"
    ) as deployment:
        environment = {**os.environ, **deployment.environment, "PYTHONPATH": str(ROOT)}
        console_arguments = ["driftlog", "console", "--port", "0"]
        service_arguments = ["uvicorn", "service:app", "--port", "0"]
        await deployment.start()
        async with (
            _started(service_arguments, environment, tmp_path, "Uvicorn running on") as service,
            _started(console_arguments, environment, tmp_path, "driftlog console") as console,
            httpx.AsyncClient(timeout=60) as client,
        ):
            sizes = random.Random(0)

            async def ask() -> None:
                while True:
                    size = {"size": sizes.gauss(80, 10)}
                    answer = await client.post(f"{service}/price", json=size)
                    assert answer.json()["price"] == pytest.approx(3.1 * size["size"])
                    await asyncio.sleep(1 / _RATE)

            async def judged() -> Any:
                assert not asking.done(), asking.exception()
                rows = (await client.get(f"{console}/api/v1/fleet")).json()["rows"]
                return next((row for row in rows if row["state"] == "ok"), None)

            asking = asyncio.create_task(ask())
            try:
                row = await eventually(judged, "a row of the fleet that is well", DEADLINE)
                assert (row["model"], row["version"]) == ("prices", "1")
                page = await client.get(f"{console}{row['link']}")
                assert page.status_code == 200 and "prices" in page.text and "size" in page.text
            finally:
                asking.cancel()
