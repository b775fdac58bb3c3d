"""``driftlog worker`` as a process of its own, as in production."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.gauges import Gauges
from tests.e2e.waiting import DEADLINE, eventually

__all__ = ["WorkerProcess", "worker_process"]

_ROOT = Path(__file__).resolve().parents[2]
_URL = re.compile(r"gauges at (http://\S+)/metrics")
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_END_S = 30.0  # a worker that is asked to end, ends within it


class WorkerProcess:
    """A worker under test; `worker_process` makes one."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.url = ""
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def log(self) -> str:
        """All that it has said."""
        return self._log.read_text(errors="replace")

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    async def state(self) -> dict[str, Any]:
        """What ``/readyz`` tells."""
        told: dict[str, Any] = (await self._get("/readyz")).json()
        return told

    async def gauges(self) -> Gauges:
        """What ``/metrics`` tells."""
        return Gauges((await self._get("/metrics")).text)

    async def _get(self, path: str) -> httpx.Response:
        # Without certificates, whose reading takes longer than all else.
        async with httpx.AsyncClient(verify=_NO_TLS, timeout=20) as client:
            return await client.get(self.url + path)

    async def ready(self, within: float = DEADLINE) -> None:
        """Wait until it answers that it is ready.

        Raises:
            AssertionError: it ended, or was not ready in time.
        """

        async def listening() -> bool:
            assert self.alive, f"the worker ended by itself:\n{self.log}"
            found = _URL.search(self.log)
            self.url = found[1] if found else ""
            return bool(self.url)

        async def answers() -> bool:
            assert self.alive, f"the worker ended by itself:\n{self.log}"
            with contextlib.suppress(httpx.HTTPError):  # a busy machine
                return bool((await self.state())["ready"])
            return False

        await eventually(listening, "the worker's first line", within)
        await eventually(answers, "a worker that is ready", within)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; return the exit code, minus the signal's number."""
        if self.alive:
            self._process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return await asyncio.to_thread(self._process.wait, _END_S)
        self._process.kill()
        self._process.wait()
        raise AssertionError(f"the worker did not end within {_END_S:.0f} s:\n{self.log}")


@asynccontextmanager
async def worker_process(
    environment: Mapping[str, str], log: Path, *arguments: str, within: float = DEADLINE
) -> AsyncIterator[WorkerProcess]:
    """Run a worker inside the block, ready when the block begins; its log is shown on failure."""
    process = _started(environment, log, arguments)
    worker = WorkerProcess(process, log)
    try:
        await worker.ready(within)
        yield worker
    except BaseException:
        print(f"---- the worker {worker.pid} said:\n{worker.log}\n----")
        raise
    finally:
        await worker.stop()


def _started(
    environment: Mapping[str, str], log: Path, arguments: tuple[str, ...]
) -> subprocess.Popen[bytes]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("DRIFTLOG_")}
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "driftlog", "worker", "--log-level", "info", *arguments],
            cwd=_ROOT,
            env={**clean, **environment, "DRIFTLOG_CONFIG": os.devnull, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
