"""The worker's own port: gauges, liveness and readiness, also while state is being recovered."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from driftlog.serving import known

__all__ = ["PROBES", "worker_app"]

PROBES: Final = ("/livez", "/healthz", "/readyz")  # open: an orchestrator has no credentials
_PATHS: Final = ("/metrics", "/livez", "/healthz", "/readyz")
_FAST: Final = 1  # gzip's level: six times as fast as its default, and a tenth larger
Headers = list[tuple[bytes, bytes]]


class _Collected(Collector):
    """Metrics as they stood at one moment."""

    def __init__(self, collectors: Sequence[Collector]) -> None:
        self._found = [one.collect() for one in collectors]

    def collect(self) -> Iterator[Metric]:
        return chain.from_iterable(self._found)


def worker_app(collectors: Sequence[Collector], state: Callable[[], dict[str, Any]]) -> Any:
    """Return the ASGI app with ``/metrics``, ``/livez`` and ``/readyz``; GET and HEAD.

    Args:
        collectors: what ``/metrics`` tells, as Prometheus' text or OpenMetrics, as the client
            likes. They read the live state when they are called; what they return is worked through
            in a thread.
        state: what ``/readyz`` tells; it answers 200 where ``ready`` is true, else 503. ``/livez``
            (or ``/healthz``) answers 200 as long as the event loop runs: a broker that is away is
            no reason to restart. Whom a `Guard` does not know is told no more than yes or no.
    """

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        path, body, headers, status = scope["path"], b"", _plain(), 200
        if path not in _PATHS:
            status, body = 404, _json({"paths": _PATHS})
        elif scope["method"] not in ("GET", "HEAD"):
            status, body = 405, _json({"methods": ("GET", "HEAD")})
            headers.append((b"allow", b"GET, HEAD"))
        elif path == "/metrics":
            body, headers = await _metrics(collectors, dict(scope["headers"]))
        elif path == "/readyz":
            told = state()
            ready = bool(told.get("ready"))
            status = 200 if ready else 503
            body = _json(told if known(scope) else {"ready": ready})
        else:
            body = _json({"live": True})
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send(
            {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body}
        )

    return app


async def _metrics(
    collectors: Sequence[Collector], asked: dict[bytes, bytes]
) -> tuple[bytes, Headers]:
    encoder, kind = choose_encoder(asked.get(b"accept", b"").decode("latin-1"))
    # Read here, between two steps of the folds, so that all of it is of one moment; written out in
    # a thread, since tens of thousands of samples would hold up the stream.
    collected = _Collected(collectors)
    small = b"gzip" in asked.get(b"accept-encoding", b"").lower()

    def written() -> bytes:
        text = encoder(collected)
        return gzip.compress(text, _FAST) if small else text

    headers = [
        (b"content-type", kind.encode()),
        (b"cache-control", b"no-store"),
        (b"vary", b"accept, accept-encoding"),
    ]
    if small:
        headers.append((b"content-encoding", b"gzip"))
    return await asyncio.to_thread(written), headers


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


def _plain() -> Headers:
    return [
        (b"content-type", b"application/json"),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
