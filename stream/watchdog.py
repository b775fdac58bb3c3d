"""Ending a worker that is alive but no longer gets anywhere.

A hung recovery, a partition that is not read or not committed, a group that lets nobody in, and a
blocked event loop all look like a quiet stream from outside. A restart mends each of them, so the
watchdog ends the process and lets the supervisor start it again. A broker that is away is no
reason: a restart does not help.

Exit codes: 70 the recovery of tables stands still, 71 a partition stands still, 72 the event loop
is blocked, 73 a group gives no answer.
"""

from __future__ import annotations

import asyncio
import enum
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from typing import Final

from driftlog.printable import printable

__all__ = [
    "DOUBTFUL",
    "Limits",
    "Observation",
    "Partition",
    "Stall",
    "Verdict",
    "Watchdog",
    "judge",
]


class Stall(enum.IntEnum):
    """What stands still; the value is the exit code."""

    RECOVERY = 70
    PARTITION = 71
    LOOP = 72
    GROUP = 73


@dataclass(frozen=True, slots=True)
class Limits:
    """How long each may stand still, in seconds."""

    recovery: float = 60.0
    partition: float = 120.0
    loop: float = 30.0
    group: float = 120.0
    # Unread while its reader goes on with others: an overloaded worker comes round to it in minutes
    # and starting again would cost it more; one that is hung stays so.
    beside: float = 600.0


# What stands still for so long makes a worker not ready; it may yet go on by itself.
DOUBTFUL: Final = Limits(recovery=inf, partition=30.0, loop=inf, group=inf, beside=120.0)


@dataclass(frozen=True, slots=True)
class Partition:
    """How far one input partition has come; all are offsets of the next record.

    `committable` is where the acknowledgements reach. Rows that an agent holds for an open pane are
    read and not acknowledged; they are no stall, however long the pane.
    """

    read: int
    end: int
    committed: int
    committable: int
    reader: str = "monitor"


@dataclass(frozen=True, slots=True)
class Observation:
    """A worker at one moment of the watchdog's clock."""

    at: float
    broker_answers: bool = True
    recovering: bool = False
    recovery_progress: Hashable = None
    partitions: Mapping[str, Partition] = field(default_factory=dict)
    outside: frozenset[str] = frozenset()  # groups that have not let it in (a spare is let in)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why the worker has to end: one line, and the exit code in `stall`."""

    stall: Stall
    reason: str


def judge(
    history: Sequence[Observation], now: float, limits: Limits | None = None
) -> Verdict | None:
    """Judge a worker by its observations, oldest first; None when it gets on.

    Only what was seen while the broker answered counts: each spell begins at the first observation
    after the last one without an answer. The event loop makes the observations, so that their
    absence is the measure of its lag; a question to the broker must take less than `limits.loop`.

    Args:
        history: at least as far back as the longest limit.
        now: seconds of the clock of `Observation.at`.
        limits: the defaults of `Limits` when None.
    """
    limits = limits or Limits()
    if not history:
        return None
    last = history[-1]
    if now - last.at > limits.loop:
        return Verdict(Stall.LOOP, f"the event loop has not run for {now - last.at:.0f} s")
    answered = _tail(history, lambda seen: seen.broker_answers)
    if not answered:
        return None
    if last.recovering:
        still = _tail(
            answered,
            lambda seen: seen.recovering and seen.recovery_progress == last.recovery_progress,
        )
        if last.at - still[0].at >= limits.recovery:
            return Verdict(
                Stall.RECOVERY,
                f"the recovery of tables has made no progress for {last.at - still[0].at:.0f} s: "
                f"{last.recovery_progress}",
            )
        return None
    return _judge_groups(answered, limits.group) or _judge_partitions(answered, limits)


def _outside(group: str, seen: Observation) -> bool:
    return group in seen.outside


def _judge_groups(answered: Sequence[Observation], limit: float) -> Verdict | None:
    last = answered[-1]
    for group in sorted(last.outside):
        seconds = last.at - _tail(answered, partial(_outside, group))[0].at
        if seconds >= limit:
            return Verdict(
                Stall.GROUP,
                f"the Kafka group of {group} has not let this worker in for {seconds:.0f} s",
            )
    return None


def _judge_partitions(answered: Sequence[Observation], limits: Limits) -> Verdict | None:
    for name, last in sorted(answered[-1].partitions.items()):
        spell = _spell(answered, name, last, _unread)
        if spell >= (limits.beside if _others_read(answered, name, spell) else limits.partition):
            return Verdict(
                Stall.PARTITION,
                f"{name} has not been read for {spell:.0f} s: at offset {last.read} of {last.end}",
            )
        spell = _spell(answered, name, last, _uncommitted)
        if spell >= limits.partition:
            return Verdict(
                Stall.PARTITION,
                f"{name} has not committed for {spell:.0f} s: acknowledged up to offset "
                f"{last.committable}, committed {last.committed}",
            )
    return None


def _others_read(answered: Sequence[Observation], name: str, spell: float) -> bool:
    """Whether the reader of a partition got on with others in the last half of a spell."""
    last = answered[-1]
    recent = [seen for seen in answered if seen.at >= last.at - spell / 2]
    reader = last.partitions[name].reader
    return any(
        seen.partitions[other].read != partition.read
        for other, partition in last.partitions.items()
        if other != name and partition.reader == reader
        for seen in recent
        if other in seen.partitions
    )


def _unread(partition: Partition, last: Partition) -> bool:
    return partition.read == last.read and partition.read < partition.end


def _uncommitted(partition: Partition, last: Partition) -> bool:
    return partition.committed == last.committed and partition.committed < partition.committable


def _spell(
    answered: Sequence[Observation],
    name: str,
    last: Partition,
    standing: Callable[[Partition, Partition], bool],
) -> float:
    """Return for how many seconds up to the last observation a partition has been standing."""

    def stood(seen: Observation) -> bool:
        partition = seen.partitions.get(name)
        return partition is not None and standing(partition, last)

    spell = _tail(answered, stood)
    return spell[-1].at - spell[0].at if spell else 0.0


def _tail(
    history: Sequence[Observation], holds: Callable[[Observation], bool]
) -> Sequence[Observation]:
    """Return the unbroken run of observations at the end for which `holds` is true."""
    begin = len(history)
    while begin and holds(history[begin - 1]):
        begin -= 1
    return history[begin:]


def end_process(verdict: Verdict) -> None:
    """Write the reason to standard error and end the process at once, without cleaning up.

    The event loop may be blocked and the recovery hung, so that an orderly stop would hang too;
    what is not committed is read again.
    """
    said = printable(f"driftlog worker ended by its watchdog: {verdict.reason}")
    print(said, file=sys.stderr, flush=True)
    os._exit(verdict.stall)


class Watchdog:
    """Observes in the event loop, judges in a thread of its own, ends the process.

    `run` is a coroutine for the worker's loop; cancelling it ends the thread. Call it once the
    worker has started: from then on a missing observation means a blocked loop. Should it raise,
    the worker has to end: nobody watches any more.

    Args:
        observe: makes an observation at the given time; it must come back within `limits.loop`.
        limits: what is tolerated.
        interval: seconds between observations.
        clock: seconds that never go back.
        act: what to do with a verdict.
    """

    def __init__(
        self,
        observe: Callable[[float], Awaitable[Observation]],
        *,
        limits: Limits | None = None,
        interval: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        act: Callable[[Verdict], None] = end_process,
    ) -> None:
        self._observe = observe
        self._limits = limits or Limits()
        self._interval = interval
        self._clock = clock
        self._act = act
        longest = max(
            self._limits.recovery, self._limits.partition, self._limits.beside, self._limits.group
        )
        self._kept = int(longest / interval) + 4
        self._history: tuple[Observation, ...] = ()  # replaced whole: two threads write it
        self._ended = threading.Event()

    async def run(self) -> None:
        """Observe until cancelled."""
        thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._note(Observation(at=self._clock()))
        thread.start()
        try:
            while True:
                self._note(await self._observe(self._clock()))
                await asyncio.sleep(self._interval)
        finally:
            self._ended.set()

    def _note(self, observation: Observation) -> None:
        self._history = (*self._history[1 - self._kept :], observation)

    def check(self) -> Verdict | None:
        """Judge what has been seen so far, and act on it."""
        verdict = judge(self._history, self._clock(), self._limits)
        if verdict is not None:
            self._act(verdict)
        return verdict

    @property
    def doubt(self) -> str:
        """What has been standing still for a while, in words; empty where all gets on."""
        verdict = judge(self._history, self._clock(), DOUBTFUL)
        return "" if verdict is None else verdict.reason

    def wake(self, before: float) -> Verdict | None:
        """Judge, as the watchdog's thread does each time it has slept.

        Args:
            before: when it last did. Where that is long ago, the whole process was stopped (a
                machine that slept, a debugger), and its loop gets as long as any other to show that
                it goes on.
        """
        now = self._clock()
        if now - before > self._interval + self._limits.loop / 2:
            self._note(replace(self._history[-1], at=now))
        return self.check()

    def _watch(self) -> None:
        before = self._clock()
        while not self._ended.wait(self._interval):
            now = self._clock()
            if self.wake(before) is not None:
                return
            before = now
