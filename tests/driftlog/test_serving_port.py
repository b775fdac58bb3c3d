"""A guarded app on a real port: what a socket can do to it that a request cannot."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from driftlog.errors import InputError
from driftlog.serving import Guard, Policy, bind, running
from driftlog.settings import Duration, HttpSettings

LIMIT_S = 30.0  # what takes so long has failed, on a busy machine too


async def client_address(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(scope["client"][0]).encode()})


@asynccontextmanager
async def port(**http: Any) -> AsyncIterator[str]:
    policy = Policy.of(HttpSettings(**http))
    async with running(Guard(client_address, policy), policy=policy) as url:
        yield url


async def connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    return await asyncio.open_connection(parts.hostname, parts.port)


async def until_closed(reader: asyncio.StreamReader) -> bytes:
    """What came until the server closed the connection."""
    async with asyncio.timeout(LIMIT_S):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


@pytest.mark.parametrize("sent", [b"", b"GET /metrics HTTP/1.1\r\nHost: local"])
async def test_a_connection_that_never_asks_is_closed(sent: bytes) -> None:
    async with port(body_timeout=Duration(50)) as url:
        reader, writer = await connect(url)
        writer.write(sent)
        assert await until_closed(reader) == b""
        writer.close()


async def test_a_second_request_that_never_comes_whole_is_not_waited_for() -> None:
    async with port(body_timeout=Duration(300)) as url:
        reader, writer = await connect(url)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(LIMIT_S):
            assert b"127.0.0.1" in await reader.readuntil(b"127.0.0.1")
        writer.write(b"GET / HTTP/1.1\r\nHos")
        await until_closed(reader)
        writer.close()


@pytest.mark.parametrize(
    "head", [b"X-Long: " + b"x" * 100_000, b"".join(b"X-%d: x\r\n" % one for one in range(20_000))]
)
async def test_a_head_without_end_is_refused_before_it_is_whole(head: bytes) -> None:
    async with port() as url:
        reader, writer = await connect(url)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + head)
        answer = await until_closed(reader)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
        writer.close()
        async with httpx.AsyncClient(base_url=url) as client:
            assert (await client.get("/")).status_code == 200


async def test_a_body_too_large_is_told_so_over_the_wire() -> None:
    async with port(max_body_bytes=10_000) as url, httpx.AsyncClient(base_url=url) as client:
        for content in (b"x" * 70_000, b"x" * 10_001):
            assert (await client.post("/", content=content)).status_code == 413
        reader, writer = await connect(url)
        writer.write(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        answer = await until_closed(reader)
        assert answer.startswith(b"HTTP/1.1 413")  # and not 100 first
        writer.close()


async def test_nobody_passes_for_another_client_but_through_a_proxy_that_is_named() -> None:
    forged = {"x-forwarded-for": "192.0.2.7"}
    async with port() as url, httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/", headers=forged)).text == "127.0.0.1"
    async with (
        port(proxies=("127.0.0.1",)) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        assert (await client.get("/", headers=forged)).text == "192.0.2.7"


async def test_more_connections_than_may_be_are_told_to_come_again() -> None:
    async with port(connections=3) as url:
        held = [await connect(url) for _ in range(3)]
        async with httpx.AsyncClient(base_url=url) as client:
            assert (await client.get("/")).status_code == 503
        for _reader, writer in held:
            writer.close()


async def test_a_websocket_is_refused_by_the_port() -> None:
    async with port() as url, httpx.AsyncClient(base_url=url) as client:
        upgrade = {
            "connection": "upgrade",
            "upgrade": "websocket",
            "sec-websocket-version": "13",
            "sec-websocket-key": "x3JJHMbDL1EzLkh9GBhXDw==",
        }
        assert (await client.get("/", headers=upgrade)).status_code == 200  # plain HTTP


def test_the_low_level_call_refuses_an_address_that_no_policy_was_made_for() -> None:
    elsewhere = Policy.of(HttpSettings())
    for policy in (None, elsewhere):
        with pytest.raises(InputError, match=r"0\.0\.0\.0.*Policy"):
            bind("0.0.0.0", 0, policy)
    allowed = Policy.of(HttpSettings(tokens=("t" * 20,)), "0.0.0.0")
    sock, url = bind("0.0.0.0", 0, allowed)
    sock.close()
    assert url.startswith("http://0.0.0.0:")


def test_ipv6_has_an_url_of_its_own_form() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        sock, url = bind("::1", 0)
    except InputError as exc:
        pytest.skip(f"this machine has no IPv6: {exc}")
    sock.close()
    assert url.startswith("http://[::1]:")
