"""What the service writes is what the wire contract says, on every kind of broker."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from api.flights import Flights
from api.model import FlightModel
from api.service import create_app
from driftlog.capture import Capture
from driftlog.records import Event, Label
from driftlog.serving import running
from driftlog.settings import load_settings
from driftlog.testing.cluster import Broker
from driftlog.testing.topic_factory import TopicFactory
from tests.api.event_log import records


@pytest.fixture
def settings(broker: Broker, topic: TopicFactory) -> Any:
    overrides = {"kafka.bootstrap": broker.bootstrap, "kafka.prefix": topic.prefix}
    return load_settings(environ={}, overrides=overrides)


async def test_requests_and_truths_become_records_that_meet(
    broker: Broker, topic: TopicFactory, settings: Any, small_model: FlightModel, march: Flights
) -> None:
    events, labels = topic("events", 4), topic("labels", 4)
    flights = march.take(slice(0, 3))
    bodies: list[dict[str, Any]] = [
        {**record, "ts_ms": ts_ms}
        for record, ts_ms in zip(flights.records(), flights.ts_ms.tolist(), strict=True)
    ]
    before_ms = time.time_ns() // 1_000_000
    async with (
        Capture(settings) as capture,
        running(create_app(small_model, capture)) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        answers = (await client.post("/predict", json={"instances": bodies})).json()
        bad = await client.post("/predict", json={"temp": "warm", "origin": "JFK"})
        for one, label in zip(answers["predictions"], flights.labels(), strict=True):
            truth = {
                "event_id": one["event_id"],
                "correlation_id": answers["correlation_id"],
                "label": label,
            }
            assert (await client.post("/labels", json=truth)).json()["accepted"]
    written = await records(broker.bootstrap, events, 4, Event)
    truths = await records(broker.bootstrap, labels, 3, Label)

    live = [event for _, event in written if event.status == "ok"]
    assert [event.inputs for event in live] == flights.records()
    assert [event.ts_ms for event in live] == flights.ts_ms.tolist()
    assert [event.segment for event in live] == flights.inputs["origin"].tolist()
    assert [event.event_id for event in live] == [one["event_id"] for one in answers["predictions"]]
    for event, one in zip(live, answers["predictions"], strict=True):
        assert (event.model, event.version) == ("flight-delay", small_model.version)
        assert event.correlation_id == answers["correlation_id"]
        assert event.latency_ms is not None
        assert event.latency_ms > 0
        assert event.outputs is not None
        assert event.outputs.prediction == one["prediction"]
        assert event.outputs.confidence == one["confidence"]
        assert event.outputs.scores == one["scores"]

    (refused,) = [event for _, event in written if event.status != "ok"]
    assert (refused.status, refused.outputs) == ("rejected", None)
    assert refused.inputs == {"temp": "warm", "origin": "JFK"}
    assert refused.correlation_id == bad.json()["correlation_id"]
    assert refused.ts_ms >= before_ms

    assert [truth.event_id for _, truth in truths] == [event.event_id for event in live]
    assert [truth.label for _, truth in truths] == flights.labels()
    # One key: a label lies in the partition of its event, in the other topic.
    assert {place for place, _ in truths} == {
        place for place, event in written if event.status == "ok"
    }
