"""The way of the records of one topic: buffer, linger, send, try again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from driftlog.capture.buffer import Buffer, Item
from driftlog.capture.outbox import Delivery, Outbox
from driftlog.capture.warning import Warnings

__all__ = ["Lane"]

_logger = logging.getLogger("driftlog.capture")
_LINGER_SECONDS: Final = 0.05  # one record alone makes a poor batch
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 2.0


class Lane:
    """Buffer and delivery of one topic, so that a topic that is missing holds up no other.

    ``run`` is a task in the sender's loop; ``buffer`` and ``wake`` are for any thread.
    """

    def __init__(
        self, topic: str, limit: int, connection: Mapping[str, Any], warn: Warnings
    ) -> None:
        self.buffer = Buffer(limit, self.wake)
        self._outbox_arguments = (topic, connection, warn)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken: asyncio.Event | None = None

    def wake(self) -> None:
        """Let the sender look at once, without lingering."""
        if self._loop is not None and self._woken is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: so has the client
                self._loop.call_soon_threadsafe(self._woken.set)

    async def run(self) -> None:
        """Send what is put into the buffer, in rounds, until cancelled."""
        self._woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        outbox = Outbox(*self._outbox_arguments)
        try:
            while True:
                if self.buffer.idle():
                    await self._woken.wait()
                    self._woken.clear()
                if not self.buffer.round_full():
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_LINGER_SECONDS):
                            await self._woken.wait()
                self._woken.clear()
                await self._deliver(self.buffer.take(), outbox)
        finally:
            await outbox.close()

    async def _deliver(self, items: Sequence[Item], outbox: Outbox) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while items:
            try:
                delivery = await outbox.send(items)
            except Exception:  # a defect must cost one round, not all that come after
                _logger.exception("driftlog capture: %d records given up", len(items))
                await outbox.close()
                delivery = Delivery(0, len(items))
            self.buffer.settle(sent=delivery.sent, failed=delivery.failed, again=delivery.again)
            items = delivery.again
            if items:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
