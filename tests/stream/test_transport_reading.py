"""Nothing is lost between a rebalance, a fetch in flight and a seek; stock Faust shows why."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka import TopicPartition
from faust.transport.drivers.aiokafka import Transport as Stock
from faust.types import TP

from stream.transport import Transport as Ours
from stream.transport import TransportError
from tests.stream.scripted_kafka import CHANGELOG, OTHER, ROWS, Bench, MakeBench, settle, until


async def _recover_under_a_waiting_fetch(bench: Bench) -> list[int]:
    """A rebalance while a fetch waits; recovery seeks; records come; recovery reads."""
    await bench.started()
    await until(bench.fetching)
    bench.consumer.stop_flow()
    bench.consumer.pause_partitions({ROWS, CHANGELOG})
    await bench.consumer.seek_wait({CHANGELOG: 0})
    bench.arrive(CHANGELOG, 0, 1, 2)
    await settle()
    bench.consumer.resume_partitions({CHANGELOG})
    bench.consumer.resume_flow()
    await until(bench.fetching if bench.position(CHANGELOG) else lambda: bench.delivered)
    bench.arrive(CHANGELOG, 3)
    await until(lambda: 3 in bench.offsets(CHANGELOG))
    return bench.offsets(CHANGELOG)


async def test_a_recovery_gets_the_records_that_a_fetch_of_before_it_was_waiting_for(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(Ours, (ROWS, CHANGELOG))
    assert await _recover_under_a_waiting_fetch(bench) == [0, 1, 2, 3]


async def test_stock_drains_all_partitions_when_its_active_set_is_emptied(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(Stock, (ROWS, CHANGELOG))
    assert await _recover_under_a_waiting_fetch(bench) == [3]


async def _seek_beside_the_drain_loop(bench: Bench) -> list[int]:
    """Rows 5 to 8 were fetched, 6 is on its way into a stream; now comes a rewind to 5."""
    gate = asyncio.Event()

    async def hold(message: Any) -> None:
        if message.offset == 6:
            await gate.wait()

    await bench.started()
    bench.on_message = hold
    await until(bench.fetching)
    bench.arrive(ROWS, 5, 6, 7, 8)
    await until(lambda: bench.offsets() == [5])
    bench.delivered.clear()
    await bench.consumer.perform_seek()
    gate.set()
    await until(bench.fetching)
    bench.arrive(ROWS, 5, 6, 7, 8, 9)
    await until(lambda: 9 in bench.offsets())
    return bench.offsets()


async def test_after_a_rewind_every_row_from_the_commit_comes_again_in_order(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(Ours, committed={ROWS: 5})
    assert await _seek_beside_the_drain_loop(bench) == [5, 6, 7, 8, 9]


async def test_stock_loses_rows_when_it_seeks_beside_its_drain_loop(make_bench: MakeBench) -> None:
    bench = make_bench(Stock, committed={ROWS: 5})
    assert 5 not in await _seek_beside_the_drain_loop(bench)


async def _rebalance_with_held_rows(bench: Bench) -> list[int]:
    """Four rows were read and held, nothing was committed; the partition is retained."""
    await bench.started()
    await until(bench.fetching)
    bench.arrive(ROWS, 0, 1, 2, 3)
    await until(lambda: bench.offsets() == [0, 1, 2, 3])
    bench.delivered.clear()
    bench.consumer.stop_flow()
    await bench.consumer.perform_seek()
    bench.consumer.resume_flow()
    await until(bench.fetching)
    bench.arrive(ROWS, *range(bench.position(ROWS) or 0, 5))
    await until(lambda: 4 in bench.offsets())
    return bench.offsets()


async def test_held_rows_of_a_partition_that_never_committed_are_read_again(
    make_bench: MakeBench,
) -> None:
    assert await _rebalance_with_held_rows(make_bench(Ours)) == [0, 1, 2, 3, 4]


async def test_stock_does_not_rewind_a_partition_that_never_committed(
    make_bench: MakeBench,
) -> None:
    assert await _rebalance_with_held_rows(make_bench(Stock)) == [4]


async def test_a_rewind_goes_to_each_commit_and_to_the_log_start_where_there_is_none(
    make_bench: MakeBench,
) -> None:
    zero = TP("columns", 2)
    bench = make_bench(Ours, (ROWS, OTHER, zero), {ROWS: 7, zero: 0}, begins={OTHER: 40, ROWS: 3})
    await bench.consumer.perform_seek()
    assert [bench.position(tp) for tp in (ROWS, OTHER, zero)] == [7, 40, 0]


async def test_a_rewind_leaves_the_changelogs_where_recovery_put_them(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(Ours, (ROWS, CHANGELOG))
    await bench.consumer.seek_wait({CHANGELOG: 12})
    await bench.consumer.perform_seek()
    assert bench.position(CHANGELOG) == 12


async def test_an_owner_can_ask_for_rows_from_before_the_commit_once(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(Ours, (ROWS, OTHER), {ROWS: 7, OTHER: 7})
    bench.consumer.start_no_later(ROWS, 4)
    bench.consumer.start_no_later(OTHER, 9)
    await bench.consumer.perform_seek()
    assert [bench.position(ROWS), bench.position(OTHER)] == [4, 7]
    await bench.consumer.perform_seek()
    assert bench.position(ROWS) == 7


async def test_rows_from_before_the_commit_do_not_move_it(make_bench: MakeBench) -> None:
    bench = make_bench(Ours, committed={ROWS: 7})
    bench.consumer.start_no_later(ROWS, 4)
    await bench.started()
    await until(bench.fetching)
    bench.arrive(ROWS, 4, 5, 9, 10)  # 6 to 8 were compacted away
    await until(lambda: bench.offsets() == [4, 5, 9, 10])
    bench.ack(4, 5)
    await bench.consumer.commit()
    assert bench.committed() == 7
    bench.ack(9)
    await bench.consumer.commit()
    assert bench.committed() == 10


async def test_rows_fetched_under_an_earlier_assignment_reach_no_stream(
    make_bench: MakeBench,
) -> None:
    bench = await make_bench(Ours).started()
    await until(bench.fetching)
    bench.app.consumer_generation_id += 1
    bench.arrive(ROWS, 0, 1)
    await until(lambda: bench.position(ROWS) == 2)
    await settle()
    assert bench.offsets() == []


Assigned = Awaitable[None]  # what is left of telling the app of an assignment


async def _recovery_ends_unheard(bench: Bench) -> Assigned:
    """The recovery of the assignment before ends when the app has not heard of the new one."""
    bench.consumer.resume_partitions({ROWS})
    bench.app.consumer_generation_id += 1  # by the thread
    rest: Assigned = bench.consumer.on_partitions_assigned({ROWS}, 2)
    return rest


async def _recovery_ends_meanwhile(bench: Bench) -> Assigned:
    """It ends while the app is busy with what it hears."""
    bench.app.consumer_generation_id += 1
    busy = asyncio.Event()
    bench.on_assigned = busy.wait
    assigning = asyncio.create_task(bench.consumer.on_partitions_assigned({ROWS}, 2))
    await settle()

    async def rest() -> None:
        busy.set()
        await assigning

    return rest()


async def _buffer_has_room(bench: Bench) -> Assigned:
    """The new recovery reads its changelogs, and a buffer that was full before is empty."""
    bench.app.consumer_generation_id += 1
    await bench.consumer.on_partitions_assigned({ROWS}, 2)
    bench.consumer.pause_partitions({ROWS})  # as the app does
    bench.consumer.on_buffer_drop(ROWS)
    return settle()


EARLY = (_recovery_ends_unheard, _recovery_ends_meanwhile, _buffer_has_room)
When = Callable[[Bench], Awaitable[Assigned]]


async def _early_rows(bench: Bench, when: When) -> list[int]:
    """What comes when the flow goes between a revocation and the end of the next recovery."""
    consumer = bench.consumer
    await consumer.perform_seek()
    bench.kafka.seek(TopicPartition(*ROWS), 0)  # the first position of stock
    consumer.on_buffer_full(ROWS)
    await consumer.on_partitions_revoked({ROWS})
    rest = await when(bench)
    looks = 0
    active = consumer._get_active_partitions

    def look() -> Any:
        nonlocal looks
        looks += 1
        return active()

    consumer._get_active_partitions = look
    consumer.resume_flow()
    bench.drain()
    await until(lambda: bench.fetching() or looks > 3)
    bench.arrive(ROWS, 0, 1)
    await settle()
    early = bench.offsets()
    await rest
    return early


@pytest.mark.parametrize("when", EARLY)
async def test_no_row_of_a_new_assignment_comes_before_its_state(
    make_bench: MakeBench, when: When
) -> None:
    bench = make_bench(Ours)
    assert await _early_rows(bench, when) == []
    bench.consumer.resume_partitions({ROWS})
    await bench.consumer.perform_seek()
    bench.consumer.resume_flow()
    bench.arrive(ROWS, 0, 1)
    await until(lambda: bench.offsets() == [0, 1])


@pytest.mark.parametrize("when", EARLY)
async def test_stock_reads_rows_of_a_new_assignment_before_their_state_is_there(
    make_bench: MakeBench, when: When
) -> None:
    assert await _early_rows(make_bench(Stock), when) == [0, 1]


async def test_a_partition_whose_buffer_was_full_is_fetched_again_when_it_has_room(
    make_bench: MakeBench,
) -> None:
    bench = await make_bench(Ours).started()
    bench.consumer.on_buffer_full(ROWS)
    bench.consumer.on_buffer_drop(ROWS)
    await until(bench.fetching)
    bench.arrive(ROWS, 0)
    await until(lambda: bench.offsets() == [0])


async def test_a_buffer_of_a_partition_that_went_elsewhere_lets_nothing_go(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(Ours)
    bench.consumer.on_buffer_full(OTHER)
    bench.consumer.on_buffer_drop(OTHER)
    assert bench.consumer._get_active_partitions() == {ROWS}


async def test_the_livelock_check_tolerates_a_position_not_yet_resolved(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(Ours)
    bench.kafka._fetcher.request_offset_reset([TopicPartition(*ROWS)], -2).cancel()
    bench.consumer.verify_event_path(0.0, ROWS)
    bench.consumer.verify_event_path(0.0, TP("columns", 99))


async def test_stock_s_livelock_check_fails_on_a_position_not_yet_resolved(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(Stock)
    aiotp = TopicPartition(*ROWS)
    bench.kafka._fetcher.request_offset_reset([aiotp], -2).cancel()
    bench.kafka._subscription.subscription.assignment.state_value(aiotp).timestamp = 1
    with pytest.raises(AssertionError):
        bench.consumer.verify_event_path(0.0, ROWS)


async def test_a_seek_that_never_ends_is_an_error_not_a_silent_end_of_recovery(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(Ours)
    bench.consumer._seek_limit = 0.01
    never: Awaitable[Any] = asyncio.get_running_loop().create_future()

    async def unanswered(*_: Any) -> None:
        await never

    bench.consumer._thread.rewind = unanswered
    with pytest.raises(TransportError, match="took more than"):
        await bench.consumer.perform_seek()
