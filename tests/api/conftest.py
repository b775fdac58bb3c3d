"""One small model for the session, and a capture that only remembers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from api.flights import Flights, months
from api.model import FlightModel, Parameters, train
from api.service import create_app

SMALL = Parameters(trees=5, leaf=50, rows=4_000)


@dataclass
class Remembering:
    """Stands in for ``driftlog.Capture``: what would have been sent, in order."""

    events: list[dict[str, Any]] = field(default_factory=list)
    labels: list[dict[str, Any]] = field(default_factory=list)

    def log(
        self,
        inputs: list[dict[str, Any]],
        outputs: list[dict[str, Any]] | None = None,
        *,
        segment: list[str | None] | None = None,
        ts_ms: list[int] | None = None,
        **shared: Any,
    ) -> list[str]:
        first = len(self.events)
        for index, one in enumerate(inputs):
            event = {
                "event_id": f"event-{first + index}",
                "inputs": one,
                "outputs": outputs[index] if outputs is not None else None,
                "segment": segment[index] if segment is not None else None,
                "ts_ms": ts_ms[index] if ts_ms is not None else None,
                **shared,
            }
            self.events.append(event)
        return [event["event_id"] for event in self.events[first:]]

    def label(self, event_id: str, label: str, **more: Any) -> bool:
        self.labels.append({"event_id": event_id, "label": label, **more})
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
