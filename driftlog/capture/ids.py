"""Event ids: ULIDs, which sort by the time they were made, without a lock or a system call."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable

__all__ = ["EventIds"]

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_PAIRS = tuple(a + b for a in _ALPHABET for b in _ALPHABET)  # 10 bits a lookup


def _eight(number: int) -> str:
    """Write the lowest 40 bits as 8 characters."""
    return (
        _PAIRS[number >> 30 & 1023]
        + _PAIRS[number >> 20 & 1023]
        + _PAIRS[number >> 10 & 1023]
        + _PAIRS[number & 1023]
    )


class EventIds:
    """Makes ids of 26 characters: 48 bits of Unix time in ms, 40 random bits, a 40-bit counter.

    The random bits are drawn once, so that an id costs half a microsecond; two makers meet only
    if both their 40 bits and their counters agree within one millisecond. A forked child must make
    a maker of its own. Ids are unique, not secret.

    Source: the ULID specification, whose random part is filled as its monotonic mode allows.

    >>> ids = EventIds(clock=lambda: 1_732_100_000.123)
    >>> ids()[:10], len(ids()), ids() < ids()
    ('01JD4K92BV', 26, True)
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._tag = _eight(int.from_bytes(os.urandom(5), "big"))
        # Starts in the lower half: 2^39 ids before the counter could wrap within a process.
        self._counter = itertools.count(int.from_bytes(os.urandom(5), "big") >> 1)
        self._prefix = (-1, "")

    def __call__(self) -> str:
        """Return a new id."""
        now = int(self._clock() * 1000)
        at, prefix = self._prefix  # one tuple: another thread cannot change half of it
        if at != now:
            prefix = _eight(now >> 10) + _PAIRS[now & 1023]
            self._prefix = (now, prefix)
        return prefix + self._tag + _eight(next(self._counter))
