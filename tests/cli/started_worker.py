"""``driftlog worker`` as a process, whatever becomes of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

__all__ = ["DEADLINE_S", "StartedWorker", "started_worker"]

_ROOT: Final = Path(__file__).resolve().parents[2]
_URL: Final = re.compile(r"gauges at (http://\S+)/metrics")
DEADLINE_S: Final = 240.0  # what takes so long has failed, on a busy machine too


class StartedWorker:
    """A worker that may wait, run, fail or end; `started_worker` makes one."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.lines: list[str] = []
        self._process = process
        self._news = threading.Condition()
        self._over = False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self.lines.append(line.rstrip())
                self._news.notify_all()
        with self._news:
            self._over = True
            self._news.notify_all()

    def says(self, text: str) -> str:
        """Wait for a line with the text and return it.

        Raises:
            AssertionError: the worker ended without it, or was silent for too long.
        """

        def found() -> str | None:
            return next((line for line in self.lines if text in line), None)

        with self._news:
            self._news.wait_for(lambda: found() is not None or self._over, DEADLINE_S)
            line = found()
        assert line is not None, f"no line with {text!r} in:\n{self.output}"
        return line

    @property
    def output(self) -> str:
        """All that it has said."""
        return "\n".join(self.lines)

    @property
    def url(self) -> str:
        """Of its port."""
        match = _URL.search(self.says("gauges at"))
        assert match is not None
        return match[1]

    def get(self, path: str) -> httpx.Response:
        """Ask its port."""
        return httpx.get(f"{self.url}{path}", timeout=30)

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something holds, looking ten times a second; the worker must stay alive.

        Raises:
            AssertionError: it did not in time, or the worker ended.
        """
        deadline = time.monotonic() + DEADLINE_S
        while not holds():
            with self._news:
                self._news.wait_for(lambda: self._over, 0.1)
            assert not self._over, f"waiting for {what}, the worker ended:\n{self.output}"
            assert time.monotonic() < deadline, f"{what}: not in time\n{self.output}"

    def ready(self) -> None:
        """Wait until ``/readyz`` says so."""
        self.says("gauges at")
        self.until(lambda: self.get("/readyz").status_code == 200, "a worker that is ready")

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def ended(self, within: float = DEADLINE_S) -> int:
        """Wait for its end; return the exit code, minus the signal's number if it was killed.

        Raises:
            AssertionError: it did not end in time.
        """
        try:
            code = self._process.wait(within)
        except subprocess.TimeoutExpired as exc:
            raise AssertionError(f"it did not end within {within:g} s:\n{self.output}") from exc
        self._reader.join()
        return code

    def clean_up(self) -> None:
        """Leave nothing behind, however the test went."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def started_worker(environment: Mapping[str, str], *arguments: str) -> Iterator[StartedWorker]:
    """Start a worker on a free port; it ends with the block at the latest."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("DRIFTLOG_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "driftlog", "worker", *arguments],
        cwd=_ROOT,
        env={
            **clean,
            "DRIFTLOG_WORKER_PORT": "0",
            "DRIFTLOG_CONFIG": os.devnull,
            "PYTHONUNBUFFERED": "1",
            **environment,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    worker = StartedWorker(process)
    try:
        yield worker
    finally:
        worker.clean_up()
