"""The bounded buffer between the service and the sender, which keeps account of each record."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from driftlog.capture.counts import CaptureCounts

__all__ = ["ROUND", "Buffer", "Item"]

ROUND: Final = 2_000  # records sent at once
_MAX_BYTES: Final = 64 * 1_048_576  # 10,000 events of the largest size would be 10 GB


class Item(NamedTuple):
    """A record as it goes to the topic."""

    key: bytes
    value: bytes


class Buffer:
    """Holds at most ``limit`` records, and 64 MiB, until the broker has acknowledged them.

    The service puts, from any thread, and never waits: what does not fit is dropped and counted.
    One sender takes records and settles them; the order of settling is that of taking.

    Args:
        limit: records held, those under way included.
        wake: called after a put when the sender is asleep, or a round is full.
    """

    def __init__(self, limit: int, wake: Callable[[], None]) -> None:
        self._limit = limit
        self._round = max(1, min(limit // 2, ROUND))
        self._wake = wake
        self._lock = threading.Lock()
        self._settled = threading.Condition(self._lock)
        self._queue: deque[Item] = deque()
        self._under_way: Sequence[Item] = ()
        self._bytes = 0
        self._asleep = False
        self._closed = False
        self._put = 0  # accepted so far
        self._sent = self._dropped = self._failed = 0

    def put(self, item: Item) -> bool:
        """Take a record in, or count it as dropped and return False."""
        size = len(item.value)
        with self._lock:
            waiting = len(self._queue) + 1
            if (
                self._closed
                or waiting + len(self._under_way) > self._limit
                or self._bytes + size > _MAX_BYTES
            ):
                self._dropped += 1
                return False
            self._queue.append(item)
            self._bytes += size
            self._put += 1
            wake = self._asleep or waiting == self._round
            self._asleep = False
        if wake:
            self._wake()
        return True

    def idle(self) -> bool:
        """Return whether nothing waits; if so, the next put wakes the sender."""
        with self._lock:
            self._asleep = not self._queue
            return self._asleep

    def round_full(self) -> bool:
        """Return whether so much waits that the sender should linger no longer."""
        return len(self._queue) >= self._round

    def take(self) -> Sequence[Item]:
        """Hand the oldest records, one round at most, to the sender."""
        with self._lock:
            size = min(ROUND, len(self._queue))
            self._under_way = [self._queue.popleft() for _ in range(size)]
            return self._under_way

    def settle(self, *, sent: int, failed: int, again: Sequence[Item] = ()) -> None:
        """Account for the records taken; those to be tried ``again`` stay under way."""
        with self._lock:
            if self._closed:
                return  # close() has already counted them
            self._bytes -= _size(self._under_way) - _size(again)
            self._under_way = again
            self._sent += sent
            self._failed += failed
            self._settled.notify_all()

    def wait(self, timeout: float | None) -> bool:
        """Wait until nothing that was put before this call is held; return whether it came so."""
        with self._lock:
            goal = self._put
            return self._settled.wait_for(
                lambda: self._closed or self._put - self._held() >= goal, timeout
            )

    def close(self) -> int:
        """Take nothing in any more, drop what is held, and return how many that were."""
        with self._lock:
            lost = self._held()
            self._closed = True
            self._dropped += lost
            self._queue.clear()
            self._under_way = ()
            self._bytes = 0
            self._settled.notify_all()
            return lost

    def counts(self) -> CaptureCounts:
        """Return sent, dropped, failed and buffered, at one moment."""
        with self._lock:
            return CaptureCounts(self._sent, self._dropped, self._failed, self._held())

    def _held(self) -> int:
        return len(self._queue) + len(self._under_way)


def _size(items: Sequence[Item]) -> int:
    return sum(len(item.value) for item in items)
