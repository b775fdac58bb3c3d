"""``kill -9`` of workers at any moment."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Final

from tests.chaos.fleet import Fleet, fleet
from tests.chaos.kafka import kafka
from tests.chaos.paced_log import PacedLog
from tests.chaos.row import Report, Row
from tests.chaos.same_answer import same_answer

_SEED: Final = 20
_TOGETHER: Final = 0.15  # share of kills that take all workers at once
_GAP: Final = (6.0, 10.0)  # seconds between two kills


async def run(report: Report, *, short: bool) -> None:
    """Kill workers while a log is written, and compare what they tell."""
    events, per_second = (20_000, 4_000) if short else (500_000, 1_850)
    # Checkpoints are far apart, so that kills find panes told and not yet stored.
    settings = {"STREAM_CHECKPOINT_INTERVAL": "3s" if short else "2s"}
    if not short:
        settings["WORKER_SESSION_TIMEOUT"] = "6s"  # the least that Kafka takes by itself
    with kafka() as broker:
        log = PacedLog(events)
        async with fleet(report, broker, log, **settings) as workers:
            if not short:  # its topics were made a moment ago, and it has just joined its groups
                await workers.kill(await workers.start())
            await workers.attended(2)
            workers.write_soon(per_second)
            await (_few(report, workers) if short else _many(report, workers))
            workers.allow(1)
            await workers.finish(2)
            report.hold(not workers.ended, "no other worker ended")
            report.hold(
                workers.deployment.told.repeated > 0, "kills fell between telling and storing"
            )
            await same_answer(report, broker, workers, verified=not short)


async def _few(report: Report, workers: Fleet) -> None:
    """Kill one worker, then all there are, each just after it has told something."""
    kills = 0
    for stage, share in enumerate((0.4, 0.7)):
        workers.allow(share)
        await workers.closed(share - 0.2)
        victims = list(workers.workers)[: 1 + stage]
        for victim in victims:
            await workers.kill(victim)
        kills += len(victims)
        report.say(f"{kills} killed, {workers.written:,} events written")
        workers.keep(2)
    report.figure("kills", kills)


async def _many(report: Report, workers: Fleet) -> None:
    """Kill thirty at moments drawn."""
    draw, kills, together, wanted = Random(_SEED), 0, 0, 30
    while kills < wanted:
        workers.allow((kills + 1) / (wanted + 1))
        await asyncio.sleep(draw.uniform(*_GAP))
        one = workers.one_of(draw)
        victims = [] if one is None else [one]
        if draw.random() < _TOGETHER:
            victims = list(workers.workers)
            together += len(victims) > 1
        for victim in victims:
            await workers.kill(victim)
        kills += len(victims)
        count = draw.choice((2, 2, 3))
        report.say(f"{kills} killed, {workers.written:,} events written; now {count} workers")
        workers.keep(count)
    report.figure("kills", kills)
    report.figure("moments at which all workers were killed", together)


ROW: Final = Row(
    fault="`kill -9` of workers at random moments",
    dose="one kill right after the topics were made, then 30 over 500,000 events written at "
    "1,850/s, 2 to 3 workers, 8 partitions",
    holds="verdicts, alerts and gauges are those of an undisturbed run",
    run=run,
)
