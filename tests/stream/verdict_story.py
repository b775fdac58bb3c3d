"""A topic of verdicts and markers as several partitions of columns write it, by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from driftlog.records import MARKER, VERDICT, Marker, Verdict
from stream.routing import series_name
from tests.stream.verdict_factory import (
    DRIFT,
    INSUFFICIENT,
    MINOR,
    OK,
    PANE,
    PENDING,
    signal,
    verdict,
)

COLUMNS = 3
PANES = 40


@dataclass(frozen=True)
class Record:
    """What is on the topic."""

    key: bytes
    value: bytes


def marker(number: int, through_pane: int) -> Record:
    record = Marker(marker=number, closed_through_ms=through_pane * PANE)
    return Record(b"marker %d" % number, MARKER.encode(record))


def said(one: Verdict) -> Record:
    series = series_name(one.model, one.version, one.segment)
    return Record(f"{series}#{one.shard}".encode(), VERDICT.encode(one))


def story(chance: Random) -> list[tuple[int, Verdict]]:
    """Verdicts of two models, two versions, segments and shards, with the partition of columns.

    States wander as those of a lifecycle do; series fall silent for a while and come back.
    """
    shards = [
        (model, version, segment, shard)
        for model in ("late", "fraud")
        for version in ("1", "2")
        for segment in ("*", "JFK")
        for shard in (0, 1)
    ]
    found = []
    for name in shards:
        home = chance.randrange(COLUMNS)
        wander = {f"s{name[3]}{i}": OK for i in range(3)}
        began = dict.fromkeys(wander, 0)
        silent_until = 0
        for pane in range(PANES):
            if chance.random() < 0.02:
                silent_until = pane + chance.randrange(30)
            for x, state in wander.items():
                if chance.random() < 0.2:
                    wander[x] = chance.choice(
                        [DRIFT, OK] if state is DRIFT else [OK, MINOR, PENDING, DRIFT, INSUFFICIENT]
                    )
                    began[x] = chance.randrange(max(0, pane - 9), pane + 1)
            if pane < silent_until:
                continue
            signals = [
                signal(x, state, pane=pane, onset=began[x], sd=chance.random() * 2)
                for x, state in wander.items()
            ]
            model, version, segment, shard = name
            one = verdict(
                pane,
                signals,
                model=model,
                version=version,
                segment=segment,
                shard=shard,
                shards=2,
            )
            found.append((home, one))
    return found


def log(verdicts: Sequence[tuple[int, Verdict]], chance: Random) -> list[Record]:
    """The topic as partitions of columns write it: each its verdicts and then their marker.

    How far the partitions are ahead of one another, and how many panes a marker covers, is chance.
    """
    queues: list[list[Record]] = []
    for number in range(COLUMNS):
        mine = [one for home, one in verdicts if home == number]
        records: list[Record] = []
        closed = 0
        while closed < PANES:
            through = min(PANES, closed + chance.choice([1, 1, 1, 2, 7, 40]))
            batch = [one for one in mine if closed * PANE < one.pane_end_ms <= through * PANE]
            chance.shuffle(batch)
            records += [said(one) for one in batch]
            records.append(marker(number, through))
            closed = through
        queues.append(records)
    found = []
    while any(queues):
        queue = chance.choice([q for q in queues if q])
        for _ in range(chance.choice([1, 5, 50])):
            if queue:
                found.append(queue.pop(0))
    return found
