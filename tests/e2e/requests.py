"""Requests over HTTP at a steady rate, and a memory of which were sent when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count, cycle
from typing import Any, Final, Self

import httpx

__all__ = ["Requests"]

_FLIGHTS: Final = 4  # in each request


class Requests:
    """Sends flights to the example service in the background, inside its ``async with`` block.

    Args:
        url: of the service.
        flights: inputs, sent over and over.
        rate: flights a second.
    """

    def __init__(self, url: str, flights: Sequence[Mapping[str, Any]], rate: float) -> None:
        self.sent: dict[str, list[str]] = {}  # phase -> correlation ids
        self.began_ms: dict[str, int] = {}  # phase -> time of its first request
        self.refused: list[httpx.Response] = []
        self._url = url
        self._flights: Iterator[Mapping[str, Any]] = cycle(flights)
        self._rate = rate
        self._phase = ""
        self._warmer = 0.0

    def phase(self, name: str, *, warmer: float = 0.0) -> None:
        """Go on under another name, with the air so many degrees Fahrenheit warmer."""
        self._phase, self._warmer = name, warmer
        self.sent[name] = []
        self.began_ms[name] = int(time.time() * 1000)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *error: Any) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        began, numbers = time.monotonic(), count()
        async with httpx.AsyncClient(base_url=self._url, timeout=30) as client:
            for number in numbers:
                ahead = number * _FLIGHTS / self._rate - (time.monotonic() - began)
                await asyncio.sleep(max(0.0, ahead))
                own_id = f"{self._phase}-{number}"
                self.sent[self._phase].append(own_id)
                answer = await client.post(
                    "/predict",
                    json={"instances": [self._next() for _ in range(_FLIGHTS)]},
                    headers={"X-Correlation-ID": own_id},
                )
                if answer.status_code != 200:
                    self.refused.append(answer)

    def _next(self) -> dict[str, Any]:
        flight = dict(next(self._flights))
        if self._warmer and flight.get("temp") is not None:
            flight["temp"] += self._warmer
        return flight
