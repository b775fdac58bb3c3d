"""Warnings that do not flood a service's log: each kind once a minute, with what was held back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from driftlog.printable import printable

__all__ = ["Warnings"]

_logger = logging.getLogger("driftlog.capture")
_INTERVAL: Final = 60.0  # seconds


class Warnings:
    """Logs to ``driftlog.capture``, at most one line a minute of each kind."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}
        self._held_back: dict[str, int] = {}

    def __call__(self, kind: str, message: str, *arguments: object) -> None:
        """Log the message on one line, unless one of its kind was within the last minute."""
        now = self._clock()
        if now - self._last.get(kind, -_INTERVAL) < _INTERVAL:
            self._held_back[kind] = self._held_back.get(kind, 0) + 1
            return
        self._last[kind] = now
        if held_back := self._held_back.pop(kind, 0):
            message += f" ({held_back} more like this since the last line)"
        # The log is the service's, whose format may let through what an input's name holds.
        _logger.warning("%s", printable(message % arguments if arguments else message))
