"""All that a capture client has within one process: lanes, the sender's thread, the account."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Mapping
from typing import Any

from driftlog.capture import lifetime
from driftlog.capture.buffer import Item
from driftlog.capture.counts import CaptureCounts
from driftlog.capture.encoder import key_of
from driftlog.capture.lane import Lane
from driftlog.capture.sender import Sender
from driftlog.capture.warning import Warnings
from driftlog.errors import ContractError
from driftlog.settings import Settings

__all__ = ["Channel"]

_logger = logging.getLogger("driftlog.capture")


class Channel:
    """Takes encoded events and labels, sends them in the background, and knows what became of them.

    Made anew in every forked child. The thread starts with the first record.
    """

    def __init__(self, settings: Settings, connection: Mapping[str, Any]) -> None:
        kafka, limit = settings.kafka, settings.capture.buffer
        self._bootstrap = kafka.bootstrap
        self._flush_seconds = settings.capture.flush_timeout / 1000
        self._most_bytes = settings.stream.max_event_bytes
        self._warn = Warnings()
        events = kafka.events_topic or f"{kafka.prefix}events"
        self._events = Lane(events, limit, connection, self._warn)
        self._labels = Lane(f"{kafka.prefix}labels", limit, connection, self._warn)
        self._lanes = (self._events, self._labels)
        self._lock = threading.Lock()
        self._sender: Sender | None = None
        self._closed = False
        self._in_vain = (-math.inf, 0)  # when a flush timed out, and what was sent by then
        self._failed = self._sampled_out = self._unfit = 0

    def put_event(self, correlation_id: str, value: bytes) -> bool:
        """Take an event in; False: it was dropped.

        Raises:
            ContractError: it is too large to be read by anybody.
        """
        return self._put(self._events, correlation_id, value)

    def put_label(self, correlation_id: str, value: bytes) -> bool:
        """Take a label in, as `put_event` does an event."""
        return self._put(self._labels, correlation_id, value)

    def count_failed(self, records: int, error: Exception) -> None:
        """Account for records that could not be made."""
        with self._lock:
            self._failed += records
        self._warn("failed", "driftlog capture: a record could not be made: %s", error)

    def count_sampled_out(self) -> None:
        """Account for a record left out by sampling."""
        with self._lock:
            self._sampled_out += 1

    def count_unfit(self, cells: int, model: str) -> None:
        """Account for values that left as null."""
        with self._lock:
            self._unfit += cells
        self._warn(
            "unfit",
            "driftlog capture: %d values of an event of model %r were no number, text or boolean "
            "and are logged as null",
            *(cells, model),
        )

    def counts(self) -> CaptureCounts:
        """What became of everything so far."""
        events, labels = self._events.buffer.counts(), self._labels.buffer.counts()
        with self._lock:
            return CaptureCounts(
                sent=events.sent + labels.sent,
                dropped=events.dropped + labels.dropped,
                failed=events.failed + labels.failed + self._failed,
                buffered=events.buffered + labels.buffered,
                sampled_out=self._sampled_out,
                unfit_cells=self._unfit,
            )

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until nothing put before is held any more; None: for the settings' time."""
        deadline = time.monotonic() + (self._flush_seconds if timeout is None else timeout)
        for lane in self._lanes:
            lane.wake()
        waits = [lane.buffer.wait(max(0.0, deadline - time.monotonic())) for lane in self._lanes]
        if timeout is None and not all(waits):
            self._in_vain = (time.monotonic(), self.counts().sent)
        return all(waits)

    def _patience(self) -> float:
        """Seconds that the end may wait for the broker: none where it has just waited in vain.

        A service's end flushes (the middleware, on shutdown) and then closes: the time that the
        settings allow is for both, since supervisors kill what takes longer.
        """
        at, sent = self._in_vain
        just_now = time.monotonic() - at < self._flush_seconds
        return 0.0 if just_now and self.counts().sent == sent else self._flush_seconds

    def close(self, timeout: float | None = None) -> None:
        """Flush, drop what is left, end the thread. A second time does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            sender = self._sender
        self.flush(self._patience() if timeout is None else timeout)
        lost = sum(lane.buffer.close() for lane in self._lanes)
        if sender is not None:
            sender.stop()
        lifetime.ended(self)
        if lost:
            _logger.warning(
                "driftlog capture: %d records were dropped at the end, the broker at %s was away "
                "or slow",
                *(lost, self._bootstrap),
            )

    def _put(self, lane: Lane, correlation_id: str, value: bytes) -> bool:
        if len(value) > self._most_bytes:
            raise ContractError(
                f"it has {len(value)} bytes; stream.max_event_bytes allows {self._most_bytes}"
            )
        if self._sender is None:
            self._start()
        taken = lane.buffer.put(Item(key_of(correlation_id), value))
        if not taken:
            self._warn(
                "dropped", "driftlog capture: records are dropped, the buffer is full or closed"
            )
        return taken

    def _start(self) -> None:
        with self._lock:
            if self._sender is not None or self._closed:
                return
            sender = Sender(self._lanes)
            sender.start()
            self._sender = sender
        lifetime.started(self)
