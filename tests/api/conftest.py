"""One small model for the session, and a capture that only remembers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.flights import Flights, months
from api.model import FlightModel, Parameters, train
from api.service import create_app

ROOT = Path(__file__).resolve().parents[2]
CORRELATED = {"X-Correlation-ID": "req-7f3a"}
SMALL = Parameters(trees=5, leaf=50, rows=4_000)


@dataclass
class Remembering:
    """Stands in for ``driftlog.Capture``: what would have been sent, in order."""

    events: list[dict[str, Any]] = field(default_factory=list)
    labels: list[dict[str, Any]] = field(default_factory=list)

    def log(
        self,
        inputs: dict[str, Any],
        outputs: dict[str, Any] | None = None,
        *,
        segment: str | None = None,
        ts_ms: int | None = None,
        **rest: Any,
    ) -> str:
        event_id = f"event-{len(self.events)}"
        event = {"event_id": event_id, "inputs": inputs, "outputs": outputs}
        self.events.append({**event, "segment": segment, "ts_ms": ts_ms, **rest})
        return event_id

    def label(self, event_id: str, label: str, **more: Any) -> bool:
        self.labels.append({"event_id": event_id, "label": label, **more})
        return True

    async def aflush(self) -> bool:
        return True


@pytest.fixture(scope="session")
def winter() -> Flights:
    return months(1, 2)


@pytest.fixture(scope="session")
def march() -> Flights:
    return months(3)


@pytest.fixture(scope="session")
def small_model(winter: Flights) -> FlightModel:
    return train(winter, SMALL)


@pytest.fixture
def capture() -> Remembering:
    return Remembering()


@pytest.fixture
async def client(
    small_model: FlightModel, capture: Remembering
) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(small_model, capture)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


@dataclass(frozen=True)
class Service:
    """``python -m api`` as a process of its own, with its model loaded."""

    url: str
    process: subprocess.Popen[str]

    def stop(self) -> int:
        """Tell it to end, as a container's host would; its return code."""
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=60)
        assert "Traceback" not in errors
        return self.process.returncode


Start = Callable[..., Service]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the service with further options and environment; all end with the test."""
    with ExitStack() as ends:

        def started(*options: str, **environment: str) -> Service:
            command = [sys.executable, "-m", "api", "--port", "0", "--trees", "2"]
            process = subprocess.Popen(
                [*command, "--cache", str(tmp_path), *options],
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            ends.enter_context(process)
            ends.callback(process.kill)
            assert process.stdout is not None
            assert process.stderr is not None
            line = process.stdout.readline()
            assert " on " in line, process.stderr.read()
            while "model flight-delay version" not in (said := process.stderr.readline()):
                assert said, "it ended before its model was there"
            return Service(line.split(" on ")[1].split()[0], process)

        yield started
