"""A commit never passes what nobody has acknowledged, and never stops for good; stock's does."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.errors import (
    CommitFailedError,
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    IllegalStateError,
    TopicAuthorizationFailedError,
)
from faust.transport.drivers.aiokafka import Transport as Stock
from hypothesis import given
from hypothesis import strategies as st

from stream.transport import Transport as Ours
from tests.stream.scripted_kafka import OTHER, ROWS, Bench, MakeBench, until


async def _read(bench: Bench, *offsets: int) -> Bench:
    """Start the bench, and let these offsets reach the streams."""
    await bench.started()
    await _read_on(bench, *offsets)
    return bench


async def _read_on(bench: Bench, *offsets: int) -> None:
    bench.delivered.clear()
    await until(bench.fetching)
    bench.arrive(ROWS, *offsets)
    await until(lambda: bench.offsets() == list(offsets))


async def test_what_was_acknowledged_is_committed_before_a_revocation_ends(
    make_bench: MakeBench,
) -> None:
    bench = await _read(make_bench(Ours, committed={ROWS: 5}), 5, 6, 7)
    bench.ack(5, 6, 7)
    await bench.consumer.on_partitions_revoked({ROWS})
    assert bench.committed() == 8


async def test_stock_forgets_acknowledgements_at_a_revocation(make_bench: MakeBench) -> None:
    bench = await _read(make_bench(Stock, committed={ROWS: 5}), 5, 6, 7)
    bench.ack(5, 6, 7)
    await bench.consumer.on_partitions_revoked({ROWS})
    assert bench.committed() == 5


async def _acknowledge_while_revoked(bench: Bench) -> None:
    await _read(bench, 5, 6, 7)
    bench.ack(5)

    async def last_words() -> None:
        bench.ack(7)
        await bench.consumer.commit()

    bench.on_revoked = last_words
    await bench.consumer.on_partitions_revoked({ROWS})


async def test_an_acknowledgement_during_a_revocation_does_not_pass_an_open_row(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(Ours, committed={ROWS: 5})
    await _acknowledge_while_revoked(bench)
    assert bench.committed() == 6


async def test_stock_commits_past_an_open_row_during_a_revocation(make_bench: MakeBench) -> None:
    bench = make_bench(Stock, committed={ROWS: 5})
    await _acknowledge_while_revoked(bench)
    assert bench.committed() == 8


async def test_a_revocation_keeps_nothing_of_the_partition(make_bench: MakeBench) -> None:
    bench = await _read(make_bench(Ours, committed={ROWS: 5}), 5, 7)
    bench.ack(7)
    await bench.consumer.on_partitions_revoked({ROWS})
    consumer = bench.consumer
    for kept in (consumer._acked, consumer._holes, consumer._expected, consumer._origin):
        assert ROWS not in kept


async def test_a_broker_that_is_away_does_not_hold_up_a_revocation(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.transport.consumer.REVOCATION_COMMIT", 0.01)
    bench = await _read(make_bench(Ours, committed={ROWS: 5}), 5)
    bench.ack(5)
    never = asyncio.get_running_loop().create_future()
    bench.app.producer.flush = lambda: never
    await bench.consumer.on_partitions_revoked({ROWS})
    assert bench.committed() == 5


async def test_a_row_open_at_the_head_holds_the_commit(make_bench: MakeBench) -> None:
    bench = await _read(make_bench(Ours, committed={ROWS: 10}), 10, 11, 12)
    bench.ack(11, 12)
    await bench.consumer.commit()
    assert bench.committed() == 10
    bench.ack(10)
    await bench.consumer.commit()
    assert bench.committed() == 13


async def test_stock_commits_past_one_row_open_at_the_head(make_bench: MakeBench) -> None:
    bench = await _read(make_bench(Stock, committed={ROWS: 10}), 10, 11, 12)
    bench.ack(11, 12)
    await bench.consumer.commit()
    assert bench.committed() == 13


async def _commit_between_assignments(bench: Bench) -> None:
    """A commit finds the partition unassigned for a moment; afterwards the stream goes on."""
    await _read(bench, 5, 6, 7, 8, 9)
    bench.ack(5, 6, 7)
    assignment = bench.consumer.assignment
    bench.consumer.assignment = set
    await bench.consumer.commit()
    bench.consumer.assignment = assignment
    bench.ack(8, 9)
    await bench.consumer.commit()


async def test_a_commit_that_did_not_take_place_is_made_up_for(make_bench: MakeBench) -> None:
    bench = make_bench(Ours, committed={ROWS: 5})
    await _commit_between_assignments(bench)
    assert bench.committed() == 10


async def test_stock_never_commits_again_after_a_commit_that_did_not_take_place(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(Stock, committed={ROWS: 5})
    await _commit_between_assignments(bench)
    assert bench.committed() == 5


async def _acknowledge_across_a_rewind(bench: Bench) -> None:
    """7 and 8 were acknowledged before the rewind; after it all come again, 5 and 6 are done."""
    await _read(bench, 5, 6, 7, 8)
    bench.ack(7, 8)
    bench.consumer.stop_flow()
    await bench.consumer.perform_seek()
    bench.consumer.resume_flow()
    await _read_on(bench, 5, 6, 7, 8)
    bench.ack(5, 6)
    await bench.consumer.commit()


async def test_acknowledgements_from_before_a_rewind_do_not_count(make_bench: MakeBench) -> None:
    bench = make_bench(Ours, committed={ROWS: 5})
    await _acknowledge_across_a_rewind(bench)
    assert bench.committed() == 7


async def test_stock_counts_acknowledgements_from_before_a_rewind(make_bench: MakeBench) -> None:
    bench = make_bench(Stock, committed={ROWS: 5})
    await _acknowledge_across_a_rewind(bench)
    assert bench.committed() == 9


async def _acknowledge_from_an_earlier_assignment(bench: Bench) -> None:
    await _read(bench, 5, 6)
    earlier = bench.delivered[0]
    bench.app.consumer_generation_id += 1
    bench.consumer.stop_flow()
    await bench.consumer.perform_seek()
    bench.consumer.resume_flow()
    await _read_on(bench, 5, 6)
    earlier.ack(bench.consumer)
    await bench.consumer.commit()


async def test_an_acknowledgement_from_an_earlier_assignment_does_not_count(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(Ours, committed={ROWS: 5})
    await _acknowledge_from_an_earlier_assignment(bench)
    assert bench.committed() == 5


async def test_stock_counts_an_acknowledgement_from_an_earlier_assignment(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(Stock, committed={ROWS: 5})
    await _acknowledge_from_an_earlier_assignment(bench)
    assert bench.committed() == 6


TRANSIENT = [
    GroupCoordinatorNotAvailableError(),
    CommitFailedError("the group has already rebalanced"),
    IllegalStateError("partition is not assigned"),
]


@pytest.mark.parametrize("error", TRANSIENT, ids=lambda error: type(error).__name__)
async def test_an_error_that_passes_puts_the_commit_off_and_ends_nothing(
    make_bench: MakeBench, error: Exception
) -> None:
    bench = await _read(make_bench(Ours, committed={ROWS: 5}), 5, 6)
    bench.ack(5)
    bench.group.errors = [error]
    assert not await bench.consumer.commit()
    assert bench.committed() == 5
    bench.ack(6)
    assert await bench.consumer.commit()
    assert bench.committed() == 7
    assert not bench.consumer._thread.crashed


async def test_stock_ends_the_worker_for_an_error_that_passes(make_bench: MakeBench) -> None:
    bench = await _read(make_bench(Stock, committed={ROWS: 5}), 5)
    bench.ack(5)
    bench.group.errors = [GroupCoordinatorNotAvailableError()]
    await bench.consumer.commit()
    assert bench.consumer._thread.crashed


async def test_an_error_that_stays_ends_the_worker(make_bench: MakeBench) -> None:
    bench = await _read(make_bench(Ours, committed={ROWS: 5}), 5)
    bench.ack(5)
    bench.group.errors = [TopicAuthorizationFailedError("columns")]
    assert not await bench.consumer.commit()
    assert bench.consumer._thread.crashed


async def test_a_group_error_that_passes_is_taken_and_one_that_stays_ends_the_worker(
    make_bench: MakeBench,
) -> None:
    bench = await _read(make_bench(Ours), 0)
    thread = bench.consumer._thread
    for attempt in (1, 2, 3):
        assert not thread.crashed
        bench.group.pending = GroupAuthorizationFailedError(f"scripted {attempt}")
        await thread.check_group()
        assert bench.group.pending is None  # aiokafka tries again
        await thread.check_group()
    assert thread.crashed
    assert "cannot be joined" in str(thread.crash_reason)


async def test_a_dead_group_task_ends_the_worker_at_once(make_bench: MakeBench) -> None:
    bench = await _read(make_bench(Ours), 0)
    bench.group._coordination_task.set_result(None)
    bench.group.pending = GroupAuthorizationFailedError("scripted")
    await bench.consumer._thread.check_group()
    assert bench.consumer._thread.crashed


async def test_a_flush_that_outlives_the_assignment_commits_nothing(
    make_bench: MakeBench,
) -> None:
    bench = await _read(make_bench(Ours, committed={ROWS: 5}), 5)
    bench.ack(5)

    async def flush_over_a_rebalance() -> None:
        bench.app.consumer_generation_id += 1

    bench.app.producer.flush = flush_over_a_rebalance
    assert not await bench.consumer.commit()
    assert bench.committed() == 5


async def test_partitions_commit_each_for_itself(make_bench: MakeBench) -> None:
    bench = await _read(make_bench(Ours, (ROWS, OTHER)), 0, 1)
    await until(bench.fetching)
    bench.arrive(OTHER, 0, 1)
    await until(lambda: bench.offsets(OTHER) == [0, 1])
    bench.ack(1)
    bench.ack(0, tp=OTHER)
    await bench.consumer.commit()
    assert (bench.committed(), bench.committed(OTHER)) == (None, 1)


@given(
    present=st.sets(st.integers(5, 40), min_size=1),
    committed=st.one_of(st.none(), st.integers(0, 5)),
    data=st.data(),
)
def test_the_commit_is_the_first_open_row_whatever_the_order_and_the_holes(
    present: set[int], committed: int | None, data: st.DataObject
) -> None:
    """Offsets may be missing (compaction, markers) anywhere, at the head of the log too."""
    order = data.draw(st.permutations(sorted(present)))
    steps = data.draw(st.lists(st.integers(1, 5), min_size=1))

    async def run() -> None:
        bench = Bench(Ours, committed={} if committed is None else {ROWS: committed})
        try:
            await _read(bench, *sorted(present))
            left = list(order)
            for step in [*steps, len(left)]:
                bench.ack(*left[:step])
                del left[:step]
                await bench.consumer.commit()
                done = present - set(left)
                below = {offset for offset in done if not left or offset < min(left)}
                if not below:
                    assert bench.committed() == committed
                elif left:
                    assert bench.committed() == min(left)
                else:
                    assert bench.committed() == max(present) + 1
            assert not bench.consumer._acked[ROWS]
            assert not bench.consumer._holes[ROWS]
        finally:
            await bench.close()

    asyncio.run(run())
