"""An HTTP server on a free port that keeps what is posted to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.e2e.waiting import holds

__all__ = ["receiver"]

Posted = list[tuple[Any, dict[str, str]]]  # bodies and headers


@asynccontextmanager
async def receiver(
    status: Callable[[int], int], path: str = "/secret-path"
) -> AsyncIterator[tuple[str, Posted]]:
    """Serve for a while.

    Args:
        status: of the answer to the n-th request, from 1.
        path: where it takes them.

    Yields:
        Its address, and what has been posted.
    """
    posted: Posted = []
    number = count(1)

    async def take(request: Request) -> Response:
        posted.append((await request.json(), dict(request.headers)))
        return Response(status_code=status(next(number)))

    app = Starlette(routes=[Route(path, take, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    task = asyncio.create_task(server.serve())
    try:
        await holds(lambda: server.started, "the receiver")
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}{path}", posted
    finally:
        server.should_exit = True
        await task
