"""A clock moved by hand."""

from __future__ import annotations

from driftlog.errors import InputError

__all__ = ["ManualClock"]


class ManualClock:
    """A clock that stands still until a test moves it, and never goes back.

    Its methods stand in for ``time.time`` and ``time.monotonic``; the clock itself is callable
    like the first. Times are kept in whole milliseconds, as event times are.

    Args:
        start_ms: milliseconds since 1970.

    >>> clock = ManualClock(start_ms=1_000)
    >>> clock.advance(seconds=2.5)
    >>> clock.now_ms, clock(), clock.monotonic()
    (3500, 3.5, 2.5)
    """

    def __init__(self, start_ms: int = 1_732_100_000_000) -> None:
        self._start_ms = start_ms
        self._now_ms = start_ms

    @property
    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return self._now_ms

    def time(self) -> float:
        """Seconds since 1970, as ``time.time``."""
        return self._now_ms / 1000

    __call__ = time

    def monotonic(self) -> float:
        """Seconds since the clock's start, as ``time.monotonic``."""
        return (self._now_ms - self._start_ms) / 1000

    def advance(self, *, seconds: float = 0.0, ms: int = 0) -> None:
        """Move the clock on.

        Raises:
            InputError: the step is negative.
        """
        self.move_to(self._now_ms + round(seconds * 1000) + ms)

    def move_to(self, now_ms: int) -> None:
        """Move the clock to a time.

        Raises:
            InputError: the time is before now.
        """
        if now_ms < self._now_ms:
            raise InputError(f"the clock is at {self._now_ms} ms and cannot go back to {now_ms} ms")
        self._now_ms = now_ms
