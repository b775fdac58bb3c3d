"""A service that logs every request with the capture client, and watches how long that takes.

Its own process: nothing else of a row runs in its interpreter.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from driftlog.capture import Capture
from driftlog.testing.events import EventFactory
from driftlog.topics import TopicSpec

__all__ = ["PER_SECOND", "CapturedService", "Second", "captured_service", "p99", "topics"]

_ROOT: Final = Path(__file__).resolve().parents[2]
_BUFFER: Final = 2_000  # records: ten seconds of the rate below
PER_SECOND: Final = 200
_FLUSH_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Second:
    """What a second of the service was like; counts are of its life."""

    at: float  # seconds since 1970
    logged: int
    sent: int
    dropped: int
    failed: int
    buffered: int
    took_us: list[float]  # each call of `log`


def p99(took_us: list[float]) -> float:
    """Return the 99th percentile; 0 of nothing."""
    return sorted(took_us)[int(0.99 * len(took_us))] if took_us else 0.0


class CapturedService:
    """The process; `captured_service` makes one."""

    def __init__(self, process: subprocess.Popen[bytes], told: Path, log: Path) -> None:
        self._process = process
        self._told = told
        self._log = log

    @property
    def seconds(self) -> list[Second]:
        """All so far; the last one, after the end, with the buffers flushed."""
        lines = self._told.read_text().splitlines(keepends=True)
        return [Second(**json.loads(line)) for line in lines if line.endswith("\n")]

    def between(self, began: float, ended: float) -> list[float]:
        """Return how long each call took in the seconds that lie whole in a span."""
        found = [one for one in self.seconds if began + 1 <= one.at <= ended]
        return [took for one in found for took in one.took_us]

    @property
    def log(self) -> list[str]:
        """What has been logged by the client and by what it uses."""
        return self._log.read_text(errors="replace").splitlines()

    async def end(self) -> Second:
        """Tell it to end; return its last account."""
        self._process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(self._process.wait, _FLUSH_S + 30)
        assert code == 0, f"the service ended with {code}: {self.log[-5:]}"
        return self.seconds[-1]

    def clean_up(self) -> None:
        """Leave nothing behind, however the run went."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


@asynccontextmanager
async def captured_service(bootstrap: str, prefix: str) -> AsyncIterator[CapturedService]:
    """Run a service that logs 200 requests a second inside the block."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("DRIFTLOG_")}
    with tempfile.TemporaryDirectory(prefix="driftlog-chaos-") as temporary:
        told, log = Path(temporary) / "told", Path(temporary) / "log"
        with told.open("wb") as out, log.open("wb") as err:
            process = subprocess.Popen(  # noqa: ASYNC220  # it returns at once
                [sys.executable, "-m", "tests.chaos.captured_service", bootstrap, prefix],
                cwd=_ROOT,
                env={**clean, "DRIFTLOG_CONFIG": os.devnull},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        service = CapturedService(process, told, log)
        try:
            yield service
        finally:
            service.clean_up()


def topics(prefix: str) -> list[TopicSpec]:
    """Return the topics that a captured service writes to."""
    return [
        TopicSpec(f"{prefix}{name}", "of a captured service", 4) for name in ("events", "labels")
    ]


def _main(bootstrap: str, prefix: str) -> None:
    """Log at a steady rate until told to end."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    logging.basicConfig(
        level="WARNING", stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s"
    )
    capture = Capture(
        bootstrap=bootstrap, prefix=prefix, model="captured", version="1", buffer=_BUFFER
    )
    events = [EventFactory("captured", seed=1).event() for _ in range(100)]
    took_us: list[float] = []
    logged = 0
    began = second = time.monotonic()
    while not ended.is_set():
        event = events[logged % len(events)]
        before = time.perf_counter()
        capture.log(event["inputs"], event["outputs"])
        took_us.append(round(1e6 * (time.perf_counter() - before), 1))
        logged += 1
        now = time.monotonic()
        if now - second >= 1.0:
            _tell(capture, logged, took_us)
            took_us, second = [], now
        ended.wait(max(0.0, began + logged / PER_SECOND - now))
    capture.flush(_FLUSH_S)
    capture.close(0)
    _tell(capture, logged, took_us)


def _tell(capture: Capture, logged: int, took_us: list[float]) -> None:
    counts = capture.counts
    line = {
        "at": time.time(),
        "logged": logged,
        "sent": counts.sent,
        "dropped": counts.dropped,
        "failed": counts.failed,
        "buffered": counts.buffered,
        "took_us": took_us,
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
