"""Bad input costs itself and nothing else: each record is judged or is a dead letter."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import orjson

from driftlog.records import Reason, ReferenceProfile
from driftlog.testing.cluster import Broker
from driftlog.testing.events import EventFactory
from tests.e2e.deployment import deployed
from tests.e2e.event_log import writing
from tests.e2e.waiting import eventually

MAX_BYTES = 5_000
PARTITIONS = 4


def event(**fields: Any) -> dict[str, Any]:
    return EventFactory(seed=3).event(**fields)


def without(name: str) -> bytes:
    return orjson.dumps({key: value for key, value in event().items() if key != name})


def bad_events() -> list[tuple[Reason, bytes | None]]:
    """One record or more for every reason that does not need the broker's clock."""
    return [
        (Reason.NOT_JSON, b"{not json"),
        (Reason.NOT_JSON, None),
        (Reason.NOT_JSON, b""),
        (Reason.NOT_JSON, b'{"v": 1, "model": "\xff"}'),
        (Reason.NOT_JSON, orjson.dumps(event()).replace(b'"v":1', b'"v":NaN')),
        (Reason.NOT_OBJECT, b"[1, 2]"),
        (Reason.NOT_OBJECT, b"7"),
        (Reason.MISSING_FIELD, without("model")),
        (Reason.MISSING_FIELD, without("inputs")),
        (Reason.MISSING_FIELD, b"{}"),
        (Reason.WRONG_TYPE, orjson.dumps(event(ts_ms="yesterday"))),
        (Reason.WRONG_TYPE, orjson.dumps(event(version=3))),
        (Reason.WRONG_TYPE, orjson.dumps(event() | {"inputs": [1, 2]})),
        (Reason.UNKNOWN_VERSION, orjson.dumps(event(v=2))),
        (Reason.UNKNOWN_MODEL, orjson.dumps(event(model="nobody"))),
        (Reason.UNKNOWN_MODEL, orjson.dumps(event(version="9"))),
        (Reason.OVERSIZE, orjson.dumps(event(inputs={"note": "x" * MAX_BYTES}))),
    ]


async def test_every_bad_event_is_a_dead_letter_and_its_neighbours_are_judged(
    broker: Broker, tmp_path: Path, profiles: list[ReferenceProfile]
) -> None:
    bad = bad_events()
    if broker.kind == "kafka":  # there alone the broker's clock is on the record
        in_an_hour = int(time.time() * 1000) + 3_600_000
        bad.append((Reason.FUTURE, orjson.dumps(event(ts_ms=in_an_hour))))
    assert {reason for reason, _ in bad} == set(Reason) - (
        set() if broker.kind == "kafka" else {Reason.FUTURE}
    )
    factory = EventFactory(seed=4, step_ms=20)
    records: list[tuple[int, bytes | None]] = []
    wanted: Counter[tuple[str, bytes | None, int, int]] = Counter()
    offsets: defaultdict[int, int] = defaultdict(int)
    valid = 0
    for number in range(20 * len(bad)):
        partition = number % PARTITIONS
        records.append((partition, factory.json()))
        offsets[partition] += 1
        valid += 1
        if number % 20 == 7:
            reason, raw = bad[number // 20]
            records.append((partition, raw))
            wanted[reason.value, raw, partition, offsets[partition]] += 1
            offsets[partition] += 1
    # Of a wrong type is one cell, not the event.
    records.append((0, factory.json(inputs={"distance": "far"})))
    last = orjson.loads(records[-1][1] or b"")["ts_ms"]
    end_ms = last - last % 1000 + 1000
    async with deployed(
        broker,
        tmp_path,
        profiles,
        MODELS_UNKNOWN="reject",
        STREAM_MAX_EVENT_BYTES=str(MAX_BYTES),
    ) as deployment:
        worker = await deployment.start()
        async with writing(deployment.settings) as events:
            await events.write(records)
            await events.close(end_ms)
        await deployment.closed(end_ms)
        told = deployment.told
        await told.until(lambda: len(told.dead) >= len(bad), "all dead letters")
        found: Counter[tuple[str, bytes | None, int, int]] = Counter()
        for letter in told.dead:
            headers = {name: value.decode() for name, value in letter.headers}
            assert headers["topic"] == events.topic
            assert headers["detail"]
            assert letter.key == b"k", "the key as it came"
            place = (int(headers["partition"]), int(headers["offset"]))
            found[(headers["reason"], letter.value, *place)] += 1
        assert found == wanted
        rows = sum(v.rows for v in told.decoded().values() if v.shard == 0)
        assert rows == valid + 1, "every valid event was judged"
        assert rows + len(told.dead) == len(records), "nothing was lost"
        gauges = await worker.gauges()
        assert gauges.total("driftlog_events_total") == len(records)
        for reason, count in Counter(reason for reason, _ in bad).items():
            held = gauges.one("driftlog_dead_letters_total", reason=reason.value)
            assert held == count, reason
        assert gauges.one("driftlog_wrong_type_cells_total", signal="distance") == 1
        assert gauges.total("driftlog_lost_total") == 0
        assert worker.alive


async def test_labels_are_taken_and_bad_ones_are_dead_letters(
    broker: Broker, tmp_path: Path, profiles: list[ReferenceProfile]
) -> None:
    factory = EventFactory(seed=6)
    good = [orjson.dumps(factory.label(one)) for one in factory.events(50)]
    label = factory.label(event())
    bad: list[tuple[Reason, bytes | None]] = [
        (Reason.NOT_JSON, b"late"),
        (Reason.NOT_OBJECT, b'"late"'),
        (Reason.MISSING_FIELD, orjson.dumps({k: v for k, v in label.items() if k != "label"})),
        (Reason.WRONG_TYPE, orjson.dumps(label | {"event_id": 7})),
        (Reason.UNKNOWN_VERSION, orjson.dumps(label | {"v": 3})),
    ]
    async with deployed(broker, tmp_path, profiles) as deployment:
        worker = await deployment.start()
        async with writing(deployment.settings, "labels") as labels:
            await labels.write((number % PARTITIONS, raw) for number, raw in enumerate(good[:25]))
            await labels.write((1, raw) for _, raw in bad)
            await labels.write((number % PARTITIONS, raw) for number, raw in enumerate(good[25:]))
        told = deployment.told
        await told.until(lambda: len(told.dead) >= len(bad), "a dead letter for each bad label")
        found = []
        for letter in told.dead:
            headers = {name: value.decode() for name, value in letter.headers}
            assert headers["topic"] == labels.topic
            assert headers["partition"] == "1"
            found.append((headers["reason"], letter.value))
        assert found == [(reason.value, raw) for reason, raw in bad]

        async def all_taken() -> bool:
            return (await worker.gauges()).total("driftlog_labels_total") == len(good)

        await eventually(all_taken, "all good labels taken")
        assert not told.verdicts
