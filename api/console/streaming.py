"""News for browsers: Server-Sent Events of the page that is looked at.

``GET /stream?page=LINK``, the link as in the address bar, percent-encoded as one query value. Three
kinds of events come, all with JSON:

- ``sections``: ``{"html": {NAME: HTML, ...}, "now_ms": ..., "link": ...}``. The first has all live
  sections of the page (see `rendering.sections`), each later one those whose HTML differs from
  what was sent before, so that an element is replaced by what came last under its name.
- ``beat``: ``{"now_ms": ...}``, every two seconds, whether or not there is news. By its absence a
  page knows that the console is gone; a comment, as SSE has it for that, no script would see.
- ``over``: the page is no longer known, such as a series that nobody has heard of for long.

``id`` grows with every event. Who comes again is sent all sections again, whatever it had. At most
two ``sections`` a second go to a page, fewer where making them takes long: at most a quarter of the
time is spent on that. Everyone who looks at the same page is sent the same bytes, made once. Who
does not take them in time is not waited for: what waits for it is dropped, and it goes on with all
sections anew.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

import msgspec

from api.console.views import Page

__all__ = ["FullError", "Streaming"]

_log = logging.getLogger(__name__)

PACE_S: Final = 0.5  # between two looks for news
BEAT_S: Final = 2.0
_SHARE: Final = 0.25  # of the time at most is spent on making sections
_WAITING: Final = 8  # events that wait for a browser; then it begins anew
_RETRY_MS: Final = 2_000


class FullError(Exception):
    """As many browsers follow as may."""


class _Client:
    """One browser: the events that wait for it."""

    def __init__(self) -> None:
        self.waiting: deque[bytes] = deque()
        self.behind = True  # it is to be sent everything
        self.news = asyncio.Event()

    def put(self, event: bytes) -> None:
        if self.behind:
            return
        if len(self.waiting) >= _WAITING:
            self.waiting.clear()
            self.behind = True
        else:
            self.waiting.append(event)
        self.news.set()


class _Channel:
    """One page: what was sent last, and who looks at it."""

    def __init__(self) -> None:
        self.sections: dict[str, str] | None = None
        self.link = ""
        self.clients: set[_Client] = set()


class Streaming:
    """All streams of a console; `run` makes the news, `follow` hands it to one browser.

    Args:
        view: the view of a link as it is now, or None.
        sections: HTML by name of section.
        now_ms: the clock, milliseconds since 1970.
        most: how many may follow at once.
        pace_s: seconds between two looks for news.
    """

    def __init__(
        self,
        view: Callable[[str], Page | None],
        sections: Callable[[Page], Mapping[str, str]],
        now_ms: Callable[[], int],
        most: int,
        pace_s: float = PACE_S,
    ) -> None:
        self._view = view
        self._sections = sections
        self._now_ms = now_ms
        self._most = most
        self._pace_s = pace_s
        self._channels: dict[str, _Channel] = {}
        self._number = 0
        self._over = False

    def __len__(self) -> int:
        """How many follow."""
        return sum(len(channel.clients) for channel in self._channels.values())

    async def run(self) -> None:
        """Look for news until cancelled."""
        beat = time.monotonic()
        while True:
            began = time.monotonic()
            spent = 0.0
            for link in list(self._channels):
                at = time.monotonic()
                try:
                    self._look(link)
                except Exception:  # of one page; all others go on
                    _log.exception("the news of %s could not be made", link)
                spent += time.monotonic() - at
                await asyncio.sleep(0)
            if began - beat >= BEAT_S:
                beat = began
                self._beat()
            await asyncio.sleep(max(self._pace_s, spent / _SHARE - spent))

    def end(self) -> None:
        """End all streams, so that the server can stop."""
        self._over = True
        for channel in self._channels.values():
            for client in channel.clients:
                client.news.set()

    async def follow(self, link: str) -> AsyncIterator[bytes]:
        """Yield the events of a page, until `end` or until the browser goes.

        Raises:
            FullError: as many follow as may; before the first event.
        """
        client = _Client()
        channel = self._channels.setdefault(link, _Channel())
        channel.clients.add(client)
        try:
            yield f"retry: {_RETRY_MS}\n\n".encode()
            while not self._over:
                if client.behind:
                    event = self._whole(link, channel)
                    client.waiting.clear()
                    client.behind = False
                    yield event
                elif client.waiting:
                    yield client.waiting.popleft()
                else:
                    client.news.clear()
                    await client.news.wait()
        finally:
            channel.clients.discard(client)
            if not channel.clients and self._channels.get(link) is channel:
                del self._channels[link]

    def check(self) -> None:
        """See whether one more may follow.

        Raises:
            FullError: as many follow as may.
        """
        if len(self) >= self._most:
            raise FullError(f"{self._most} browsers follow already (console.clients)")

    def _whole(self, link: str, channel: _Channel) -> bytes:
        if channel.sections is None:
            self._look(link)
        if channel.sections is None:
            return self._event("over", {"now_ms": self._now_ms()})
        held = {"html": channel.sections, "now_ms": self._now_ms(), "link": channel.link}
        return self._event("sections", held)

    def _look(self, link: str) -> None:
        channel = self._channels.get(link)
        if channel is None:
            return
        view = self._view(link)
        if view is None:
            if channel.sections is not None:
                channel.sections = None
                self._send(channel, self._event("over", {"now_ms": self._now_ms()}))
            return
        made = dict(self._sections(view))
        before = channel.sections
        channel.sections, channel.link = made, view.link
        if before is None:
            for client in channel.clients:
                client.behind = True
                client.news.set()
            return
        news = {name: html for name, html in made.items() if before.get(name) != html}
        if news:
            held = {"html": news, "now_ms": view.now_ms, "link": view.link}
            self._send(channel, self._event("sections", held))

    def _beat(self) -> None:
        event = self._event("beat", {"now_ms": self._now_ms()})
        for channel in self._channels.values():
            self._send(channel, event)

    def _send(self, channel: _Channel, event: bytes) -> None:
        for client in channel.clients:
            client.put(event)

    def _event(self, name: str, held: Mapping[str, object]) -> bytes:
        self._number += 1
        # JSON has no line feed of its own, so that one line holds it.
        data = msgspec.json.encode(held)
        return b"id: %d\nevent: %s\ndata: %s\n\n" % (self._number, name.encode(), data)
