"""What a client of the service, and the log behind it, can rely on."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
import pytest

from api.faults import Faults
from api.flights import FEATURES, Flights
from api.model import FlightModel
from api.service import create_app
from tests.api.conftest import CORRELATED, Remembering


@pytest.fixture(scope="module")
def records(march: Flights) -> list[dict[str, Any]]:
    return [dict(record) for record in march.take(slice(0, 20)).records()]


async def told(client: httpx.AsyncClient, path: str, words: str) -> httpx.Response:
    """The first answer of ``path`` that holds ``words``."""
    async with asyncio.timeout(60):
        while True:
            response = await client.get(path)
            if words in response.text:
                return response
            await asyncio.sleep(0)


def asking(app: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://service")


async def test_one_flight_gets_one_answer_and_one_event(
    client: httpx.AsyncClient,
    capture: Remembering,
    small_model: FlightModel,
    records: list[dict[str, Any]],
) -> None:
    response = await client.post("/predict", json=records[0], headers=CORRELATED)
    assert response.status_code == 200
    answer = response.json()
    expected = small_model.predict([records[0]])[0]
    assert answer == {
        "prediction": expected.prediction,
        "confidence": expected.confidence,
        "scores": expected.scores,
        "event_id": "event-0",
        "model": "flight-delay",
        "version": small_model.version,
        "correlation_id": "req-7f3a",
    }
    assert response.headers["X-Correlation-ID"] == "req-7f3a"
    assert capture.events == [
        {
            "event_id": "event-0",
            "inputs": records[0],
            "outputs": {
                "prediction": expected.prediction,
                "confidence": expected.confidence,
                "scores": expected.scores,
            },
            "segment": records[0]["origin"],
            "ts_ms": None,
            "model": "flight-delay",
            "version": small_model.version,
            "status": "ok",
            "correlation_id": "req-7f3a",
        }
    ]


async def test_many_flights_get_answers_in_their_order_under_one_id(
    client: httpx.AsyncClient,
    capture: Remembering,
    small_model: FlightModel,
    records: list[dict[str, Any]],
) -> None:
    response = await client.post("/predict", json={"instances": records}, headers=CORRELATED)
    answer = response.json()
    expected = small_model.predict(records)
    given = answer["predictions"]
    assert [one["scores"] for one in given] == [one.scores for one in expected]
    assert [one["event_id"] for one in given] == [event["event_id"] for event in capture.events]
    assert [event["inputs"] for event in capture.events] == records
    assert [event["segment"] for event in capture.events] == [one["origin"] for one in records]
    assert {event["correlation_id"] for event in capture.events} == {"req-7f3a"}
    assert answer["correlation_id"] == "req-7f3a"


async def test_a_request_without_an_id_is_given_one(
    client: httpx.AsyncClient, capture: Remembering
) -> None:
    response = await client.post("/predict", json={})
    made = response.json()["correlation_id"]
    assert made
    assert response.headers["X-Correlation-ID"] == made
    assert capture.events[0]["correlation_id"] == made


async def test_nulls_and_absent_features_are_answered_and_told_apart(
    client: httpx.AsyncClient, capture: Remembering
) -> None:
    for body in (dict.fromkeys(FEATURES), {}, {"temp": None, "origin": "JFK"}):
        response = await client.post("/predict", json=body)
        assert response.status_code == 200
        assert capture.events[-1]["inputs"] == body


async def test_an_unseen_carrier_is_answered(
    client: httpx.AsyncClient, capture: Remembering, records: list[dict[str, Any]]
) -> None:
    response = await client.post("/predict", json={**records[0], "carrier": "Zeppelin"})
    assert response.status_code == 200
    assert capture.events[0]["inputs"]["carrier"] == "Zeppelin"


async def test_a_replayed_flight_keeps_its_own_time(
    client: httpx.AsyncClient, capture: Remembering
) -> None:
    await client.post("/predict", json={"origin": "JFK", "ts_ms": 1_362_114_000_000})
    assert capture.events[0]["ts_ms"] == 1_362_114_000_000
    assert "ts_ms" not in capture.events[0]["inputs"]
    many = {"instances": [{"ts_ms": 1_000}, {}]}
    await client.post("/predict", json=many)
    assert capture.events[1]["ts_ms"] == 1_000
    assert capture.events[2]["ts_ms"] is None  # the present, as the log takes it


async def test_a_label_goes_to_the_log(client: httpx.AsyncClient, capture: Remembering) -> None:
    truth = {"event_id": "event-0", "label": "late", "correlation_id": "req-1", "ts_ms": 5}
    response = await client.post("/labels", json=truth)
    assert (response.status_code, response.json()) == (
        202,
        {"event_id": "event-0", "accepted": True},
    )
    assert capture.labels == [truth]
    refused = await client.post("/labels", json={"event_id": "event-0", "label": "early"})
    assert refused.status_code == 422
    assert "label:" in refused.json()["detail"]
    assert len(capture.labels) == 1
    assert not capture.events  # a refused label is no failed prediction


async def test_without_capture_it_predicts_and_takes_no_labels(small_model: FlightModel) -> None:
    async with asking(create_app(small_model)) as client:
        answer = await client.post("/predict", json={}, headers=CORRELATED)
        assert answer.json()["event_id"] is None
        assert answer.json()["correlation_id"] == "req-7f3a"
        refused = await client.post("/labels", json={"event_id": "a", "label": "late"})
        assert refused.status_code == 503
        assert "capture" in refused.json()["detail"]


class Broken:
    """A model whose answers fail with something that nobody outside should read."""

    name, version = "flight-delay", "broken"

    def predict(self, records: object) -> Any:
        raise RuntimeError("password=hunter2")


async def test_an_unexpected_error_shows_nothing_of_the_inside(
    capture: Remembering, caplog: pytest.LogCaptureFixture
) -> None:
    broken: Any = Broken()
    async with asking(create_app(broken, capture)) as client:
        response = await client.post("/predict", json={"origin": "LGA"}, headers=CORRELATED)
    assert response.status_code == 500
    assert response.json()["error"] == "internal error"
    assert response.json()["correlation_id"] == "req-7f3a"
    assert "hunter2" not in response.text
    assert "hunter2" in caplog.text
    assert "req-7f3a" in caplog.text
    assert [(event["status"], event["inputs"]) for event in capture.events] == [
        ("error", {"origin": "LGA"})
    ]


async def test_alive_at_once_and_ready_when_the_model_is_there(small_model: FlightModel) -> None:
    loaded = threading.Event()

    def slow() -> FlightModel:
        loaded.wait()
        return small_model

    app = create_app(slow)
    async with app.router.lifespan_context(app), asking(app) as client:
        try:
            assert (await client.get("/healthz")).status_code == 200
            waiting = await client.get("/readyz")
            assert waiting.status_code == 503
            assert waiting.json()["detail"] == "the model is being loaded"
            early = await client.post("/predict", json={})
            assert early.status_code == 503
            assert early.headers["Retry-After"] == "1"
        finally:
            loaded.set()
        ready = await told(client, "/readyz", '"status":"ready"')
        assert ready.json() == {
            "status": "ready",
            "model": "flight-delay",
            "version": small_model.version,
        }
        assert (await client.post("/predict", json={})).status_code == 200


async def test_a_model_that_cannot_be_loaded_leaves_it_alive_and_not_ready() -> None:
    def failing() -> FlightModel:
        raise RuntimeError("no disk")

    app = create_app(failing)
    async with app.router.lifespan_context(app), asking(app) as client:
        waiting = await told(client, "/readyz", "could not be loaded")
        assert waiting.status_code == 503
        assert "no disk" not in waiting.text
        assert (await client.get("/healthz")).status_code == 200


async def test_faults_are_felt_and_end(small_model: FlightModel, capture: Remembering) -> None:
    faults = Faults()
    async with asking(create_app(small_model, capture, faults=faults)) as client:
        faults.outage = True
        assert (await client.post("/predict", json={})).status_code == 503
        assert (await client.get("/readyz")).status_code == 503
        assert not capture.events  # nobody was there to log it
        faults.outage = False
        faults.error_share = 1.0
        assert (await client.post("/predict", json={})).status_code == 500
        faults.error_share = 0.5
        codes = [(await client.post("/predict", json={})).status_code for _ in range(60)]
        assert 10 < codes.count(500) < 50
        assert set(codes) == {200, 500}
        faults.error_share = 0.0
        assert (await client.post("/predict", json={})).status_code == 200
    statuses = [event["status"] for event in capture.events]
    assert statuses.count("error") == 1 + codes.count(500)
    assert len(statuses) == 62


async def test_a_delayed_request_holds_up_no_other(small_model: FlightModel) -> None:
    faults = Faults(delay_s=3600.0)
    async with asking(create_app(small_model, faults=faults)) as client:
        held = asyncio.create_task(client.post("/predict", json={}))
        await told(client, "/metrics", "api_requests_in_flight 2.0")
        assert (await client.get("/readyz")).status_code == 200
        assert not held.done()
        held.cancel()
        with pytest.raises(asyncio.CancelledError):
            await held
        assert "api_requests_in_flight 1.0" in (await client.get("/metrics")).text


async def test_the_documentation_names_every_feature_and_both_forms(
    client: httpx.AsyncClient,
) -> None:
    schema = (await client.get("/openapi.json")).json()
    assert set(schema["components"]["schemas"]["Flight"]["properties"]) == {*FEATURES, "ts_ms"}
    body = schema["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert {one["$ref"].rsplit("/", 1)[1] for one in body["schema"]["oneOf"]} == {
        "Flight",
        "Flights",
    }
    assert {"200", "422", "500", "503"} <= set(schema["paths"]["/predict"]["post"]["responses"])
