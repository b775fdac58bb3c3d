"""A log of as many events as one likes, made while it is written; the same arguments, the same."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from random import Random
from typing import Final

import orjson

from driftlog.records import ReferenceProfile
from driftlog.testing.events import EventFactory
from tests.e2e.synthetic import NAMES, START_MS, references

__all__ = ["PacedLog"]

_STEP_MS: Final = 100  # of event time that `portions` yields at once
_TIE_MS: Final = 50  # times are multiples of it, so that most rows share theirs with another
_JITTER_MS: Final = 800  # how far a punctual row may come out of order
_STRAGGLERS: Final = 0.02  # share of rows that come long after their time
_LAGGING: Final = 3  # partition
_LAG_MS: Final = 1_500


class PacedLog:
    """Rows of three model versions, out of order, tied and now and then late, one partition behind.

    From a third to two thirds of it ``distance`` of flight-delay 2 lies 2 sd too high, and from its
    middle on a third of the fares has a carrier nobody knows. flight-delay 1 stays as it was.

    Args:
        events: how many.
        per_second: of event time.
        partitions: over which they are spread evenly.
        seed: of everything drawn.
    """

    def __init__(
        self, events: int, *, per_second: int = 1_000, partitions: int = 8, seed: int = 5
    ) -> None:
        self.events = events
        self.per_second = per_second
        self.partitions = partitions
        self.end_ms = START_MS + -(-events // per_second) * 1_000
        self._seed = seed

    def references(self) -> list[ReferenceProfile]:
        """Return what is usual for each of the model versions, their traffic included."""
        return references(step_ms=max(1, round(len(NAMES) * 1_000 / self.per_second)))

    def portions(self) -> Iterator[list[tuple[int, bytes]]]:
        """Yield (partition, value) in the order of arrival, what arrives in each 0.1 s together."""
        waiting: list[tuple[float, int, int, bytes]] = []
        until = START_MS + _STEP_MS
        for number, (arrival, ts_ms, partition, value) in enumerate(self._rows()):
            while ts_ms >= until:  # what comes from now on arrives no earlier
                yield [(row[2], row[3]) for row in _before(until, waiting)]
                until += _STEP_MS
            heappush(waiting, (arrival, number, partition, value))
        while waiting:
            yield [(row[2], row[3]) for row in _before(until, waiting)]
            until += _STEP_MS

    def _rows(self) -> Iterator[tuple[float, int, int, bytes]]:
        """Yield arrival, event time, partition and value, in the order of event time."""
        draw = Random(f"paced log {self._seed}")
        factories = [EventFactory(*name, seed=self._seed) for name in NAMES]
        third, half = self.events // 3, self.events // 2
        for number in range(self.events):
            which = number % len(NAMES)
            exact = START_MS + number * 1_000 // self.per_second
            ts_ms = exact - exact % _TIE_MS
            event = factories[which].event(ts_ms=ts_ms)
            if which == 1 and third <= number < 2 * third:
                event["inputs"]["distance"] += 400.0
            if which == 2 and number >= half and draw.random() < 1 / 3:
                event["inputs"]["carrier"] = "ZZ"
            delay = draw.random() * _JITTER_MS
            if draw.random() < _STRAGGLERS:
                delay += 1_200 + draw.random() * 3_000
            partition = draw.randrange(self.partitions)
            delay += _LAG_MS if partition == _LAGGING else 0
            yield ts_ms + delay, ts_ms, partition, orjson.dumps(event)


def _before(
    until: float, waiting: list[tuple[float, int, int, bytes]]
) -> Iterator[tuple[float, int, int, bytes]]:
    while waiting and waiting[0][0] < until:
        yield heappop(waiting)
