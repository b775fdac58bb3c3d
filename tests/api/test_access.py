"""Who may ask the service, and what it says to whom it does not know."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import httpx
import pytest

from api.model import FlightModel
from api.service import create_app
from driftlog.serving import Policy
from driftlog.serving.headers import SECURITY_HEADERS
from driftlog.settings import CATALOGUE, HttpSettings
from driftlog.testing.embedded import EmbeddedBroker
from driftlog.testing.topic_factory import TopicFactory
from tests.api.conftest import ROOT, Remembering, Start

TOKEN = "t0k3n-" * 4
BEARER = {"authorization": f"Bearer {TOKEN}"}


def service(model: FlightModel, capture: Remembering, **http: object) -> httpx.AsyncClient:
    policy = Policy.of(HttpSettings(tokens=(TOKEN,), **http))  # type: ignore[arg-type]
    transport = httpx.ASGITransport(create_app(model, capture, policy=policy))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def test_only_the_probes_answer_whom_the_service_does_not_know(
    small_model: FlightModel, capture: Remembering
) -> None:
    async with service(small_model, capture) as client:
        for path in ("/healthz", "/readyz"):
            assert (await client.get(path)).status_code == 200
        for path in ("/metrics", "/openapi.json", "/docs", "/nowhere"):
            assert (await client.get(path)).status_code == 401
        assert (await client.post("/predict", json={"origin": "JFK"})).status_code == 401
        assert (await client.post("/labels", json={})).status_code == 401
        assert capture.events == []
        answer = await client.post("/predict", json={"origin": "JFK"}, headers=BEARER)
        assert answer.status_code == 200
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        told = (await client.get("/metrics", headers=BEARER)).text
        assert 'api_errors_total{kind="refused"} 6.0' in told
        assert 'api_requests_total{endpoint="other",status="4xx"}' in told


async def test_an_error_that_nobody_foresaw_tells_nothing_and_has_the_headers_too(
    small_model: FlightModel, capture: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object, **_named: object) -> None:
        raise RuntimeError("hunter2")

    app = create_app(small_model, capture, policy=Policy.of(HttpSettings()))
    monkeypatch.setattr("api.service.choose_encoder", broken)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers.get_list(name.decode()) == [value.decode()]


async def test_a_body_beyond_the_bound_costs_no_parsing_and_no_event(
    small_model: FlightModel, capture: Remembering
) -> None:
    async with service(small_model, capture, max_body_bytes=2_000) as client:
        body = {"instances": [{"origin": "JFK"}] * 200}
        assert (await client.post("/predict", json=body, headers=BEARER)).status_code == 413
        assert capture.events == []


async def test_no_page_of_the_service_runs_what_another_server_sends(
    small_model: FlightModel, capture: Remembering
) -> None:
    async with service(small_model, capture) as client:
        for path in ("/docs", "/redoc"):
            assert (await client.get(path, headers=BEARER)).status_code == 404


def test_the_command_refuses_an_address_that_others_reach_without_credentials() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "api", "--host", "0.0.0.0", "--port", "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert "'--host' holds '0.0.0.0'" in ended.stderr
    assert "http.tokens (DRIFTLOG_HTTP_TOKENS)" in ended.stderr


@pytest.mark.skipif(os.name != "posix", reason="0.0.0.0 is reached by 127.0.0.1 on POSIX")
def test_with_a_token_the_command_serves_there_and_asks_for_it(start: Start) -> None:
    served = start("--host", "0.0.0.0", DRIFTLOG_HTTP_TOKENS=TOKEN)
    url = served.url.replace("0.0.0.0", "127.0.0.1")
    with httpx.Client(base_url=url, timeout=60) as client:
        assert client.get("/readyz").status_code == 200
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers=BEARER).status_code == 200
    assert served.stop() == 0


def test_the_service_tells_no_secret_in_log_metrics_or_answers(
    start: Start, driftlog_broker: EmbeddedBroker, driftlog_topic: TopicFactory
) -> None:
    driftlog_topic("events", 1)
    secrets = {
        entry.variable: f"hunter2-{entry.name}-unmistakable".replace("_", "-")
        for entry in CATALOGUE.values()
        if entry.secret
    }
    prefix = {"DRIFTLOG_KAFKA_PREFIX": driftlog_topic.prefix, "DRIFTLOG_HTTP_USERNAME": "ops"}
    served = start("--kafka", driftlog_broker.bootstrap, **secrets, **prefix)
    bearer = {"authorization": f"Bearer {secrets['DRIFTLOG_HTTP_TOKENS']}"}
    with httpx.Client(base_url=served.url, timeout=60) as client:
        for headers in (bearer, {}, {"authorization": "Bearer hunter2-guessed"}):
            for path in ("/metrics", "/readyz", "/openapi.json", "/hunter2?q=hunter2"):
                answer = client.get(path, headers=headers)
                assert "hunter2" not in f"{answer.text} {answer.headers}"
            answer = client.post("/predict", json={"temp": "hunter2"}, headers=headers)
            assert "hunter2" not in answer.text
    served.process.send_signal(signal.SIGTERM)
    said = "".join(served.process.communicate(timeout=60))
    assert "hunter2" not in said
