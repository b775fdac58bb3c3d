"""One console: what it has read, what it shows of it, and who looks on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from api.console import rendering
from api.console.acting import Accept, Acting
from api.console.fleet import bar
from api.console.following import Following
from api.console.history import History
from api.console.known import Known
from api.console.routes import view_of
from api.console.streaming import Streaming
from api.console.views import Page
from api.console.watching import Watching
from driftlog import __version__
from driftlog.settings import Settings

__all__ = ["Hub"]

_SAME_MS: Final = 200  # what was worked out serves all requests of so long, at least
_SHARE: Final = 0.2  # of the time at most is spent on the verdict on everything
_LONGEST_MS: Final = 3_000


class Hub:
    """Holds the parts together; `running` lets them work.

    Args:
        settings: all of them.
        accept: see `acting.Acting`.
        clock: milliseconds since 1970.
    """

    def __init__(
        self,
        settings: Settings,
        accept: Accept | None = None,
        clock: Callable[[], int] = lambda: int(time.time() * 1000),
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.history = History(settings.console)
        self.following = Following(settings, self.history, self._changed, clock)
        self.watching = Watching(settings, self.following, self._changed)
        self.acting = Acting(settings.kafka, accept, clock)
        # A login by name and password tells who acts.
        self.asks_name = not settings.http.username
        self.streaming = Streaming(
            self.view, rendering.sections, clock, most=settings.console.clients
        )
        self._known: Known | None = None
        self._is_old = True
        self._same_ms: float = _SAME_MS

    @property
    def ready(self) -> bool:
        """Whether the past has been read."""
        return self.following.ready

    def known(self) -> Known:
        """What is known now."""
        now = self.clock()
        held = self._known
        if held is None or self._is_old or not 0 <= now - held.now_ms <= self._same_ms:
            watched = self.watching.watched.with_reading(self.following.waiting)
            held = Known(self.history, now, self.settings, watched, __version__)
            began = time.perf_counter()
            bar(held)
            spent_ms = (time.perf_counter() - began) * 1000
            self._same_ms = min(_LONGEST_MS, max(_SAME_MS, spent_ms / _SHARE))
            self._known, self._is_old = held, False
        return held

    def view(self, link: str) -> Page | None:
        """The view of a link as it is now, or None."""
        return view_of(self.known(), link, asks_name=self.asks_name)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the log and make news inside the block."""
        parts = [
            asyncio.create_task(part.run())
            for part in (self.following, self.watching, self.streaming)
        ]
        try:
            yield
        finally:
            self.streaming.end()
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    def _changed(self) -> None:
        # While records stream in, what was worked out may be a fifth of a second old, and older
        # where there are thousands of series.
        held = self._known
        self._is_old = held is None or self.clock() - held.now_ms > self._same_ms
