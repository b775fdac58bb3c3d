"""Handing a message to its agents at once where they have room.

Faust makes four tasks for each message and takes three turns of the event loop. Beside a reader of
events whose turns are long, a worker on a backlog took one chunk where it read thirty, and its
verdicts waited for minutes.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any

__all__ = ["Delivery"]


class Delivery:
    """A coroutine that is begun where it is made, and goes on in a task only if it has to wait.

    Args:
        handing: what hands a message to its agents. It must not care which task it runs in.

    Attributes:
        done: whether it came to its end without waiting.

    Raises:
        Exception: what it raised before it first waited.
    """

    def __init__(self, handing: Coroutine[Any, Any, None]) -> None:
        self._handing = handing
        self._waits_for: Any = None
        self.done = False
        try:
            self._waits_for = handing.send(None)
        except StopIteration:
            self.done = True

    def __await__(self) -> Generator[Any, Any, None]:
        """Go on to the end."""
        waits_for = self._waits_for
        while not self.done:
            try:
                try:
                    sent = yield waits_for
                except BaseException as exc:
                    waits_for = self._handing.throw(exc)
                else:
                    waits_for = self._handing.send(sent)
            except StopIteration:
                self.done = True
