"""Stored state that is no state: what it held begins afresh and says so, the rest lives."""

from __future__ import annotations

import pickle
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from driftlog.kafka import connection
from driftlog.records import SignalState
from driftlog.testing.embedded import EmbeddedBroker
from driftlog.testing.events import EventFactory
from driftlog.topics import changelog_name
from stream.topic_end import read_to_end, reader
from stream.topics import INCIDENTS_TABLE, MONITOR_TABLE, Topics
from tests.chaos.fleet import PATIENCE
from tests.chaos.row import Report, Row
from tests.e2e.deployment import Deployment, deployed
from tests.e2e.event_log import writing
from tests.e2e.expected import expected, placeless
from tests.e2e.synthetic import START_MS, SyntheticLog, references
from tests.e2e.waiting import eventually

__all__ = ["ROW"]

_PANES_A_PART: Final = 6
_BEGINNING_MS: Final = 5_000  # within which a window that begins holds too few rows
_LEARNS: Final = "learns"  # a model without a reference
_DAMAGED: Final = "fares"  # the model whose series and incidents are damaged
_HEAD: Final = re.compile(rb"^(driftlog [a-z ]+ )[0-9]+\n")


@dataclass(frozen=True, slots=True)
class _Stored:
    """A record of a changelog."""

    table: str
    partition: int
    key: bytes
    value: bytes

    @property
    def kind(self) -> str:
        """What it is the state of; empty: of something that is left alone."""
        own = self.key[6:]
        if own.startswith(b"\0partition"):
            return f"{self.table} partition"
        if own.startswith(b"\0learn/" + _LEARNS.encode()):
            return "learned rows"
        if own.startswith((_DAMAGED.encode() + b"@", b"model " + _DAMAGED.encode())):
            return "series" if self.table == MONITOR_TABLE else "incidents of a model"
        return ""


class _Bomb:
    """What a careless reader of pickles would run."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Path.touch, (self.file,)


class _Damage:
    """Five ways to spoil a record."""

    def __init__(self, bomb: Path) -> None:
        self._draw = Random("damage")
        self._pickle = pickle.dumps(_Bomb(bomb))

    def ways(self) -> tuple[str, ...]:
        """Their names."""
        return ("cut short", "of a future version", "of another type", "noise", "a pickle")

    def done(self, how: str, one: _Stored, others: Mapping[str, bytes]) -> bytes:
        """Return what to store in the place of a record.

        Args:
            how: the way.
            one: the record.
            others: a record of each kind there is.
        """
        if how == "cut short":
            return one.value[: self._draw.randrange(len(one.value))]
        if how == "of a future version":
            return _HEAD.sub(rb"\g<1>99\n", one.value)
        if how == "of another type":
            return next(value for kind, value in others.items() if kind != one.kind)
        return self._pickle if how == "a pickle" else self._draw.randbytes(len(one.value))


async def _run(report: Report, *, short: bool) -> None:
    with EmbeddedBroker() as broker, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        damage = _Damage(folder / "executed")
        ways = damage.ways()[:1] if short else damage.ways()
        log = SyntheticLog(panes=_PANES_A_PART * (len(ways) + 1))
        async with (
            deployed(broker, folder, references()) as deployment,
            writing(deployment.settings) as events,
        ):
            worker = await deployment.start(within=PATIENCE)
            await events.write(_part(log, 0))
            spoiled, discarded, said = 0, 0, True
            restarts: list[int] = []
            # The last panes told before a restart are in no checkpoint: a series that begins afresh
            # tells of them again, by windows that begin.
            deployment.told.may_begin_afresh = _DAMAGED
            for number, how in enumerate(ways, start=1):
                await _judged(deployment, START_MS + (number * _PANES_A_PART - 4) * 1000)
                await deployment.end(worker)
                restarts.append(max(end for _, end in deployment.told.verdicts))
                count = await _spoil(deployment, damage, how)
                spoiled += sum(count.values())
                report.say(f"{how}: {', '.join(f'{n} {kind}' for kind, n in count.items())}")
                worker = await deployment.start(within=PATIENCE)
                await events.write(_part(log, number))
                await _until_discarded(deployment, sum(count.values()))
                gauges = await worker.gauges()
                discarded += int(gauges.total("driftlog_state_discarded_total"))
                said &= "stored state was discarded, and begins afresh" in worker.log
            await events.close(log.end_ms)
            await deployment.closed(log.end_ms, PATIENCE)
            report.figure("records damaged", f"{spoiled} in {len(ways)} restarts")
            report.figure("verdicts told again by windows that begin", deployment.told.afresh)
            report.hold(worker.alive, "every start went through")
            report.hold(discarded == spoiled, "each damaged record is counted")
            report.hold(said, "and each start says so in the log")
            report.hold(not (folder / "executed").exists(), "nothing of it was executed")
            _judge_answers(report, deployment, log, restarts)


def _part(log: SyntheticLog, number: int) -> Iterator[tuple[int, bytes]]:
    """Eight panes of the log, and between its rows those of a model that learns."""
    factory = EventFactory(_LEARNS, seed=number)
    begin = number * _PANES_A_PART
    for at, (partition, value) in enumerate(log.records(begin, begin + _PANES_A_PART)):
        yield partition, value
        if at % 3 == 0:
            row = log.rows[begin * 60 + at]
            yield partition, factory.json(ts_ms=row.ts_ms)


async def _judged(deployment: Deployment, through_ms: int) -> None:
    told = deployment.told
    await told.until(lambda: told.closed_through_ms >= through_ms, "some panes more", PATIENCE)


async def _until_discarded(deployment: Deployment, count: int) -> None:
    (worker,) = deployment.workers

    async def found() -> bool:
        assert worker.alive, f"the worker has ended:\n{worker.log[-3000:]}"
        return (await worker.gauges()).total("driftlog_state_discarded_total") >= count

    await eventually(found, f"{count} records discarded", PATIENCE)


async def _spoil(deployment: Deployment, damage: _Damage, how: str) -> dict[str, int]:
    """Damage all records of the kinds that are to be; return how many of each."""
    records = [
        one
        for table in (MONITOR_TABLE, INCIDENTS_TABLE)
        for one in await _stored(deployment, table)
        if one.kind
    ]
    others = {one.kind: one.value for one in records}
    settings = deployment.settings
    producer: Any = AIOKafkaProducer(acks="all", **connection(settings.kafka))
    await producer.start()
    try:
        for one in records:
            await producer.send_and_wait(
                changelog_name(Topics.of(settings).app_id, one.table),
                damage.done(how, one, others),
                key=one.key,
                partition=one.partition,
            )
    finally:
        await producer.stop()
    done = [one.kind for one in records]
    # Parts of one learner are one state.
    return {kind: done.count(kind) if kind != "learned rows" else 1 for kind in sorted(set(done))}


async def _stored(deployment: Deployment, table: str) -> list[_Stored]:
    """What a new owner of the partitions of a table would find."""
    settings = deployment.settings
    found: dict[tuple[int, bytes], _Stored] = {}
    topic = changelog_name(Topics.of(settings).app_id, table)
    async with reader(settings.kafka, topic) as consumer:
        async for _, records in read_to_end(consumer):
            for record in records:
                at = (record.partition, record.key or b"")
                found.pop(at, None)
                if record.value is not None:
                    found[at] = _Stored(table, *at, record.value)
    return [found[at] for at in sorted(found)]


def _judge_answers(
    report: Report, deployment: Deployment, log: SyntheticLog, restarts: list[int]
) -> None:
    """What was not damaged tells what it would have told, what was begins with too few rows."""
    wanted = expected(log.punctual(), references(), deployment.settings)
    told = deployment.told.decoded()
    of_others = {name: one for name, one in wanted.verdicts.items() if one.model != _DAMAGED}
    report.figure("verdicts of undamaged series compared", f"{len(of_others):,}")
    same = all(
        name in told and placeless(told[name]) == placeless(one) for name, one in of_others.items()
    )
    report.hold(same, "undamaged series tell what they would have told, across all restarts")
    damaged = {name for name, one in wanted.verdicts.items() if one.model == _DAMAGED}
    report.hold(damaged <= told.keys(), "damaged series are judged on, pane by pane")
    begun = all(
        any(
            signal.state is SignalState.INSUFFICIENT
            for _, one in sorted((at, one) for at, one in told.items() if at[0] == series)
            if restart < one.pane_end_ms <= restart + _BEGINNING_MS
            for signal in one.signals
        )
        for series in {key for key, _ in damaged}
        for restart in restarts
    )
    report.hold(begun, "and begin with too few rows to judge")
    models = {one.model for one in wanted.alerts} - {_DAMAGED}
    alerts = [
        [(a.alert_id, a.pane_end_ms, a.status, a.title) for a in some if a.model in models]
        for some in (deployment.told.all_alerts(), wanted.alerts)
    ]
    report.hold(bool(alerts[1]) and alerts[0] == alerts[1], "so do alerts of undamaged models")


ROW = Row(
    fault="corrupt state",
    dose="five restarts (embedded broker), each with all series of a model, its incidents, rows "
    "being learned, and the records of all partitions of both tables cut short, of a future "
    "version, of another type, noise, or a pickle",
    holds="what was damaged begins afresh, is counted and said in the log; all else is told as "
    "if nothing had been; nothing executes",
    run=_run,
)
