"""The worker's port: what it answers, to whom, and what it keeps to itself."""

from __future__ import annotations

import gzip
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from driftlog.errors import InputError
from driftlog.serving import Guard, Policy, running
from driftlog.settings import HttpSettings
from stream.server import PROBES, worker_app


class OneGauge(Collector):
    """Notes in which thread it is read."""

    def __init__(self) -> None:
        self.threads: set[int] = set()

    def collect(self) -> Iterator[Metric]:
        self.threads.add(threading.get_ident())
        return iter([GaugeMetricFamily("driftlog_ready", "1 when ready.", value=1.0)])


GAUGE = OneGauge()


@pytest.fixture
def state() -> dict[str, Any]:
    return {"ready": False, "why": "waiting for the broker"}


@pytest.fixture
async def client(state: dict[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        running(worker_app([GAUGE], lambda: state)) as url,
        httpx.AsyncClient(base_url=url) as found,
    ):
        yield found


async def test_gauges_come_as_text_or_openmetrics_as_the_client_likes(
    client: httpx.AsyncClient,
) -> None:
    text = await client.get("/metrics")
    assert text.status_code == 200
    assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "driftlog_ready 1.0" in text.text
    accept = {"accept": "application/openmetrics-text; version=1.0.0,text/plain;q=0.5"}
    openmetrics = await client.get("/metrics", headers=accept)
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    assert openmetrics.text.endswith("# EOF\n")


async def test_gauges_are_read_on_the_event_loop_between_two_steps(
    client: httpx.AsyncClient,
) -> None:
    await client.get("/metrics")
    assert {threading.get_ident()} == GAUGE.threads


@pytest.mark.parametrize(("asked", "packed"), [("gzip, deflate", True), ("identity", False)])
async def test_gauges_are_packed_for_whom_it_suits(
    client: httpx.AsyncClient, asked: str, packed: bool
) -> None:
    async with client.stream("GET", "/metrics", headers={"accept-encoding": asked}) as answer:
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert (answer.headers.get("content-encoding") == "gzip") is packed
    assert b"driftlog_ready 1.0" in (gzip.decompress(raw) if packed else raw)


async def test_readiness_says_why_it_is_not_there_and_liveness_does_not_wait_for_it(
    client: httpx.AsyncClient, state: dict[str, Any]
) -> None:
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "why": "waiting for the broker"}
    for path in ("/livez", "/healthz"):
        assert (await client.get(path)).status_code == 200
    state.update(ready=True, why="")
    answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/metrics/", "/metrics/x", "/favicon.ico", "/readyz/../x"])
async def test_other_paths_are_not_there_and_say_which_are(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert "/metrics" in answer.json()["paths"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz"])
async def test_nothing_can_be_done_but_read(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz", "/nowhere"])
async def test_head_gives_the_headers_of_get_without_a_body(
    client: httpx.AsyncClient, path: str
) -> None:
    get, head = await client.get(path), await client.head(path)
    assert head.status_code == get.status_code
    assert head.content == b""
    for name in ("content-type", "content-length"):
        assert head.headers[name] == get.headers[name]


async def test_answers_do_not_say_what_serves_them(client: httpx.AsyncClient) -> None:
    for path in ("/metrics", "/livez", "/nowhere"):
        assert "server" not in (await client.get(path)).headers


async def test_an_address_in_use_is_named_with_the_mend() -> None:
    async with running(worker_app([], dict)) as url:
        port = int(url.rpartition(":")[2])
        with pytest.raises(InputError, match=rf"127.0.0.1:{port} cannot be bound .*another port"):
            async with running(worker_app([], dict), port=port):
                pass


# -- with credentials ---------------------------------------------------------------------------


async def test_whom_it_does_not_know_it_tells_no_gauge_and_of_its_state_yes_or_no(
    state: dict[str, Any],
) -> None:
    http = HttpSettings(tokens=("t0k3n-" * 4,))
    policy = Policy.of(http, "127.0.0.1")
    app = Guard(worker_app([GAUGE], lambda: state), policy, open_paths=PROBES)
    async with running(app, policy=policy) as url, httpx.AsyncClient(base_url=url) as client:
        for path in ("/metrics", "/", "/nowhere"):
            assert (await client.get(path)).status_code == 401
        for path in ("/livez", "/healthz"):
            assert (await client.get(path)).status_code == 200
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json() == {"ready": False}
        authorization = {"authorization": f"Bearer {http.tokens[0]}"}
        assert (await client.get("/readyz", headers=authorization)).json() == state
        answer = await client.get("/metrics", headers=authorization)
        assert "driftlog_ready 1.0" in answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"
