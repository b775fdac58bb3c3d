"""Worker and console as processes of their own, as in production."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from driftlog.errors import DriftlogError

__all__ = ["OwnProcess", "console", "worker"]

_START_S = 60.0  # compiling the detectors' kernels the first time takes its time
_STOP_S = 10.0
_LINES = 40  # of its output, shown when it ends by itself


class OwnProcess:
    """A running process: its address, and what it has said.

    Args:
        process: started.
        name: of it, for people.
        address: what stands before its address in its output.
        running: how the line ends that says that it runs; empty: the one with the address.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, name: str, address: str, running: str
    ) -> None:
        self.url = ""
        self.lines: list[str] = []
        self.running = asyncio.Event()
        self._process = process
        self._name = name
        self._address = address
        self._running = running

    async def read(self) -> None:
        """Read what it says, until it ends."""
        assert self._process.stdout is not None
        async for raw in self._process.stdout:
            line = raw.decode(errors="replace").rstrip()
            self.lines = [*self.lines[1 - _LINES :], line]
            if self._address in line:
                self.url = line.split(self._address, 1)[1].removesuffix("/metrics")
            if line.endswith(self._running) and self.url:
                self.running.set()

    async def failed(self) -> str:
        """Wait until it ends by itself; return why."""
        code = await self._process.wait()
        said = "\n".join(self.lines[-8:])
        return f"{self._name} ended by itself with code {code}:\n{said}"

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
async def worker(environment: Mapping[str, str]) -> AsyncIterator[OwnProcess]:
    """Run a worker inside the block; it is running when the block begins.

    Raises:
        DriftlogError: it ended, or was not running in time; shows what it said.
    """
    async with _own("worker", environment, "gauges at ", "worker: running") as found:
        yield found


@asynccontextmanager
async def console(environment: Mapping[str, str]) -> AsyncIterator[OwnProcess]:
    """Run a console inside the block; it listens when the block begins.

    Raises:
        DriftlogError: as of `worker`.
    """
    async with _own("console", environment, "console: on ", "") as found:
        yield found


@asynccontextmanager
async def _own(
    command: str, environment: Mapping[str, str], address: str, runs: str
) -> AsyncIterator[OwnProcess]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("DRIFTLOG_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "driftlog", command),
        env=clean | dict(environment) | {"DRIFTLOG_CONFIG": os.devnull, "PYTHONUNBUFFERED": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is ours to hand on, once and in order
    )
    found = OwnProcess(process, f"the {command}", address, runs)
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
            raise DriftlogError(f"the {command} was not running after {_START_S:.0f} s")
        yield found
    finally:
        for task in (failing, running):
            task.cancel()
        await found.stop()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
