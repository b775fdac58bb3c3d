"""The service on a real port, in a block and as a process of its own."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from api.model import FlightModel
from api.service import create_app
from driftlog.errors import InputError
from driftlog.serving import bind, running
from driftlog.testing.embedded import EmbeddedBroker
from driftlog.testing.topic_factory import TopicFactory
from tests.api.conftest import Remembering, Start
from tests.api.event_log import read


async def test_a_request_over_the_wire_is_answered_and_logged(
    small_model: FlightModel, capture: Remembering
) -> None:
    async with (
        running(create_app(small_model, capture)) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        response = await client.post(
            "/predict", json={"origin": "EWR"}, headers={"X-Correlation-ID": "req-1"}
        )
        assert response.status_code == 200
        assert response.headers["X-Correlation-ID"] == "req-1"
        assert response.json()["event_id"] == capture.events[0]["event_id"]
        assert "api_predictions_total" in (await client.get("/metrics")).text
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{url}/healthz")


async def test_an_error_inside_the_block_stops_the_server_and_goes_on(
    small_model: FlightModel,
) -> None:
    with pytest.raises(RuntimeError, match="mine"):
        async with running(create_app(small_model)):
            raise RuntimeError("mine")
    assert not [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]


def test_an_address_in_use_is_named_with_its_mend() -> None:
    sock, url = bind("127.0.0.1", 0)
    port = int(url.rsplit(":", 1)[1])
    with sock, pytest.raises(InputError, match=rf"127\.0\.0\.1:{port} cannot be bound.*0 for"):
        bind("127.0.0.1", port)


def test_the_command_says_where_it_listens_and_stops_when_told(start: Start) -> None:
    service = start()
    with httpx.Client(base_url=service.url, timeout=60) as client:
        assert client.get("/readyz").status_code == 200
        assert client.post("/predict", json={"origin": "JFK"}).json()["model"] == "flight-delay"
    assert service.stop() == 0


def test_what_is_answered_just_before_the_end_still_reaches_the_log(
    start: Start, driftlog_broker: EmbeddedBroker, driftlog_topic: TopicFactory
) -> None:
    topic = driftlog_topic("events", 1)
    service = start(
        "--kafka", driftlog_broker.bootstrap, DRIFTLOG_KAFKA_PREFIX=driftlog_topic.prefix
    )
    with httpx.Client(base_url=service.url, timeout=60) as client:
        body = {"instances": [{"origin": "JFK"}] * 200}
        answer = client.post("/predict", json=body).json()
    assert service.stop() == 0
    logged = [record.event_id for record in read(driftlog_broker.bootstrap, topic, 200)]
    assert logged == [one["event_id"] for one in answer["predictions"]]
