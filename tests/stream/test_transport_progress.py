"""The watchdog sees a worker as it is: how far it has read, acknowledged and committed."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from aiokafka.errors import KafkaConnectionError

from stream.transport import Transport, observe
from stream.watchdog import Partition
from tests.stream.scripted_kafka import CHANGELOG, ROWS, Bench, MakeBench, until


def _broker(bench: Bench, answer: Any) -> None:
    cluster = SimpleNamespace(brokers=lambda: {1})
    client = SimpleNamespace(fetch_all_metadata=answer, cluster=cluster)
    bench.app.producer._ensure_producer = lambda: SimpleNamespace(client=client)


async def _answers() -> None:
    """A broker that is there."""


async def test_read_held_acknowledged_and_committed_are_told_apart(make_bench: MakeBench) -> None:
    bench = make_bench(Transport, (ROWS, CHANGELOG), committed={ROWS: 5})
    _broker(bench, _answers)
    await bench.started()
    await until(bench.fetching)
    bench.arrive(ROWS, 5, 6, 7, 8, 9)
    await until(lambda: bench.offsets() == [5, 6, 7, 8, 9])
    bench.ack(5, 6, 8)
    seen = await observe(bench.app, now=3.0)
    assert seen.at == 3.0 and seen.broker_answers and not seen.recovering
    assert seen.partitions == {"columns-0": Partition(read=10, end=10, committed=5, committable=7)}
    await bench.consumer.commit()
    seen = await observe(bench.app, now=4.0)
    assert seen.partitions["columns-0"].committed == 7


async def test_a_recovery_is_seen_by_what_remains_to_be_read(make_bench: MakeBench) -> None:
    bench = make_bench(Transport, (ROWS, CHANGELOG))
    _broker(bench, _answers)
    bench.app.in_recovery = True
    recovery = bench.app.tables.recovery
    recovery.active_highwaters[CHANGELOG] = 40
    recovery.active_offsets[CHANGELOG] = 10
    before = await observe(bench.app, now=0.0)
    recovery.active_offsets[CHANGELOG] = 11
    after = await observe(bench.app, now=1.0)
    assert before.recovering and after.recovering
    assert before.recovery_progress != after.recovery_progress
    assert before.recovery_progress == (0, ((str(CHANGELOG), 30),))


async def test_a_broker_that_refuses_or_is_silent_does_not_answer(make_bench: MakeBench) -> None:
    bench = make_bench(Transport)

    async def refuses() -> None:
        raise KafkaConnectionError("scripted")

    async def silent() -> None:
        await asyncio.get_running_loop().create_future()

    for answer in (refuses, silent):
        _broker(bench, answer)
        assert not (await observe(bench.app, now=0.0, patience=0.01)).broker_answers
