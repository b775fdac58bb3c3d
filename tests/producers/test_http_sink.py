"""A replay through a service: each row is one request, and every failure has a name."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
import uvicorn

from driftlog.errors import BrokerError, InputError
from producers.http_sink import HttpSink
from producers.pacing import Pacing
from producers.replay import Replay
from tests.producers.file_rows import made_rows

ROWS = made_rows(60)
MAX = Pacing(speed=None)


class Service:
    """A model service in plain ASGI; ``answers`` are the next statuses, then 200."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []  # correlation id, body
        self.labels: list[dict[str, Any]] = []
        self.at_once = self.most_at_once = 0
        self.held: asyncio.Event | None = None
        self.asked_once = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.at_once += 1
        self.asked_once.set()
        self.most_at_once = max(self.at_once, self.most_at_once)
        if self.held is not None:
            await self.held.wait()
        own_id = dict(scope["headers"])[b"x-correlation-id"].decode()
        status = self.answers.pop(0) if self.answers else 200
        answer = self._answer(scope["path"], own_id, orjson.loads(body), status)
        self.at_once -= 1
        headers = [(b"content-type", b"application/json"), (b"retry-after", b"0")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": orjson.dumps(answer)})

    def _answer(self, path: str, own_id: str, body: dict[str, Any], status: int) -> dict[str, Any]:
        if status != 200:
            return {"error": f"no {own_id}"}
        if path == "/labels":
            self.labels.append(body)
            return {"accepted": True}
        self.asked.append((own_id, body))
        if "instances" in body:
            made = [{"event_id": f"ev-{own_id}-{i}"} for i in range(len(body["instances"]))]
            return {"predictions": made}
        return {"event_id": f"ev-{own_id}"}


@asynccontextmanager
async def serving(service: Service) -> AsyncIterator[str]:
    # The protocol is named since asyncio turns Nagle's algorithm off only where it is.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(service, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    )
    running = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
        listener.close()


async def test_each_row_is_a_request_under_its_correlation_id_and_labels_name_its_event() -> None:
    service = Service()
    async with serving(service) as url:
        replay = Replay(rows=lambda: ROWS, sink=HttpSink(url), pacing=MAX, labels=True)
        tally = await replay.run()
    assert (tally.sent, tally.labels_sent) == (60, 60)
    assert dict(service.asked) == {r.event.correlation_id: r.event.inputs for r in ROWS}
    assert {(one["event_id"], one["label"]) for one in service.labels} == {
        (f"ev-{row.event.correlation_id}", row.label) for row in ROWS
    }
    assert all("ts_ms" not in body for _, body in service.asked)


async def test_several_rows_may_share_a_request() -> None:
    service = Service()
    async with serving(service) as url:
        sink = HttpSink(url, batch=25, keep_time=True)
        pacing = Pacing(speed=None, keep_time=True)
        tally = await Replay(rows=lambda: ROWS, sink=sink, pacing=pacing, labels=True).run()
    assert (tally.sent, tally.labels_sent) == (60, 60)
    sizes = sorted(len(body["instances"]) for _, body in service.asked)
    assert sizes == [10, 25, 25]
    assert {row["ts_ms"] for _, body in service.asked for row in body["instances"]} == {
        row.event.ts_ms for row in ROWS
    }


async def test_requests_that_were_surely_not_taken_are_sent_again() -> None:
    service = Service(503, 429, 503)
    async with serving(service) as url:
        sink = HttpSink(url, concurrency=1, backoff=0.0)
        tally = await Replay(rows=lambda: ROWS, sink=sink, pacing=MAX).run()
    assert (tally.sent, tally.failed.total()) == (60, 0)
    assert [own_id for own_id, _ in service.asked] == [r.event.correlation_id for r in ROWS]


async def test_refusals_are_counted_by_status_and_not_sent_again() -> None:
    service = Service(422, 500, 422)
    async with serving(service) as url:
        sink = HttpSink(url, concurrency=1)
        replay = Replay(rows=lambda: ROWS, sink=sink, pacing=MAX, labels=True)
        tally = await replay.run()
    assert tally.sent == 57
    assert tally.failed == Counter({"HTTP 422": 2, "HTTP 500": 1})
    assert tally.labels_failed == {"no event id": 3}
    assert "no req-0" in tally.details["HTTP 422"]
    assert not tally.journal.events.open


async def test_nobody_there_is_named_and_left_for_a_resumed_replay() -> None:
    free = socket.socket()
    free.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
    sink = HttpSink(f"http://127.0.0.1:{free.getsockname()[1]}", backoff=0.0)
    tally = await Replay(rows=lambda: ROWS, sink=sink, pacing=MAX).run()
    free.close()
    assert tally.failed == {"ConnectError": 60}
    assert tally.journal.events.open == set(range(60))


async def test_a_service_that_refuses_everything_ends_the_replay() -> None:
    service = Service(*[422] * 3000)
    async with serving(service) as url:
        sink = HttpSink(url, batch=500)
        with pytest.raises(BrokerError, match="mostly with HTTP 422"):
            await Replay(rows=lambda: made_rows(4000), sink=sink, pacing=MAX).run()


async def test_requests_under_way_are_bounded() -> None:
    service = Service()
    async with serving(service) as url:
        sink = HttpSink(url, concurrency=3)
        await Replay(rows=lambda: ROWS, sink=sink, pacing=MAX).run()
    assert service.most_at_once <= 3


async def test_an_answer_that_never_came_is_not_asked_for_twice() -> None:
    service = Service()
    service.held = asyncio.Event()
    async with serving(service) as url:
        sink = HttpSink(url, timeout=1.0)
        tally = await Replay(rows=lambda: ROWS[:3], sink=sink, pacing=MAX).run()
        service.held.set()
    assert tally.failed == {"ReadTimeout": 3}
    assert not tally.journal.events.open


async def test_ending_a_replay_waits_for_the_answers_under_way() -> None:
    service = Service()
    service.held = asyncio.Event()
    async with serving(service) as url:
        sink = HttpSink(url, concurrency=4)
        replay = Replay(rows=lambda: ROWS, sink=sink, pacing=Pacing(rate=100.0))
        task = asyncio.create_task(replay.run())
        await asyncio.wait_for(service.asked_once.wait(), 10)
        replay.stop.set()
        service.held.set()
        tally = await task
    assert tally.sent == len(service.asked) >= 1
    assert tally.failed.total() == 0


async def test_a_url_may_name_the_path() -> None:
    assert HttpSink("http://h:1").url == "http://h:1/predict"
    assert HttpSink("http://h:1/").labels_url == "http://h:1/labels"
    assert HttpSink("https://h/v1/score?x=1").url == "https://h/v1/score?x=1"
    assert HttpSink("https://h/v1/score").labels_url == "https://h/v1/labels"
    with pytest.raises(InputError, match="may hold kafka or a URL"):
        HttpSink("localhost:8000")
    with pytest.raises(InputError, match="must be 1 or more"):
        HttpSink("http://h", concurrency=0)
