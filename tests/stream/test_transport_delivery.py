"""A message goes to its agents at once where they have room, and waits as before where not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from faust.transport.drivers.aiokafka import Transport as Stock

from stream.transport import Transport
from stream.transport.delivery import Delivery
from tests.stream.scripted_kafka import ROWS, MakeBench, until


async def test_what_need_not_wait_is_done_at_once() -> None:
    taken = []

    async def hand() -> None:
        taken.append(1)

    assert Delivery(hand()).done
    assert taken == [1]


async def test_what_has_to_wait_goes_on_in_a_task_to_its_end() -> None:
    room, taken = asyncio.Event(), []

    async def hand() -> None:
        await room.wait()
        taken.append(1)
        await asyncio.sleep(0)
        taken.append(2)

    delivery = Delivery(hand())
    task = asyncio.ensure_future(delivery)
    await asyncio.sleep(0)
    assert not delivery.done and taken == []
    room.set()
    await task
    assert delivery.done and taken == [1, 2]


@pytest.mark.parametrize("first", [0, 1], ids=["at once", "later"])
async def test_an_error_comes_out(first: int) -> None:
    async def hand() -> None:
        for _ in range(first):
            await asyncio.sleep(0)
        raise KeyError("x")

    with pytest.raises(KeyError):
        await asyncio.ensure_future(Delivery(hand()))


async def test_cancelled_while_it_waits_it_is_told_so() -> None:
    told = []

    async def hand() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            told.append("cancelled")
            raise

    task = asyncio.ensure_future(Delivery(hand()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled() and told == ["cancelled"]


@pytest.mark.parametrize(("transport", "few"), [(Transport, True), (Stock, False)])
async def test_a_fetch_is_handed_over_in_fewer_turns_than_it_has_messages(
    make_bench: MakeBench, transport: type[Any], few: bool
) -> None:
    """Faust takes three turns of the event loop a message."""
    bench = make_bench(transport, (ROWS,))
    await bench.started()
    await until(bench.fetching)
    bench.arrive(ROWS, *range(60))
    at_first = None
    for turn in range(1_000):
        await asyncio.sleep(0)
        if at_first is None and bench.offsets():
            at_first = turn
        if len(bench.offsets()) == 60:
            break
    assert bench.offsets() == list(range(60))
    assert at_first is not None
    assert (turn - at_first < 60) is few
