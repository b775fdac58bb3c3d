"""A command as a process group of its own, and how it ends when it is told to."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from tests.e2e.waiting import eventually

__all__ = ["StartedCommand", "started_command"]

_ROOT: Final = Path(__file__).resolve().parents[2]
_MARK: Final = "CHAOS_MARK"  # in the environment of the process and of all that it starts
_LIMIT_S: Final = 60.0  # what has not ended by then is killed


class StartedCommand:
    """A process that may wait, work or end; `started_command` makes one."""

    def __init__(self, process: subprocess.Popen[bytes], mark: str, log: Path) -> None:
        self._process = process
        self._mark = mark
        self._log = log
        self._told_at = 0.0

    @property
    def output(self) -> str:
        """All that it has said, on both streams."""
        return self._log.read_text(errors="replace")

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    async def says(self, text: str) -> str:
        """Wait until it has said something; return the line.

        Raises:
            AssertionError: it ended without, or was silent for too long.
        """

        async def line() -> str | None:
            alive = self.alive
            found = next((one for one in self.output.splitlines() if text in one), None)
            assert found or alive, f"it ended without saying {text!r}:\n{self.output[-4000:]}"
            return found

        return await eventually(line, f"a line with {text!r}")

    async def loaded(self, library: str) -> None:
        """Wait until it has loaded a library: before, it is Python that starts, and not it."""

        async def there() -> bool:
            return not self.alive or library in self._maps()

        await eventually(there, f"{library} loaded")

    def _maps(self) -> str:
        return Path(f"/proc/{self._process.pid}/maps").read_text(errors="replace")

    def tell(self, number: signal.Signals) -> None:
        """Signal the whole group, as a terminal does for Ctrl-C, and start the clock."""
        self._told_at = self._told_at or time.monotonic()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    async def ended(self) -> tuple[int, float]:
        """Wait for the end; return the exit code, and the seconds since it was told."""
        with suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self._process.wait, _LIMIT_S)
        seconds = time.monotonic() - self._told_at
        self.clean_up()
        return self._process.returncode, seconds

    def others(self) -> list[int]:
        """Return the processes that it has started, or is, and that still run."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                status = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                held = (folder / "environ").read_bytes()
                if status != "Z" and f"{_MARK}={self._mark}".encode() in held.split(b"\0"):
                    found.append(int(folder.name))
        return found

    async def done(self) -> int:
        """Wait until it has come to its own end; return the exit code."""

        async def over() -> bool:
            return not self.alive

        await eventually(over, "the end of a command")
        return self._process.returncode

    def clean_up(self) -> None:
        """Kill what is left of it."""
        if self.alive:
            self._process.kill()
        self._process.wait()


@contextmanager
def started_command(
    arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[StartedCommand]:
    """Run ``python`` with the arguments inside the block; nothing of it is left afterwards.

    Args:
        arguments: such as ``["-m", "driftlog", "scan", "x.csv"]``.
        log: takes both streams.
        environment: ``DRIFTLOG_*`` and the like; no other ``DRIFTLOG_*`` gets through.
    """
    mark = uuid4().hex
    clean = {k: v for k, v in os.environ.items() if not k.startswith("DRIFTLOG_")}
    own = {"DRIFTLOG_CONFIG": os.devnull, "PYTHONUNBUFFERED": "1", _MARK: mark}
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell's background job ignores Ctrl-C, and so would all that it starts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=_ROOT,
            env={**clean, **own, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    command = StartedCommand(process, mark, log)
    try:
        yield command
    finally:
        command.clean_up()
        for left in command.others():
            with suppress(ProcessLookupError):
                os.kill(left, signal.SIGKILL)
