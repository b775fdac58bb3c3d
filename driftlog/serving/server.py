"""Runs an ASGI app object on a port: in the foreground, or for as long as a block lasts."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Final

import uvicorn

from driftlog.errors import InputError
from driftlog.serving.patience import PatientProtocol
from driftlog.serving.policy import Policy, is_loopback
from driftlog.settings import HttpSettings

__all__ = ["bind", "running", "serve"]

# A browser may keep a stream open for ever, and uvicorn would wait for it as long.
_GRACE_S: Final = 5
_HEAD_BYTES: Final = 16_384  # of a request's line and headers


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


def bind(host: str, port: int, policy: Policy | None = None) -> tuple[socket.socket, str]:
    """A bound socket and its URL; port 0 takes a free one.

    Args:
        host: the address; other than the loopback only with a policy that was made for it.
        port: the port.
        policy: what its server lets in.

    Raises:
        InputError: the address cannot be bound, or nobody has said who may ask there.
    """
    if not is_loopback(host) and (policy is None or policy.host != host):
        raise InputError(f"{host}:{port} is no address of the loopback: a Policy of it is needed")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise InputError(
            f"the address {host}:{port} cannot be bound ({error.strerror or error}): "
            "name another port, or 0 for a free one"
        ) from error
    # uvicorn writes an answer in two pieces, and asyncio leaves Nagle's algorithm on for a socket
    # made without a protocol number: each answer would wait 40 ms for the client's delayed ACK.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    name = f"[{host}]" if ":" in host else host
    return sock, f"http://{name}:{sock.getsockname()[1]}"


@asynccontextmanager
async def running(app: Any, port: int = 0, policy: Policy | None = None) -> AsyncIterator[str]:
    """Serve ``app`` inside the block and yield its URL; leaving it stops the server.

    Signals are not touched: a program that does more than serve handles Ctrl-C itself.

    Args:
        app: an ASGI app, in a `Guard` where strangers may reach it.
        port: 0 takes a free one.
        policy: address and bounds; none: 127.0.0.1.

    Raises:
        InputError: the address cannot be bound.
    """
    policy = policy or Policy.of(HttpSettings())
    sock, url = bind(policy.host, port, policy)
    server = _Server(_config(app, policy))
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


def serve(app: Any, sock: socket.socket, policy: Policy | None = None) -> None:
    """Serve ``app`` on a bound socket until SIGINT or SIGTERM, then return.

    uvicorn itself would raise the signal again after its shutdown, and SIGTERM would end the
    process before the caller has sent what it still holds.
    """
    asyncio.run(_until_told(_Server(_config(app, policy or Policy.of(HttpSettings()))), sock))


async def _until_told(server: _Server, sock: socket.socket) -> None:
    def stop() -> None:
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    await server.serve([sock])


def _config(app: Any, policy: Policy) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        # h11, since llhttp bounds neither the number nor the length of headers.
        http=partial(PatientProtocol, patience=policy.body_timeout),  # type: ignore[arg-type]
        ws="none",
        h11_max_incomplete_event_size=_HEAD_BYTES,
        limit_concurrency=policy.connections,
        # uvicorn believes X-Forwarded-For of the loopback unless told otherwise; then anybody there
        # is a new client at each request.
        proxy_headers=bool(policy.proxies),
        forwarded_allow_ips=list(policy.proxies),
        log_config=None,  # through the process's own handlers, which escape what they write
        log_level="error",  # what strangers send is not worth a line each
        access_log=False,
        server_header=False,  # what serves is nobody's business
        timeout_graceful_shutdown=_GRACE_S,
    )
