"""Correlation ids, latency and failed requests for any ASGI service (FastAPI, Starlette, ...)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from fnmatch import translate
from typing import Any

from driftlog.capture import Capture
from driftlog.capture.request import (
    Request,
    correlation_id,
    current_request,
    make_correlation_id,
    sane,
    trace_id,
)

__all__ = ["CaptureMiddleware", "correlation_id"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_HEADER = b"x-correlation-id"


class CaptureMiddleware:
    """Gives every request a correlation id, and logs those that fail.

    The id is that of the header ``X-Correlation-ID`` if it is printable ASCII of at most 128
    characters, else the trace id of a W3C ``traceparent``, else a new UUID. The response carries it
    in ``X-Correlation-ID``. While a request is served, ``driftlog.asgi.correlation_id`` holds it,
    and ``capture.log`` uses it without being told.

    The latency of an event logged within a request is the time from the request's start to the
    call of ``log``: receiving the body, validation and prediction, without writing the response.

    A request to a watched path that fails before anything was logged becomes an event of its own,
    with no inputs and no outputs: status ``error`` for an exception or no response, the code for
    5xx, ``rejected`` for 4xx. Exceptions go on untouched. When the service shuts down, what is
    buffered is flushed.

    Args:
        app: the ASGI application.
        capture: the client to log with; its settings name model and version of failed requests.
        paths: paths whose failures count, with ``*`` as in a shell; None: all of them, which
            counts every 404 that a crawler causes.
        log_failures: False: failed requests are no events.
    """

    def __init__(
        self,
        app: App,
        capture: Capture,
        *,
        paths: Iterable[str] | None = None,
        log_failures: bool = True,
    ) -> None:
        self.app = app
        self.capture = capture
        self.log_failures = log_failures
        self._watched = (
            None if paths is None else re.compile("|".join(map(translate, paths)) or r"(?!)")
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            await _Recorder(self, scope).serve(receive, send)
        elif scope["type"] == "lifespan":
            await self.app(scope, receive, self._flushing(send))
        else:
            await self.app(scope, receive, send)

    def watches(self, path: str) -> bool:
        """Return whether a failed request to this path is an event."""
        return self.log_failures and (self._watched is None or bool(self._watched.match(path)))

    def _flushing(self, send: Send) -> Send:
        """Flush before the server is told that all is done: it may end the process by a signal."""

        async def forward(message: Message) -> None:
            if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
                await self.capture.aflush()
            await send(message)

        return forward


class _Recorder:
    """One request: its id, and how it ended."""

    def __init__(self, middleware: CaptureMiddleware, scope: Scope) -> None:
        self._middleware = middleware
        self._scope = scope
        self._request = Request()
        self._correlation_id = _correlation_id(scope.get("headers", ()))
        self._status: int | None = None

    async def serve(self, receive: Receive, send: Send) -> None:
        async def forward(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = self._with_header(message)
            await send(message)

        id_token = correlation_id.set(self._correlation_id)
        request_token = current_request.set(self._request)
        try:
            await self._middleware.app(self._scope, receive, forward)
        except Exception:
            self._end("error")
            raise
        else:
            self._end(_failure(self._status))
        finally:
            correlation_id.reset(id_token)
            current_request.reset(request_token)

    def _with_header(self, message: Message) -> Message:
        self._status = message.get("status")
        headers = [
            (name, value)
            for name, value in message.get("headers", ())
            if bytes(name).lower() != _HEADER
        ]
        return {**message, "headers": [*headers, (_HEADER, self._correlation_id.encode("ascii"))]}

    def _end(self, failure: str | None) -> None:
        if failure is None or self._request.logged:
            return
        if self._middleware.watches(self._scope.get("path", "")):
            self._middleware.capture.log({}, status=failure)


def _correlation_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    given: dict[bytes, str] = {}
    for name, value in headers:
        given.setdefault(bytes(name).lower(), bytes(value).decode("latin-1"))
    return (
        sane(given.get(_HEADER, ""))
        or trace_id(given.get(b"traceparent", ""))
        or make_correlation_id()
    )


def _failure(status: int | None) -> str | None:
    """Status of the event for a response, None if it is none."""
    if status is None:
        return "error"
    if status >= 500:
        return str(status)
    return "rejected" if status >= 400 else None
