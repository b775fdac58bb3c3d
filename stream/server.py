"""The worker's own port: gauges, liveness and readiness, also while state is being recovered."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, make_asgi_app

__all__ = ["worker_app"]


def worker_app(registry: CollectorRegistry, state: Callable[[], dict[str, Any]]) -> Any:
    """Return the ASGI app with ``/metrics``, ``/livez`` and ``/readyz``.

    Args:
        registry: what ``/metrics`` tells.
        state: what ``/readyz`` tells; it answers 200 where ``ready`` is true, else 503. ``/livez``
            answers 200 as long as the event loop runs: a broker that is away is no reason to
            restart.
    """
    metrics = make_asgi_app(registry)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        if path.rstrip("/") == "/metrics":
            await metrics(scope, receive, send)
        elif path in ("/livez", "/healthz"):
            await _answer(send, 200, {"live": True})
        elif path == "/readyz":
            told = state()
            await _answer(send, 200 if told.get("ready") else 503, told)
        else:
            await _answer(send, 404, {"paths": ["/metrics", "/livez", "/readyz"]})

    return app


async def _answer(send: Any, status: int, body: dict[str, Any]) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})
