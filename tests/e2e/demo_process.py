"""``driftlog demo`` as a process of its own, in a terminal's process group of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

__all__ = ["DemoProcess", "demo_process"]

_ROOT: Final = Path(__file__).resolve().parents[2]
_MARK: Final = "E2E_DEMO"  # in the environment of the demo and of all that it starts


class DemoProcess:
    """A demo under test; `demo_process` makes one."""

    def __init__(
        self, process: subprocess.Popen[bytes], mark: str, out: Path, progress: Path
    ) -> None:
        self._process = process
        self._mark = mark
        self._out = out
        self._progress = progress

    @property
    def progress(self) -> str:
        """What it has told of its progress."""
        return self._progress.read_text(errors="replace")

    @property
    def summary(self) -> dict[str, Any]:
        """What it has told at its end."""
        found: dict[str, Any] = json.loads(self._out.read_text())
        return found

    def until(self, said: str, within: float) -> None:
        """Wait until it has said something, or has ended."""
        deadline = time.monotonic() + within
        while said not in self.progress and self._process.poll() is None:
            assert time.monotonic() < deadline, f"{said!r}: not within {within} s; {self.progress}"
            time.sleep(0.05)

    def interrupt(self) -> None:
        """Press Ctrl-C: the signal goes to the whole process group, as a terminal sends it."""
        os.killpg(self._process.pid, signal.SIGINT)

    def wait(self, within: float) -> int:
        """Wait for the end; return the exit code."""
        return self._process.wait(within)

    def others(self) -> list[str]:
        """Return the processes that it has started and that still run."""
        listed = subprocess.run(
            ["ps", "eww", "-A", "-o", "pid=,command="], capture_output=True, check=True
        ).stdout.decode(errors="replace")
        mine = f"{_MARK}={self._mark}"
        return [line.strip()[:160] for line in listed.splitlines() if mine in line]


@contextmanager
def demo_process(
    folder: Path, environment: Mapping[str, str] | None = None, *arguments: str
) -> Iterator[DemoProcess]:
    """Run ``driftlog demo --json`` inside the block; what is left of it at the end is killed."""
    mark = uuid4().hex
    clean = {k: v for k, v in os.environ.items() if not k.startswith("DRIFTLOG_")}
    out, progress = folder / f"{mark}.json", folder / f"{mark}.txt"
    with out.open("wb") as to_out, progress.open("wb") as to_progress:
        process = subprocess.Popen(
            [sys.executable, "-m", "driftlog", "demo", "--json", *arguments],
            cwd=_ROOT,
            env={**clean, **(environment or {}), _MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=to_out,
            stderr=to_progress,
            process_group=0,
        )
    demo = DemoProcess(process, mark, out, progress)
    try:
        yield demo
    except BaseException:
        print(demo.progress)
        raise
    finally:
        for line in demo.others():
            with suppress(ProcessLookupError):
                os.kill(int(line.split()[0]), signal.SIGKILL)
        process.wait()
