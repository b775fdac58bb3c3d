"""The worker as a process of its own, as in production."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from driftlog.errors import DriftlogError

__all__ = ["WorkerProcess", "worker"]

_START_S = 60.0  # compiling the detectors' kernels the first time takes its time
_STOP_S = 10.0
_LINES = 40  # of its output, shown when it ends by itself


class WorkerProcess:
    """A running worker: where its gauges are, and what it has said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.url = ""
        self.lines: list[str] = []
        self.running = asyncio.Event()
        self._process = process

    async def read(self) -> None:
        """Read what it says, until it ends."""
        assert self._process.stdout is not None
        async for raw in self._process.stdout:
            line = raw.decode(errors="replace").rstrip()
            self.lines = [*self.lines[1 - _LINES :], line]
            if "gauges at " in line:
                self.url = line.split("gauges at ", 1)[1].removesuffix("/metrics")
            if line.endswith("worker: running"):
                self.running.set()

    async def failed(self) -> str:
        """Wait until it ends by itself; return why."""
        code = await self._process.wait()
        said = "\n".join(self.lines[-8:])
        return f"the worker ended by itself with code {code}:\n{said}"

    async def stop(self) -> None:
        """End it; it is asked first."""
        if self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def worker(environment: Mapping[str, str]) -> AsyncIterator[WorkerProcess]:
    """Run a worker inside the block; it is running when the block begins.

    Raises:
        DriftlogError: it ended, or was not running in time; shows what it said.
    """
    clean = {k: v for k, v in os.environ.items() if not k.startswith("DRIFTLOG_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "driftlog", "worker"),
        env=clean | dict(environment) | {"DRIFTLOG_CONFIG": os.devnull},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is ours to hand on, once and in order
    )
    found = WorkerProcess(process)
    reading = asyncio.create_task(found.read())
    failing = asyncio.create_task(found.failed())
    running = asyncio.create_task(found.running.wait())
    try:
        done, _ = await asyncio.wait(
            {failing, running}, timeout=_START_S, return_when=asyncio.FIRST_COMPLETED
        )
        if failing in done:
            raise DriftlogError(failing.result())
        if not done:
            raise DriftlogError(f"the worker was not running after {_START_S:.0f} s")
        yield found
    finally:
        for task in (failing, running):
            task.cancel()
        await found.stop()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
