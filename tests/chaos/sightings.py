"""What the workers of a fleet show of themselves while things are done to them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import httpx

from driftlog.settings import Settings
from tests.e2e.gauges import Gauges
from tests.e2e.worker_process import WorkerProcess

__all__ = ["COUNTERS", "OWNED", "Sightings"]

_LOOK: Final = 0.5  # seconds
_SCRAPE: Final = 4  # every so many looks the gauges are read too
_PATIENCE: Final = 5.0  # seconds; one that is just being killed does not answer

# Each label set of them belongs to one partition, and so to one worker.
OWNED: Final = (
    "driftlog_state",
    "driftlog_rows",
    "driftlog_score",
    "driftlog_closed_through_timestamp_seconds",
)
# Each is bad news, whatever is done to workers and brokers.
COUNTERS: Final = (
    "driftlog_late_idle_total",
    "driftlog_lost_total",
    "driftlog_conflicting_verdicts_total",
    "driftlog_state_discarded_total",
    "driftlog_refused_records_total",
    "driftlog_dead_letters_total",
)


class Sightings:
    """Looks at the workers twice a second.

    Args:
        settings: of the deployment: how many partitions there are to own.
        workers: those that are to be alive; looked at anew each time.
        skip: those that cannot answer now.
    """

    def __init__(
        self, settings: Settings, workers: Sequence[WorkerProcess], skip: Sequence[WorkerProcess]
    ) -> None:
        self.spells: list[float] = []  # seconds in which some partition had no owner at work
        self.scrapes = 0  # of all workers, with every partition owned before and after
        self.twice: Counter[str] = Counter()  # gauges told by two workers in such a scrape
        self._settings = settings
        self._workers = workers
        self._skip = skip
        self._counted: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self._since: float | None = None
        self._began = False  # there was a moment with all partitions owned

    @property
    def counted(self) -> Counter[str]:
        """Sums over all workers ever seen, of the last sight of each."""
        return sum(self._counted.values(), Counter())

    async def watch(self) -> None:
        """Look until cancelled."""
        look = 0
        while True:
            await self._look(scrape=look % _SCRAPE == 0)
            look += 1
            await asyncio.sleep(_LOOK)

    async def whole(self) -> bool:
        """Whether every partition is owned by a worker that answers."""
        return self._whole(await self._states(list(self._workers)))

    async def scrape(self) -> list[Gauges]:
        """Read the gauges of all workers and take note; those that do not answer are left out."""
        workers = [one for one in self._workers if one not in self._skip]
        found = await asyncio.gather(*(_gauges(worker) for worker in workers))
        for worker, gauges in zip(workers, found, strict=True):
            if gauges is not None:
                for name in COUNTERS:
                    self._counted[worker.pid][name] = int(gauges.total(name))
        return [gauges for gauges in found if gauges is not None]

    async def _look(self, *, scrape: bool) -> None:
        workers = list(self._workers)
        states = await self._states(workers)
        now = time.monotonic()
        whole = self._whole(states)
        if whole and self._since is not None:
            self.spells.append(now - self._since)
            self._since = None
        elif not whole and self._began and self._since is None:
            self._since = now
        self._began |= whole
        if not scrape:
            return
        found = await self.scrape()
        if whole and len(found) == len(workers) and await self._states(workers) == states:
            self.scrapes += 1
            self.twice.update(told_twice(found))

    async def _states(self, workers: Sequence[WorkerProcess]) -> list[dict[str, Any] | None]:
        return await asyncio.gather(*(self._state(worker) for worker in workers))

    async def _state(self, worker: WorkerProcess) -> dict[str, Any] | None:
        if worker in self._skip or not worker.url:
            return None
        with suppress(TimeoutError, httpx.HTTPError):
            return await asyncio.wait_for(worker.state(), _PATIENCE)
        return None

    def _whole(self, states: Sequence[dict[str, Any] | None]) -> bool:
        kafka = self._settings.kafka
        wanted = {
            "columns": kafka.column_partitions,
            "verdicts": kafka.verdict_partitions,
            "sources": kafka.event_partitions,
        }
        held = [state for state in states if state is not None]
        return len(held) == len(states) and all(
            sum(state[kind] for state in held) == count for kind, count in wanted.items()
        )


def told_twice(found: Sequence[Gauges]) -> Counter[str]:
    """Return the names of owned gauges of which two workers tell the same label set."""
    twice: Counter[str] = Counter()
    for name in OWNED:
        sets = Counter(
            tuple(sorted(labels.items())) for one in found for labels, _ in one.all(name)
        )
        twice[name] += sum(count > 1 for count in sets.values())
    return +twice


async def _gauges(worker: WorkerProcess) -> Gauges | None:
    with suppress(TimeoutError, httpx.HTTPError):
        return await asyncio.wait_for(worker.gauges(), _PATIENCE)
    return None
