"""What happens to capture clients when the process forks or ends."""

from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Callable
from typing import Protocol

__all__ = ["ended", "started", "watch"]


class Closable(Protocol):
    """What is closed at the end of the process."""

    def close(self) -> None:
        """Flush and end."""


_watched: weakref.WeakKeyDictionary[object, weakref.WeakMethod[Callable[[], None]]] = (
    weakref.WeakKeyDictionary()
)
_started: set[Closable] = set()  # kept alive until closed: they hold records under way


def watch(client: object, begin: Callable[[], None]) -> None:
    """Call ``begin``, a method of the client, in every forked child for as long as it lives."""
    _watched[client] = weakref.WeakMethod(begin)


def started(channel: Closable) -> None:
    """Close the channel at the end of this process, unless it ended before."""
    _started.add(channel)


def ended(channel: Closable) -> None:
    """Forget a channel that was closed."""
    _started.discard(channel)


def _at_exit() -> None:
    for channel in list(_started):
        channel.close()


def _in_child() -> None:
    # The parent's loop, connections and threads are left untouched: to close them here would
    # close them there. Its locks may be held by threads that are not here, so all is made anew.
    _started.clear()
    for begin in list(_watched.values()):
        if (method := begin()) is not None:
            method()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):  # Windows cannot fork
    os.register_at_fork(after_in_child=_in_child)
