"""What ingest has sent and not yet committed: batches under way, offsets acknowledged."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.structs import OffsetAndMetadata

from driftlog.errors import BrokerError

__all__ = ["MOST", "InFlight"]

_log = logging.getLogger(__name__)

MOST: Final = 64  # batches sent and not yet acknowledged


@dataclass(frozen=True, slots=True)
class _Batch:
    """What has been sent of one batch, and what may be committed once all of it is there."""

    sends: list[asyncio.Future[Any]]
    partition: TopicPartition | None
    offset: OffsetAndMetadata


class InFlight:
    """Batches in the order sent, and the offsets that are acknowledged up to a point without hole.

    May be cancelled at any await and asked again: a batch leaves only once its offset is kept, an
    offset only once its commit has gone through. One caller at a time.
    """

    def __init__(self) -> None:
        self.committed: dict[TopicPartition, int] = {}  # offsets, since the last `clear`
        self._batches: deque[_Batch] = deque()
        self._acknowledged: dict[TopicPartition, OffsetAndMetadata] = {}
        self._failed: BrokerError | None = None

    def add(
        self,
        sends: list[asyncio.Future[Any]],
        partition: TopicPartition | None = None,
        offset: int = 0,
        metadata: str = "",
    ) -> None:
        """Note what was sent of a batch.

        Args:
            sends: their acknowledgements to come.
            partition: where the batch was read; none: there is nothing to commit for it.
            offset: behind the batch.
            metadata: that travel with the offset.
        """
        self._batches.append(_Batch(sends, partition, OffsetAndMetadata(offset, metadata)))

    def clear(self) -> None:
        """Forget all: another owner reads again what is not committed."""
        self.committed.clear()
        self._batches.clear()
        self._acknowledged.clear()

    async def commit(self, consumer: Any) -> None:
        """Commit the contiguous prefix of acknowledged batches; wait where too many are under way.

        Raises:
            BrokerError: something could not be sent. Nothing behind it is ever committed.
            KafkaError: the broker refuses the commit, other than for a change of owners.
        """
        if len(self._batches) > MOST:
            await self._wait_for(list(self._batches)[: -MOST // 2])
        await self._commit(consumer)

    async def settle(self, consumer: Any, timeout: float | None = None) -> None:
        """Wait for everything sent, at most ``timeout`` seconds; commit what is there.

        Raises:
            BrokerError: as `commit`, after what lies before the failure has been committed.
        """
        await self._wait_for(self._batches, timeout)
        await self._commit(consumer)

    async def _wait_for(self, batches: Iterable[_Batch], timeout: float | None = None) -> None:
        # Not `gather`: when that is cancelled, so are the producer's futures.
        if sends := [one for batch in batches for one in batch.sends]:
            done, _ = await asyncio.wait(sends, timeout=timeout)
            for one in done:
                _error(one)  # asyncio complains of errors that nobody asked for

    async def _commit(self, consumer: Any) -> None:
        self._collect()
        if committing := dict(self._acknowledged):
            try:
                await consumer.commit(committing)
            except (CommitFailedError, IllegalStateError) as exc:
                _log.info("commit refused, the next owner reads again: %r", exc)
            else:
                for partition, offset in committing.items():
                    self.committed[partition] = offset.offset
                    if self._acknowledged.get(partition) is offset:
                        del self._acknowledged[partition]
        if self._failed is not None:
            raise self._failed

    def _collect(self) -> None:
        """Take out batches that are acknowledged; stop at the first that is not, or has failed."""
        while self._failed is None and self._batches:
            batch = self._batches[0]
            if not all(one.done() for one in batch.sends):
                return
            if error := next(filter(None, map(_error, batch.sends)), None):
                self._failed = BrokerError(f"a chunk could not be sent: {error!r}")
                self._failed.__cause__ = error
                return
            self._batches.popleft()
            if batch.partition is not None:
                self._acknowledged[batch.partition] = batch.offset


def _error(send: asyncio.Future[Any]) -> BaseException | None:
    if send.cancelled():
        return asyncio.CancelledError("the send was cancelled")
    return send.exception()
