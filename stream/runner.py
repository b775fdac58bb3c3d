"""The shell around a fold: sends what it says, stores what it knows, acknowledges what it took."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, Protocol

from driftlog.errors import StateError
from stream.output import Output

__all__ = ["MAX_STATE_BYTES", "Fold", "Runner", "partition_key", "partition_of", "records_of"]

BREATH: Final = 0.05  # seconds of a step after which heartbeats and questions have their turn
MAX_STATE_BYTES: Final = 900_000  # a record of 1 MB ends the producer, and ends it again each start


class Fold(Protocol):
    """A partition's state and how it steps; pure."""

    number: int
    position: int
    news: deque[str]  # lines for people, since they were last taken

    def absorb_record(self, key: bytes, value: bytes) -> int:
        """Take a record; return the pane end it waits for, 0 for none."""

    @property
    def through_ms(self) -> int:
        """Panes that end by this are done with."""

    def advance(self) -> Iterator[Output]:
        """Do what can be done now."""

    def snapshot(self) -> dict[bytes, bytes | None]:
        """State that changed; the partition's own record last."""


def partition_key(partition: int, key: bytes) -> bytes:
    """Key in the table: whoever owns a partition finds its state, and nothing else."""
    return b"%05d " % partition + key


def partition_of(key: bytes) -> int:
    """Return the partition of a key in the table, -1 of one that is not ours."""
    return int(key[:5]) if key[:5].isdigit() else -1


def records_of(partition: int, table: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return the stored records of one partition, by the fold's own keys."""
    prefix = partition_key(partition, b"")
    return {key[len(prefix) :]: value for key, value in table.items() if key.startswith(prefix)}


class Runner:
    """What one worker holds of one input partition.

    A step or a checkpoint that fails, or is cancelled, in its middle leaves the fold ahead of what
    was sent: from then on nothing is stored or acknowledged, so that the next owner reads again
    from where all was well.

    Args:
        fold: the state and its steps.
        send: sends an output and returns the future of its acknowledgement.
        store: writes a record of state and returns when it is acknowledged.
        mine: whether this worker still holds the partition.
    """

    def __init__(
        self,
        fold: Fold,
        send: Callable[[Output], Awaitable[Awaitable[Any]]],
        store: Callable[[bytes, bytes | None], Awaitable[Any]],
        mine: Callable[[], bool],
    ) -> None:
        self.fold = fold
        self.stored_bytes = 0  # in the last checkpoint
        self._send = send
        self._store = store
        self._mine = mine
        self._pending: deque[tuple[Any, int]] = deque()
        self._sent: list[Awaitable[Any]] = []
        self._step = asyncio.Lock()  # no checkpoint cuts between a step and its sends
        self._checkpoint = asyncio.Lock()  # that of the timer, and the last one before the end
        self._half_stepped = False
        self._half_stored = False
        self._last = -1

    async def handle(self, event: Any) -> None:
        """Take one event of the stream, step, and send what follows from it.

        Raises:
            StateError: the input is not in the order of its offsets, or an earlier step failed.
        """
        async with self._step:
            if self._half_stepped:
                raise StateError("an earlier step was cut short: the input has to be read again")
            offset = event.message.offset
            if offset <= self._last:
                raise StateError(
                    f"offset {offset} came after {self._last}: the input is out of order"
                )
            self._last = self.fold.position = offset
            self._half_stepped = True
            need = self.fold.absorb_record(event.key or b"", event.value or b"")
            event.value = event.message.value = None  # it may wait for long, the bytes need not
            self._pending.append((event, need))
            breath = time.monotonic() + BREATH
            for output in self.fold.advance():
                self._sent.append(await self._send(output))
                if time.monotonic() > breath:  # the panes of a backlog close in one step
                    await asyncio.sleep(0)
                    breath = time.monotonic() + BREATH
            self._half_stepped = False

    async def checkpoint(self) -> None:
        """Make everything that is closed durable, then acknowledge its input.

        In this order: outputs acknowledged; state acknowledged, and after it the partition's own
        record; input acknowledged. State ahead of a lost verdict, or the record ahead of a series,
        would lose rows for good, since they would be taken for a replay.

        Raises:
            StateError: a record of state is larger than the broker takes.
        """
        async with self._checkpoint:
            async with self._step:
                done = self._done()
                if not done or self._half_stepped or self._half_stored or not self._mine():
                    return
                sent, self._sent = self._sent, []
                following = self._pending[done] if done < len(self._pending) else None
                self.fold.position = (
                    self._last + 1 if following is None else following[0].message.offset
                )
                self._half_stored = True
                snapshot = self.fold.snapshot()
            await asyncio.gather(*sent)
            if self._mine() and await self._stored(snapshot):
                for _ in range(done):
                    self._pending.popleft()[0].ack()
                self._half_stored = False

    def _done(self) -> int:
        """How many events, from the first on, have no row in an open pane."""
        done = 0
        for _, need in self._pending:
            if need > self.fold.through_ms:
                break
            done += 1
        return done

    async def _stored(self, snapshot: Mapping[bytes, bytes | None]) -> bool:
        """Write a snapshot; return whether the partition is still held after it."""
        for key, value in snapshot.items():
            if len(value or b"") > MAX_STATE_BYTES:
                raise StateError(
                    f"the state {key!r} has {len(value or b''):,} bytes, more than "
                    f"{MAX_STATE_BYTES:,}; lower models.shard_signals or stream.window_panes"
                )
        *parts, (own_key, own) = snapshot.items()
        await asyncio.gather(*(self._store(key, value) for key, value in parts))
        if not self._mine():
            return False
        await self._store(own_key, own)
        self.stored_bytes = sum(len(value or b"") for value in snapshot.values())
        return self._mine()
