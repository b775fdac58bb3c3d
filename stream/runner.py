"""The shell around a fold: sends what it says, stores what it knows, acknowledges what it took."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, Protocol

from driftlog.errors import StateError
from stream.output import Output

__all__ = ["Fold", "Runner", "partition_key", "records_of"]

MAX_STATE_BYTES: Final = 900_000  # a record of 1 MB ends the producer, and ends it again each start


class Fold(Protocol):
    """A partition's state and how it steps; pure."""

    number: int
    position: int

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


def records_of(partition: int, table: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return the stored records of one partition, by the fold's own keys."""
    prefix = partition_key(partition, b"")
    return {key[len(prefix) :]: value for key, value in table.items() if key.startswith(prefix)}


class Runner:
    """What one worker holds of one input partition.

    Args:
        fold: the state and its steps.
        send: sends an output and returns the future of its acknowledgement.
        store: writes a record of state and returns the future of its acknowledgement.
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
        self._stepping = False
        self._last = -1

    async def handle(self, event: Any) -> None:
        """Take one event of the stream, step, and send what follows from it."""
        offset = event.message.offset
        if offset <= self._last:
            raise StateError(f"offset {offset} came after {self._last}: the input is out of order")
        self._last = self.fold.position = offset
        self._stepping = True  # no checkpoint may cut between the step and its sends
        try:
            need = self.fold.absorb_record(event.key or b"", event.value or b"")
            self._pending.append((event, need))
            for output in self.fold.advance():
                self._sent.append(await self._send(output))
        finally:
            self._stepping = False

    async def checkpoint(self) -> None:
        """Make everything that is closed durable, then acknowledge its input.

        In this order: outputs acknowledged, state sent with the partition's record last, state
        acknowledged, input acknowledged. State ahead of a lost verdict would lose it for good,
        since the rows would be taken for a replay.
        """
        if self._stepping:
            return
        done = 0
        for _, need in self._pending:
            if need > self.fold.through_ms:
                break
            done += 1
        if not done:
            return
        sent, self._sent = self._sent, []
        open_from = self._pending[done][0].message.offset if done < len(self._pending) else None
        self.fold.position = self._last + 1 if open_from is None else open_from
        snapshot = self.fold.snapshot()
        await asyncio.gather(*sent)
        if not self._mine():
            return
        self.stored_bytes = 0
        stored = []
        for key, value in snapshot.items():
            size = len(value or b"")
            if size > MAX_STATE_BYTES:
                raise StateError(
                    f"the state {key!r} has {size:,} bytes, more than {MAX_STATE_BYTES:,}; lower "
                    "models.shard_signals or stream.window_panes"
                )
            self.stored_bytes += size
            stored.append(self._store(key, value))
        await asyncio.gather(*stored)
        if not self._mine():
            return
        for _ in range(done):
            self._pending.popleft()[0].ack()
