"""The service's metrics move with what it does, and only as many as can be counted."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from api.model import FlightModel
from api.service import create_app
from tests.api.conftest import Remembering

NAMES = {
    "api_requests": "counter",
    "api_request_duration_seconds": "histogram",
    "api_requests_in_flight": "gauge",
    "api_errors": "counter",
    "api_predictions": "counter",
    "api_prediction_confidence_ratio": "histogram",
    "api_labels": "counter",
    "api_model_info": "gauge",
}
Sample = Callable[..., float | None]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def client(
    small_model: FlightModel, capture: Remembering, registry: CollectorRegistry
) -> httpx.AsyncClient:
    app = create_app(small_model, capture, registry=registry)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://service")


@pytest.fixture
def sample(registry: CollectorRegistry) -> Sample:
    def read(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    return read


async def test_the_metrics_are_these(client: httpx.AsyncClient) -> None:
    text = (await client.get("/metrics")).text
    families = {one.name: one.type for one in text_string_to_metric_families(text)}
    assert families == NAMES
    assert "_created" not in text


async def test_rate_errors_and_duration_move(client: httpx.AsyncClient, sample: Sample) -> None:
    assert sample("api_requests_total", endpoint="/predict", status="5xx") == 0
    for _ in range(3):
        await client.post("/predict", json={})
    await client.post("/predict", json={"temp": "warm"})
    assert sample("api_requests_total", endpoint="/predict", status="2xx") == 3
    assert sample("api_requests_total", endpoint="/predict", status="4xx") == 1
    assert sample("api_request_duration_seconds_count", endpoint="/predict") == 4
    assert sample("api_errors_total", kind="validation") == 1
    assert sample("api_errors_total", kind="exception") == 0
    assert sample("api_requests_in_flight") == 0


async def test_predictions_are_counted_by_class_with_their_confidence(
    client: httpx.AsyncClient, sample: Sample
) -> None:
    body = {"instances": [{}, {"sched_dep_min": 1_200.0}, {"sched_dep_min": 360.0}]}
    given = (await client.post("/predict", json=body)).json()["predictions"]
    for name in ("late", "on_time"):
        expected = sum(one["prediction"] == name for one in given)
        assert sample("api_predictions_total", prediction=name) == expected
    assert sample("api_prediction_confidence_ratio_count") == 3
    total = sample("api_prediction_confidence_ratio_sum")
    assert total == pytest.approx(sum(one["confidence"] for one in given))


async def test_labels_and_the_model_are_told(
    client: httpx.AsyncClient, sample: Sample, small_model: FlightModel
) -> None:
    await client.post("/labels", json={"event_id": "a", "label": "late"})
    assert sample("api_labels_total") == 1
    assert sample("api_model_info", model="flight-delay", version=small_model.version) == 1


async def test_invented_paths_make_no_new_series(client: httpx.AsyncClient, sample: Sample) -> None:
    for path in ("/a", "/b", "/predict/c"):
        assert (await client.get(path)).status_code == 404
    assert (await client.get("/predict")).status_code == 405
    assert sample("api_requests_total", endpoint="other", status="4xx") == 3
    assert sample("api_requests_total", endpoint="/predict", status="4xx") == 1


async def test_a_failure_that_nobody_foresaw_counts_as_5xx(
    registry: CollectorRegistry, sample: Sample, small_model: FlightModel
) -> None:
    app = create_app(small_model, registry=registry)

    async def fail() -> None:
        raise RuntimeError("password=hunter2")

    app.add_api_route("/fail", fail)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        response = await client.get("/fail")
    assert response.status_code == 500
    assert response.json()["error"] == "internal error"
    assert "hunter2" not in response.text
    assert sample("api_requests_total", endpoint="/fail", status="5xx") == 1
    assert sample("api_errors_total", kind="exception") == 1
    assert sample("api_requests_in_flight") == 0


async def test_a_reader_of_openmetrics_gets_openmetrics(client: httpx.AsyncClient) -> None:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    response = await client.get("/metrics", headers=accept)
    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")


async def test_two_apps_count_apart(small_model: FlightModel) -> None:
    texts = []
    for requests in (0, 2):
        app = create_app(small_model)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            for _ in range(requests):
                await client.post("/predict", json={})
            texts.append((await client.get("/metrics")).text)
    counted = 'api_requests_total{endpoint="/predict",status="2xx"}'
    assert f"{counted} 0.0" in texts[0]
    assert f"{counted} 2.0" in texts[1]


async def test_a_duration_shows_the_correlation_id_of_a_request(
    client: httpx.AsyncClient,
) -> None:
    headers = {"x-correlation-id": "req-7"}
    await client.get("/healthz", headers=headers)
    accepted = {"accept": "application/openmetrics-text; version=1.0.0"}
    text = (await client.get("/metrics", headers=accepted)).text
    (line,) = [one for one in text.splitlines() if "req-7" in one]
    assert line.startswith('api_request_duration_seconds_bucket{endpoint="/healthz"')
    assert '# {correlation_id="req-7"}' in line
