"""Runs an ASGI app object on a port: in the foreground, or for as long as a block lasts."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

from driftlog.errors import InputError

__all__ = ["bind", "running", "serve"]

# A browser may keep a stream open for ever, and uvicorn would wait for it as long.
_GRACE_S = 5


class _Server(uvicorn.Server):
    """uvicorn, saying when it listens and leaving signals to whoever owns the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int) -> tuple[socket.socket, str]:
    """A bound socket and its URL; port 0 takes a free one.

    Raises:
        InputError: the address cannot be bound.
    """
    try:
        sock = socket.create_server((host, port), backlog=2048)
    except OSError as error:
        raise InputError(
            f"the address {host}:{port} cannot be bound ({error.strerror or error}): "
            "name another port, or 0 for a free one"
        ) from error
    # uvicorn writes an answer in two pieces, and asyncio leaves Nagle's algorithm on for a socket
    # made without a protocol number: each answer would wait 40 ms for the client's delayed ACK.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock, f"http://{host}:{sock.getsockname()[1]}"


@asynccontextmanager
async def running(app: Any, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve ``app`` inside the block and yield its URL; leaving it stops the server.

    Signals are not touched: a program that does more than serve handles Ctrl-C itself.

    Raises:
        InputError: the address cannot be bound.
    """
    sock, url = bind(host, port)
    server = _Server(_config(app))
    serving = asyncio.create_task(server.serve([sock]))
    listening = asyncio.create_task(server.listening.wait())
    try:
        await asyncio.wait([serving, listening], return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        yield url
    finally:
        listening.cancel()
        server.should_exit = True
        await serving
        sock.close()


def serve(app: Any, sock: socket.socket) -> None:
    """Serve ``app`` on a bound socket until SIGINT or SIGTERM, then return.

    uvicorn itself would raise the signal again after its shutdown, and SIGTERM would end the
    process before the caller has sent what it still holds.
    """
    asyncio.run(_until_told(_Server(_config(app)), sock))


async def _until_told(server: _Server, sock: socket.socket) -> None:
    def stop() -> None:
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    await server.serve([sock])


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,  # what serves is nobody's business
        timeout_graceful_shutdown=_GRACE_S,
    )
