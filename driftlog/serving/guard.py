"""What stands before every app that listens on a port: who may ask, how much, and how often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, Final

import msgspec

from driftlog.serving.body import BodyError, body_of
from driftlog.serving.headers import with_security_headers
from driftlog.serving.policy import Policy
from driftlog.serving.rates import Rates, retry_after

__all__ = ["Guard", "known"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_KNOWN: Final = "driftlog.known"
_SAFE: Final = ("GET", "HEAD", "OPTIONS")
_FINE: Final = 20  # requests that one with wrong credentials counts for


class Guard:
    """An ASGI app around another; a request that must not be served never reaches it.

    In this order: 429 for a client that asks too often, 400 for a ``Host`` that is not ours, 401
    without credentials, 403 for what a page of another site makes a browser send, 413 and 408 for
    a body too large or too slow. Each says in JSON what was wrong, and repeats nothing of the
    request. The app gets the body whole; every answer gets the security headers that it does not
    set itself. Websockets are refused.

    Args:
        app: what is guarded.
        policy: credentials and bounds.
        open_paths: served without credentials, such as the probes of an orchestrator; `known` tells
            the app whom it answers there.
        refused: called with the status of each request that was refused.
        clock: seconds; never goes back.
    """

    def __init__(
        self,
        app: App,
        policy: Policy,
        *,
        open_paths: Collection[str] = (),
        refused: Callable[[int], None] = lambda _status: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._policy = policy
        self._open = frozenset(open_paths)
        self._refused = refused
        self._clock = clock
        self._rates = Rates(policy.rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = with_security_headers(send)
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.lower(), []).append(value)
        refusal = self._look(scope, headers)
        if refusal is None:
            policy = self._policy
            try:
                async with asyncio.timeout(policy.body_timeout):
                    receive = await body_of(headers, receive, policy.max_body)
            except BodyError as exc:
                refusal = _Refusal(exc.status, exc.error, exc.detail, [(b"connection", b"close")])
            except TimeoutError:
                told = f"the body has to come within {policy.body_timeout:g} s"
                refusal = _Refusal(408, "timeout", told, [(b"connection", b"close")])
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            self._refused(refusal.status)
            await refusal.send(send, body=scope["method"] != "HEAD")

    def _look(self, scope: Scope, headers: dict[bytes, list[bytes]]) -> _Refusal | None:
        """Return why a request must not be served, as far as its head tells."""
        policy, now = self._policy, self._clock()
        client = (scope.get("client") or ("", 0))[0]
        wait = self._rates.take(client, now)
        if wait:
            told = f"at most {policy.rate} requests a second (http.rate)"
            again = (b"retry-after", retry_after(wait))
            return _Refusal(429, "too many requests", told, [again])
        hosts = headers.get(b"host", [b""])
        if len(hosts) > 1 or not policy.answers_to(hosts[0]):
            told = "no server of this name is here; its names are those of http.hosts"
            return _Refusal(400, "invalid host", told)
        given = headers.get(b"authorization", [])
        admitted = not policy.access or (len(given) == 1 and policy.access.admits(given[0]))
        scope[_KNOWN] = admitted
        if not admitted and scope["path"] not in self._open:
            if given:
                self._rates.fine(client, _FINE - 1, now)
            told = "say who you are, by a token or by name and password"
            asked: Headers = [(b"www-authenticate", one) for one in policy.access.challenges]
            return _Refusal(401, "unauthorized", told, asked)
        if scope["method"] not in _SAFE and _of_another_site(headers):
            return _Refusal(403, "forbidden", "a page of another site must not send this")
        return None


def known(scope: Scope) -> bool:
    """Whether who asks has said who it is, or need not: only then an open path may tell details."""
    return bool(scope.get(_KNOWN, True))


def _of_another_site(headers: dict[bytes, list[bytes]]) -> bool:
    """Whether a browser sends this for a page that another server gave it.

    Browsers say so themselves (Fetch Metadata); older ones send the page's ``Origin``. What is no
    browser sends neither.
    """
    site = headers.get(b"sec-fetch-site")
    if site:
        return site[0] not in (b"same-origin", b"none")
    origin = headers.get(b"origin")
    if not origin:
        return False
    return origin[0].partition(b"://")[2] != headers.get(b"host", [b""])[0]


class _Refusal:
    """An answer that says why there is no other."""

    def __init__(
        self, status: int, error: str, detail: str, headers: Headers | None = None
    ) -> None:
        self.status = status
        self._body = msgspec.json.encode({"error": error, "detail": detail, "correlation_id": None})
        self._headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(self._body)).encode()),
            *(headers or ()),
        ]

    async def send(self, send: Send, *, body: bool) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body if body else b""})
