"""A worker that stands still is ended; one that waits for its broker or for a pane is not."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.testing.clock import ManualClock
from stream.watchdog import Limits, Observation, Partition, Stall, Verdict, Watchdog, judge

STEP = 5
GOING = Partition(read=100, end=100, committed=90, committable=90)


def _history(seconds: int, seen: Observation) -> list[Observation]:
    return [replace(seen, at=float(at)) for at in range(0, seconds + 1, STEP)]


def _verdict(history: list[Observation]) -> Stall | None:
    verdict = judge(history, history[-1].at)
    return verdict.stall if verdict else None


RECOVERING = Observation(at=0, recovering=True, recovery_progress=(1, (("changelog-0", 40),)))
UNREAD = Observation(at=0, partitions={"columns-0": replace(GOING, end=101)})
UNCOMMITTED = Observation(at=0, partitions={"columns-0": replace(GOING, committable=95)})
OUTSIDE = Observation(at=0, outside=frozenset({"ingest"}))
HOLDING = Observation(at=0, partitions={"columns-0": GOING})


@pytest.mark.parametrize(
    ("seen", "tolerated", "stall"),
    [
        (RECOVERING, 55, Stall.RECOVERY),
        (UNREAD, 115, Stall.PARTITION),
        (UNCOMMITTED, 115, Stall.PARTITION),
        (OUTSIDE, 115, Stall.GROUP),
    ],
    ids=["recovery", "unread", "uncommitted", "outside"],
)
def test_what_stands_still_is_tolerated_up_to_its_limit(
    seen: Observation, tolerated: int, stall: Stall
) -> None:
    assert _verdict(_history(tolerated, seen)) is None
    assert _verdict(_history(tolerated + STEP, seen)) is stall


@pytest.mark.parametrize("seen", [RECOVERING, UNREAD, UNCOMMITTED], ids=["rec", "unread", "unc"])
def test_a_broker_that_is_away_is_no_reason_and_the_spell_begins_after_it(
    seen: Observation,
) -> None:
    history = _history(900, seen)
    away = [replace(o, broker_answers=o.at > 800) for o in history]
    assert _verdict(away[:100]) is None
    assert _verdict(away[:170]) is None  # answered again for 45 s
    assert _verdict(away) is (Stall.RECOVERY if seen.recovering else None)


def test_rows_held_for_an_open_pane_are_no_stall() -> None:
    assert _verdict(_history(3600, HOLDING)) is None


def test_a_group_that_lets_the_worker_in_now_and_then_is_no_stall() -> None:
    history = [
        replace(OUTSIDE, at=float(at), outside=OUTSIDE.outside if at % 100 else frozenset())
        for at in range(0, 1000, STEP)
    ]
    assert _verdict(history) is None


def test_a_recovery_that_advances_is_no_stall() -> None:
    history = [
        replace(RECOVERING, at=float(at), recovery_progress=(1, (("changelog-0", 9000 - at),)))
        for at in range(0, 1000, STEP)
    ]
    assert _verdict(history) is None


def _beside(seconds: int, reader: str = "monitor") -> list[Observation]:
    return [
        Observation(
            at=float(at),
            partitions={
                "columns-0": Partition(at, at + 9, at, at, reader),
                "columns-1": Partition(50, 60, 40, 40),
            },
        )
        for at in range(0, seconds, STEP)
    ]


def test_one_partition_that_stands_still_beside_others_that_go_on_is_a_stall_in_the_end() -> None:
    """An overloaded worker takes minutes to come round to it, and must not be ended for that."""
    history = _beside(600)
    assert judge(history, history[-1].at) is None
    history = _beside(605)
    verdict = judge(history, history[-1].at)
    assert verdict == Verdict(
        Stall.PARTITION, "columns-1 has not been read for 600 s: at offset 50 of 60"
    )


def test_that_somebody_else_reads_is_no_excuse() -> None:
    assert _verdict(_beside(125, "ingest")) is Stall.PARTITION


def test_a_loop_that_makes_no_observation_is_blocked() -> None:
    history = _history(10, HOLDING)
    assert judge(history, now=40.0) is None
    verdict = judge(history, now=41.0)
    assert verdict is not None and verdict.stall is Stall.LOOP
    assert judge([], now=1000.0) is None


@given(
    commits=st.lists(st.integers(0, 3), min_size=1, max_size=80),
    unread=st.integers(0, 5),
)
def test_a_partition_that_commits_and_reads_within_the_limit_is_never_ended(
    commits: list[int], unread: int
) -> None:
    """Whatever the pace, as long as no step without progress reaches the limit."""
    limits = Limits(partition=20.0)
    history, offset = [], 0
    for n, step in enumerate(commits):
        offset += step if n % 3 else step + 1  # progress at the latest in every third step
        partition = Partition(offset, offset + unread, offset, offset + unread)
        history.append(Observation(at=n * 5.0, partitions={"columns-0": partition}))
        assert judge(history, n * 5.0, limits) is None


async def test_the_watchdog_acts_on_what_it_has_observed() -> None:
    clock, acted = ManualClock(), list[Verdict]()
    observed = asyncio.Semaphore(0)

    async def observe(now: float) -> Observation:
        observed.release()
        return replace(UNREAD, at=now)

    watchdog = Watchdog(
        observe,
        interval=0.001,
        limits=Limits(recovery=0.01, partition=0.02, loop=1e9),
        clock=clock.monotonic,
        act=acted.append,
    )
    running = asyncio.create_task(watchdog.run())
    async with asyncio.timeout(30):  # its thread judges when the machine lets it
        while not acted:
            await observed.acquire()
            clock.advance(ms=1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert acted and {verdict.stall for verdict in acted} == {Stall.PARTITION}


async def test_a_blocked_loop_is_seen_from_the_watchdog_s_own_thread() -> None:
    clock, acted = ManualClock(), list[Verdict]()

    async def observe(now: float) -> Observation:
        return Observation(at=now)

    watchdog = Watchdog(observe, interval=3600.0, clock=clock.monotonic, act=acted.append)
    running = asyncio.create_task(watchdog.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    clock.advance(seconds=31)  # and no observation since
    await asyncio.to_thread(watchdog.check)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [verdict.stall for verdict in acted] == [Stall.LOOP]


async def test_a_process_that_was_stopped_as_a_whole_is_not_taken_for_a_blocked_loop() -> None:
    clock, acted = ManualClock(), list[Verdict]()
    watchdog = Watchdog(_nothing, interval=3600.0, clock=clock.monotonic, act=acted.append)
    running = asyncio.create_task(watchdog.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    clock.advance(seconds=3600 + 31)  # neither the loop nor the watchdog's thread has run
    watchdog.wake(before=0.0)
    assert acted == []
    clock.advance(seconds=31)  # this time the thread has
    watchdog.wake(before=clock.monotonic() - 5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [verdict.stall for verdict in acted] == [Stall.LOOP]


async def test_what_stands_still_for_a_while_is_a_doubt_before_it_is_the_end() -> None:
    clock, acted = ManualClock(), list[Verdict]()
    observed = asyncio.Semaphore(0)

    async def observe(now: float) -> Observation:
        observed.release()
        return replace(UNREAD, at=now)

    watchdog = Watchdog(observe, interval=0.001, clock=clock.monotonic, act=acted.append)
    assert watchdog.doubt == ""
    running = asyncio.create_task(watchdog.run())
    async with asyncio.timeout(30):
        while not watchdog.doubt:
            await observed.acquire()
            clock.advance(seconds=1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert "columns-0 has not been read for 3" in watchdog.doubt
    assert acted == []


async def _nothing(now: float) -> Observation:
    return Observation(at=now)


@pytest.mark.parametrize("stall", Stall)
def test_the_process_ends_with_the_documented_code_and_one_line(stall: Stall) -> None:
    code = (
        "from stream.watchdog import Stall, Verdict, end_process\n"
        f"end_process(Verdict(Stall({int(stall)}), 'why'))"
    )
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == stall
    assert ended.stderr == "driftlog worker ended by its watchdog: why\n"
    assert {int(code) for code in Stall} == {70, 71, 72, 73}
