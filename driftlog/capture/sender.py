"""The one background thread of a capture client, with an event loop of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

from driftlog.capture.lane import Lane
from driftlog.flood import FloodFilter

__all__ = ["Sender"]

_JOIN_SECONDS: Final = 2.0
_NAME: Final = "driftlog-capture"  # of the thread
_LINE_AGAIN_SECONDS: Final = 60.0


class _Loop(asyncio.SelectorEventLoop):
    """A loop that looks names up itself: executors refuse work while the interpreter ends,
    which is when a short script is to be flushed. Nobody else waits for this loop.
    """

    async def getaddrinfo(self, *args: Any, **kwargs: Any) -> Any:
        return socket.getaddrinfo(*args, **kwargs)


class Sender:
    """Runs the lanes in a daemon thread from ``start`` to ``stop``."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._lanes = lanes
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name=_NAME, daemon=True)

    def start(self) -> None:
        """Start the thread. Once only.

        While a broker is away aiokafka writes several lines a second, into the service's log. Those
        of this thread are bounded; those of the service's own clients are not touched.
        """
        flood = FloodFilter(clock=lambda: time.monotonic() / _LINE_AGAIN_SECONDS, thread=_NAME)
        flood.attach(logging.getLogger("aiokafka"))
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what its lanes have not sent is given up."""
        if self._ready.wait(_JOIN_SECONDS) and self._loop is not None and self._main is not None:
            self._loop.call_soon_threadsafe(self._main.cancel)
            self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=_Loop) as runner:
            try:
                runner.run(self._lanes_until_stopped())
            except asyncio.CancelledError:
                return

    async def _lanes_until_stopped(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._main = asyncio.current_task()
        self._ready.set()
        await asyncio.gather(*(lane.run() for lane in self._lanes))
