"""One address that alerts are posted to, until it has taken them."""

from __future__ import annotations

import asyncio
import email.utils
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from driftlog.errors import InputError

__all__ = ["Post"]

_WAITS: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_AGAIN: Final = frozenset({408, 425, 429})
_LONGEST_S: Final = 300.0  # of what a Retry-After may ask for


class Post:
    """Posts JSON, and tries again while the other side is away, slow or overloaded.

    Args:
        name: as in messages; the address itself may be a secret, and only its host is shown.
        url: http or https.
        say: is told, in a line, what is waited for and what was refused.
        timeout_s: of one attempt.

    Raises:
        InputError: the address is none.
    """

    def __init__(
        self, name: str, url: str, say: Callable[[str], None], *, timeout_s: float = 10.0
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"forward.{name} must be an http or https address with a host")
        self.name = name
        self.refused = 0
        self._url = url
        self._host = parts.hostname
        self._say = say
        self._waiting = False
        self._client = httpx.AsyncClient(timeout=timeout_s, follow_redirects=False)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def send(self, body: Callable[[], Any], headers: Mapping[str, str] | None = None) -> bool:
        """Return once the other side has taken it, True, or has refused it for good, False.

        Args:
            body: makes what is sent, anew for each attempt: what was true an hour ago is not news.
            headers: beside those of JSON.
        """
        attempt = 0
        while True:
            why, wait = await self._attempt(body(), headers)
            if why is None:
                self._note_back()
                return True
            if wait is None:
                self.refused += 1
                self._say(f"{self.name} at {self._host} refuses an alert ({why}); it is left out")
                return False
            if not self._waiting:
                self._waiting = True
                self._say(f"waiting for {self.name} at {self._host} ({why})")
            await asyncio.sleep(max(wait, _WAITS[min(attempt, len(_WAITS) - 1)]))
            attempt += 1

    async def _attempt(
        self, body: Any, headers: Mapping[str, str] | None
    ) -> tuple[str | None, float | None]:
        """Why it was not taken (None: it was), and the least to wait (None: for good)."""
        try:
            answer = await self._client.post(self._url, json=body, headers=headers)
        except httpx.TimeoutException:
            return "no answer in time", 0.0
        except httpx.HTTPError as exc:
            return type(exc).__name__, 0.0  # its text may hold the address
        if answer.is_success:
            return None, None
        status = f"status {answer.status_code}"
        if answer.status_code >= 500 or answer.status_code in _AGAIN:
            return status, _retry_after(answer.headers.get("retry-after", ""))
        return status, None

    def _note_back(self) -> None:
        if self._waiting:
            self._waiting = False
            self._say(f"{self.name} at {self._host} takes alerts again")


def _retry_after(text: str) -> float:
    """Seconds that a Retry-After asks for, as a number or a date; bounded."""
    if text.isdecimal():
        return min(float(text), _LONGEST_S)
    date = email.utils.parsedate_tz(text)
    return (
        0.0
        if date is None
        else min(max(0.0, email.utils.mktime_tz(date) - time.time()), _LONGEST_S)
    )
