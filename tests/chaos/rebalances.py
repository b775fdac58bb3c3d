"""Workers that join and leave every few seconds."""

from __future__ import annotations

import asyncio
import time
from random import Random
from typing import Final

from tests.chaos.fleet import Fleet, fleet
from tests.chaos.kafka import kafka
from tests.chaos.paced_log import PacedLog
from tests.chaos.row import Report, Row
from tests.chaos.same_answer import same_answer

_SEED: Final = 21
_CHANGES: Final = 40
_GAP: Final = (3.0, 7.0)  # seconds between two of them
_MOST: Final = 3  # workers


async def run(report: Report, *, short: bool) -> None:
    """Let workers come and go while a log is written, and compare what they tell."""
    events, per_second = (20_000, 4_000) if short else (500_000, 1_850)
    settings = {} if short else {"WORKER_SESSION_TIMEOUT": "6s"}  # the least of Kafka's own
    with kafka() as broker:
        async with fleet(report, broker, PacedLog(events), **settings) as workers:
            await asyncio.gather(workers.start(), workers.start())
            workers.write_soon(per_second)
            leaving = _Leaving(report, workers)
            await (_few if short else _many)(report, workers, leaving)
            workers.allow(1)
            await workers.finish(2)
            leaving.account()
            report.hold(not workers.ended, "no worker ended by itself")
            await same_answer(report, broker, workers, verified=not short)


class _Leaving:
    """Workers told to end, how they ended and how long it took."""

    def __init__(self, report: Report, workers: Fleet) -> None:
        self._report = report
        self._workers = workers
        self._codes: list[int] = []
        self._longest = 0.0

    async def one(self, draw: Random) -> None:
        """Tell one of the workers to end, and wait for it."""
        worker = self._workers.one_of(draw)
        if worker is None:
            return
        began = time.monotonic()
        self._codes.append(await self._workers.stop(worker))
        self._longest = max(self._longest, time.monotonic() - began)

    def account(self) -> None:
        """Tell the report."""
        self._report.figure("workers told to end", len(self._codes))
        self._report.figure("longest time to end, s", round(self._longest, 1))
        self._report.hold(not any(self._codes), "each that was told to end, ended with 0")


async def _few(report: Report, workers: Fleet, leaving: _Leaving) -> None:
    draw = Random(_SEED)
    for share in (0.4, 0.7):
        workers.allow(share)
        await workers.closed(share - 0.2)
        await asyncio.gather(leaving.one(draw), workers.start())
    report.figure("joins and leaves", 4)


async def _many(report: Report, workers: Fleet, leaving: _Leaving) -> None:
    draw = Random(_SEED)
    for number in range(_CHANGES):
        workers.allow((number + 1) / (_CHANGES + 1))
        await asyncio.sleep(draw.uniform(*_GAP))
        count = len(workers.workers)
        if count > 1 and (count >= _MOST or draw.random() < 0.5):
            await leaving.one(draw)
        else:
            await workers.start()
        report.say(
            f"change {number + 1}, {workers.written:,} events written; "
            f"now {len(workers.workers)} workers"
        )
    report.figure("joins and leaves", _CHANGES)


ROW: Final = Row(
    fault="a worker joins or leaves every few seconds",
    dose="40 joins and leaves over 500,000 events written at 1,850/s, 1 to 3 workers, 8 partitions",
    holds="as under kills; each worker that is told to end, ends with 0",
    run=run,
)
