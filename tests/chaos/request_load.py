"""Requests at a steady rate to a service, from a process of its own, and how long each took.

    python -m tests.chaos.request_load http://127.0.0.1:8000 --rate 1000 --warm 2 --seconds 10

Requests leave when they are due, whether or not earlier ones have been answered, and a request's
time counts from when it was due: a service that stands still is not asked less. Says ``asking``
once it does, and one line of JSON at the end. A Python client of usual make would cost more than
the service; this one does not.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import re
import sys
import time
from collections import deque
from contextlib import suppress
from random import Random
from typing import Final
from urllib.parse import urlsplit

import numpy as np
import orjson

__all__ = ["Load"]

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_MOST_OPEN: Final = 150  # connections; a service takes 200
_LAST_S: Final = 5.0  # for the last answers


class _Connection(asyncio.Protocol):
    """One kept-alive connection, one request at a time."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._held = b""
        self._due: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, request: bytes, due: float) -> None:
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._held += data
        head = self._held.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(self._held, 0, head)
        if length is None or len(self._held) < head + 4 + int(length[1]):
            return
        ok = self._held.startswith(b"HTTP/1.1 200")
        self._held = b""
        due, self._due = self._due, None
        assert due is not None
        self._load.answered(self, due, ok=ok)

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.lost(self, asking=self._due is not None)


class Load:
    """What is asked, and what came of it.

    Args:
        url: of the service.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._requests = [_request(self._host, seed) for seed in range(64)]
        self._idle: deque[_Connection] = deque()
        self._open = 0
        self._under_way = 0
        self._measured_from = 0.0
        self._last: asyncio.Event | None = None
        self.times: list[float] = []  # seconds
        self.asked = self.failed = 0

    async def run(self, rate: float, warm: float, seconds: float) -> None:
        """Ask for ``warm`` seconds without, then for ``seconds`` with a record of the times."""
        for _ in range(16):
            await self._connect()
        print("asking", flush=True)
        began = time.perf_counter()
        self._measured_from = began + warm
        for number in range(int(rate * (warm + seconds))):
            due = began + number / rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            elif number % 16 == 0:
                await asyncio.sleep(0)  # behind: the answers must be read all the same
            await self._ask(due, self._requests[number % len(self._requests)])
        self._last = asyncio.Event()
        if self._under_way:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._last.wait(), _LAST_S)
        self.failed += self._under_way

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: _Connection(self), self._host, self._port
        )
        self._open += 1
        self._idle.append(connection)

    async def _ask(self, due: float, request: bytes) -> None:
        self.asked += due >= self._measured_from
        if not self._idle and self._open < _MOST_OPEN:
            try:
                await self._connect()
            except OSError:
                self.failed += 1
                return
        if not self._idle:
            self.failed += 1  # as many as that are not answered
            return
        self._under_way += 1
        self._idle.popleft().ask(request, due)

    def answered(self, connection: _Connection, due: float, *, ok: bool) -> None:
        """A request came to its end."""
        self._ended()
        self._idle.append(connection)
        if not ok:
            self.failed += 1
        elif due >= self._measured_from:
            self.times.append(time.perf_counter() - due)

    def _ended(self) -> None:
        self._under_way -= 1
        if self._last is not None and not self._under_way:
            self._last.set()

    def lost(self, connection: _Connection, *, asking: bool) -> None:
        """A connection has gone, perhaps with a request under way."""
        self._open -= 1
        if asking:
            self._ended()
            self.failed += 1
        elif connection in self._idle:
            self._idle.remove(connection)


def _request(host: str, seed: int) -> bytes:
    """A request of usual size: sixteen numbers, four texts."""
    draw = Random(seed)
    inputs: dict[str, float | str] = {f"x{i:02}": round(draw.gauss(0, 1), 4) for i in range(16)}
    inputs |= {"origin": draw.choice(["JFK", "EWR", "LGA"]), "dest": f"D{draw.randrange(90):02}"}
    inputs |= {"carrier": draw.choice(["UA", "AA", "DL"]), "tail": f"N{draw.randrange(4000)}"}
    body = orjson.dumps(inputs)
    head = f"POST /predict HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


def main() -> None:
    """Ask, and tell what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--rate", type=float, default=1_000.0)
    parser.add_argument("--warm", type=float, default=2.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    load = Load(given.url)
    gc.disable()  # its pauses would be told as the service's
    asyncio.run(load.run(given.rate, given.warm, given.seconds))
    times = np.array(load.times) * 1000
    shares = np.quantile(times, [0.5, 0.9, 0.99, 0.999]).tolist() if len(times) else [0.0] * 4
    told = dict(zip(("p50_ms", "p90_ms", "p99_ms", "p999_ms"), shares, strict=True))
    told |= {"asked": load.asked, "answered": len(times), "failed": load.failed}
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
