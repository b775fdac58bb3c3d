"""The ASGI middleware: correlation ids, latency, failed requests."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI, HTTPException
from fastapi.responses import JSONResponse
from hypothesis import given
from hypothesis import strategies as st

from driftlog import Capture, CaptureMiddleware
from driftlog.asgi import correlation_id
from driftlog.capture.request import sane, trace_id
from driftlog.testing.embedded import EmbeddedBroker
from driftlog.testing.topic_factory import TopicFactory
from tests.driftlog.capture_log import client, read

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
async def capture(
    driftlog_topic: TopicFactory, driftlog_broker: EmbeddedBroker
) -> AsyncIterator[Capture]:
    async with client(driftlog_topic, driftlog_broker.bootstrap) as made:
        yield made


def service(capture: Capture, **arguments: Any) -> FastAPI:
    app = FastAPI()
    app.add_middleware(CaptureMiddleware, capture=capture, **arguments)

    @app.post("/predict")
    async def predict(x: float) -> dict[str, str | None]:
        event_id = capture.log({"x": x}, {"prediction": "late"})
        return {"event_id": event_id, "correlation_id": correlation_id.get()}

    @app.post("/threaded")
    def threaded(x: float) -> str:
        return capture.log({"x": x})

    @app.post("/many")
    async def many() -> list[str]:
        return capture.log([{"x": 1}, {"x": 2}], [{"prediction": 1}, {"prediction": 2}])

    @app.post("/fails/{how}")
    async def fails(how: str) -> JSONResponse:
        if how == "raise":
            raise ZeroDivisionError("of the service")
        if how == "refuse":
            raise HTTPException(404, "no such flight")
        return JSONResponse({}, status_code=503)

    @app.post("/logged-and-fails")
    async def logged_and_fails() -> None:
        capture.log({"x": 1}, status="timeout")
        raise ZeroDivisionError("of the service")

    @app.post("/background")
    async def background(tasks: BackgroundTasks) -> None:
        tasks.add_task(capture.log, {"x": 1})

    return app


def caller(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service")


async def test_a_request_hands_its_id_to_its_events_and_its_response(capture: Capture) -> None:
    async with caller(service(capture)) as http:
        response = await http.post(
            "/predict", params={"x": 1.5}, headers={"X-Correlation-ID": "req-7f3a"}
        )
    assert response.headers.get_list("x-correlation-id") == ["req-7f3a"]
    assert response.json()["correlation_id"] == "req-7f3a"
    (event,) = await read(capture)
    assert event["correlation_id"] == "req-7f3a"
    assert event["event_id"] == response.json()["event_id"]
    assert (event["model"], event["status"], event["inputs"]) == ("flight-delay", "ok", {"x": 1.5})
    assert correlation_id.get() is None


async def test_sync_endpoints_batches_and_background_tasks_share_the_id(capture: Capture) -> None:
    async with caller(service(capture)) as http:
        answers = [
            await http.post("/threaded", params={"x": 1}),
            await http.post("/many"),
            await http.post("/background"),
        ]
    ids = [answer.headers["x-correlation-id"] for answer in answers]
    events = await read(capture)
    assert sorted(event["correlation_id"] for event in events) == sorted([*ids, ids[1]])
    assert all(event["status"] == "ok" for event in events)


async def test_the_trace_of_a_traceparent_is_the_second_choice(capture: Capture) -> None:
    async with caller(service(capture)) as http:
        both = {"X-Correlation-ID": "mine", "traceparent": TRACEPARENT}
        traced = {"traceparent": TRACEPARENT}
        ids = [
            (await http.post("/many", headers=headers)).headers["x-correlation-id"]
            for headers in (both, traced, {"traceparent": "nonsense"})
        ]
    assert ids[:2] == ["mine", "4bf92f3577b34da6a3ce929d0e0e4736"]
    assert UUID.fullmatch(ids[2])


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"   ",
        b"x" * 129,
        b"a\r\nSet-Cookie: b=c",
        b"a\x00b",
        b"a\x1b[31mb",
        "ключ".encode(),
        b"\xff\xfe",
        b"a\x7f",
    ],
)
async def test_a_hostile_id_is_not_taken_over(capture: Capture, hostile: bytes) -> None:
    status, headers = await call(
        CaptureMiddleware(answering(200), capture), headers=[(b"X-Correlation-ID", hostile)]
    )
    assert status == 200
    assert UUID.fullmatch(dict(headers)[b"x-correlation-id"].decode())


@given(st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=140))
def test_what_is_taken_over_is_printable_ascii_of_bounded_length(text: str) -> None:
    taken = sane(text)
    if taken is not None:
        assert 1 <= len(taken) <= 128
        assert all(" " <= character <= "~" for character in taken)
        assert taken == text.strip(" \t")


@pytest.mark.parametrize(
    "invalid",
    [
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
    ],
)
def test_an_invalid_traceparent_is_ignored(invalid: str) -> None:
    assert trace_id(invalid) is None
    assert trace_id("cc" + TRACEPARENT[2:] + "-more") == TRACEPARENT[3:35]


async def test_failed_requests_are_events_with_a_status_and_no_outputs(capture: Capture) -> None:
    app = service(capture, paths=["/predict", "/fails/*"])
    ids = []
    async with caller(app) as http:
        for path in ("/fails/refuse", "/fails/answer", "/predict"):  # the last lacks its x
            ids.append((await http.post(path)).headers["x-correlation-id"])
        with pytest.raises(ZeroDivisionError):
            await http.post("/fails/raise", headers={"X-Correlation-ID": "raised"})
        await http.post("/nowhere")  # not watched
        with pytest.raises(ZeroDivisionError):
            await http.post("/logged-and-fails")
    events = {event["correlation_id"]: event for event in await read(capture)}
    assert [events[i]["status"] for i in ids] == ["rejected", "503", "rejected"]
    failed = events["raised"]
    assert (failed["status"], failed["inputs"], "outputs" in failed) == ("error", {}, False)
    assert (failed["model"], failed["version"]) == ("flight-delay", "3")
    assert failed["latency_ms"] >= 0
    assert sorted(event["status"] for event in events.values()) == [
        "503",
        "error",
        "rejected",
        "rejected",
        "timeout",
    ]


async def test_a_request_that_was_logged_is_not_logged_again(capture: Capture) -> None:
    async with caller(service(capture)) as http:
        with pytest.raises(ZeroDivisionError):
            await http.post("/logged-and-fails")
    assert [event["status"] for event in await read(capture)] == ["timeout"]


async def test_without_paths_all_failures_count_and_switched_off_none(capture: Capture) -> None:
    await call(CaptureMiddleware(answering(404), capture), path="/anywhere")
    await call(CaptureMiddleware(answering(404), capture, log_failures=False))
    await call(CaptureMiddleware(answering(404), capture, paths=[]))
    await call(CaptureMiddleware(answering(302), capture))
    await call(CaptureMiddleware(silent, capture))
    assert sorted(event["status"] for event in await read(capture)) == ["error", "rejected"]


async def test_latency_runs_from_the_request_to_the_call_unless_given(capture: Capture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        capture.log({"n": 1})
        capture.log({"n": 2})
        capture.log({"n": 3}, latency_ms=3.1)
        await answering(200)(scope, receive, send)

    await call(CaptureMiddleware(app, capture))
    capture.log({"n": 4})
    events = {event["inputs"]["n"]: event for event in await read(capture)}
    assert 0 <= events[1]["latency_ms"] <= events[2]["latency_ms"]
    assert events[3]["latency_ms"] == 3.1
    assert "latency_ms" not in events[4]


async def test_the_header_of_the_application_is_replaced_and_others_are_kept(
    capture: Capture,
) -> None:
    headers = [(b"X-Correlation-Id", b"old"), (b"x-other", b"kept")]
    _, found = await call(
        CaptureMiddleware(answering(200, headers), capture),
        headers=[(b"x-correlation-id", b"new"), (b"x-correlation-id", b"second")],
    )
    assert found == [(b"x-other", b"kept"), (b"x-correlation-id", b"new")]


async def test_other_protocols_pass_untouched(capture: Capture) -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope, receive, send))

    async def receive() -> dict[str, Any]:
        return {}

    async def send(message: Any) -> None:
        raise AssertionError

    scope = {"type": "websocket"}
    await CaptureMiddleware(app, capture)(scope, receive, send)
    assert seen == [(scope, receive, send)]


async def test_the_end_of_the_service_flushes_before_it_is_told(capture: Capture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        capture.log({"last": True})
        await send({"type": "lifespan.shutdown.complete"})

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.shutdown"}

    async def send(message: Any) -> None:
        assert message == {"type": "lifespan.shutdown.complete"}
        assert (capture.counts.sent, capture.counts.buffered) == (1, 0)

    await CaptureMiddleware(app, capture)({"type": "lifespan"}, receive, send)
    assert capture.counts.sent == 1


async def test_scripts_have_requests_too(capture: Capture) -> None:
    with capture.request("job-1") as known:
        capture.log({"n": 1})
        capture.log({"n": 2})
    assert known == "job-1"
    with pytest.raises(ZeroDivisionError), capture.request():
        raise ZeroDivisionError
    assert correlation_id.get() is None
    events = await read(capture)
    assert [e["status"] for e in events if e["correlation_id"] == "job-1"] == ["ok", "ok"]
    (failed,) = [e for e in events if e["correlation_id"] != "job-1"]
    assert failed["status"] == "error"


def answering(
    status: int, headers: list[tuple[bytes, bytes]] | None = None
) -> Callable[[Any, Any, Any], Awaitable[None]]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        start = {"type": "http.response.start", "status": status}
        await send(start if headers is None else {**start, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    return app


async def silent(scope: Any, receive: Any, send: Any) -> None:
    """Ends without a response, which servers answer with 500."""


async def call(
    app: CaptureMiddleware, path: str = "/", headers: list[tuple[bytes, bytes]] | None = None
) -> tuple[int | None, list[tuple[bytes, bytes]]]:
    """Make one request and return the status and the headers of its response."""
    started: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            started.append(message)

    await app({"type": "http", "path": path, "headers": headers or []}, receive, send)
    return (started[0]["status"], started[0]["headers"]) if started else (None, [])
