"""What runs in the consumer's own thread: rewinding, committing, and the livelock check."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from time import monotonic
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import Service

from driftlog.kafka import stop_consumer
from stream.group import mend_group
from stream.transport.engine import TransportError

__all__ = ["ConsumerThread", "Start"]

FETCH_WAIT = 100  # ms
GROUP_CHECK = 1.0  # seconds
# So many group errors in so many seconds are not passing ones.
GROUP_ATTEMPTS = 3
GROUP_MEMORY = 60.0


class Start(NamedTuple):
    """Where reading a partition begins: the offset sought, and the group's commit, if any."""

    position: int
    committed: int | None


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The aiokafka consumer in its thread."""

    _group_errors: Sequence[float] = ()

    def _create_worker_consumer(self, transport: Any) -> Any:
        # Faust asks the broker to hold an empty fetch for 1.5 s, and aiokafka has one fetch a
        # broker under way at a time: a partition whose records have just been taken is left out of
        # it, and what is written there next was seen up to 1.5 s later, at each of two hops.
        consumer: Any = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT
        return consumer

    async def on_start(self) -> None:
        """Connect the consumer."""
        await super().on_start()
        mend_group(self._consumer)

    async def on_thread_stop(self) -> None:
        """Stop the consumer; also while its broker is away, when its own stop breaks off."""
        await super(driver.AIOKafkaConsumerThread, self).on_thread_stop()
        if self._consumer is not None:
            await stop_consumer(self._consumer)

    async def crash(self, reason: BaseException) -> None:
        """End the worker, from the app's loop: its events are not safe to set from this thread."""
        if asyncio.get_running_loop() is self.parent_loop:
            await super().crash(reason)
        else:
            asyncio.run_coroutine_threadsafe(super().crash(reason), self.parent_loop)

    @Service.task
    async def _attend_group(self) -> None:
        async for _ in self.itertimer(GROUP_CHECK, name="group"):
            await self.check_group()

    async def check_group(self) -> None:
        """Take aiokafka's group errors, so that it goes on, and end the worker when they go on.

        After an error of a join aiokafka stops taking part in the group until somebody takes the
        error, which its own `getmany` does and Faust's does not: the worker stayed up, owned
        nothing and said nothing. Many such errors pass with the next attempt.
        """
        if self._consumer is None or self.should_stop:
            return
        coordinator = self._consumer._coordinator
        try:
            coordinator.check_errors()
        except KafkaError as exc:
            now = monotonic()
            recent = [at for at in self._group_errors if now - at < GROUP_MEMORY]
            self._group_errors = [*recent, now]
            self.log.warning("Joining the group failed: %r", exc)
            if coordinator._coordination_task.done() or len(self._group_errors) >= GROUP_ATTEMPTS:
                await self.crash(
                    TransportError(
                        f"the Kafka group {self.app.conf.id!r} cannot be joined ({exc!r}): the "
                        "worker must start again; if this comes back, check the permissions of "
                        "its user and the broker's log"
                    )
                )

    async def rewind(self, tps: Iterable[TP], no_later_than: Mapping[TP, int]) -> dict[TP, Start]:
        """Seek each partition to its commit, or to the log's start where it has none.

        Args:
            tps: assigned partitions.
            no_later_than: offsets at which a partition must start when its commit is past them.

        Raises:
            aiokafka.errors.IllegalStateError: a partition is not assigned (any more).
        """
        started: dict[TP, Start] = await self.call_thread(
            self._rewind, list(tps), dict(no_later_than)
        )
        return started

    async def _rewind(self, tps: list[TP], no_later_than: dict[TP, int]) -> dict[TP, Start]:
        # aiokafka's own seek_to_committed skips the commits None and 0: a partition that had never
        # committed kept its position over a rebalance, and the rows its agents had held and thrown
        # away were never read again. Explicit offsets throughout, so that no partition is left
        # waiting for a position.
        consumer = self._ensure_consumer()
        wanted = [TopicPartition(tp.topic, tp.partition) for tp in tps]
        offsets = await asyncio.gather(*(consumer.committed(tp) for tp in wanted))
        commits = dict(zip(wanted, offsets, strict=True))
        unset = [tp for tp, offset in commits.items() if offset is None]
        begins = await consumer.beginning_offsets(unset) if unset else {}
        starts: dict[TP, Start] = {}
        for aiotp, committed in commits.items():
            position = begins[aiotp] if committed is None else committed
            tp = ensure_TP(aiotp)
            position = min(position, no_later_than.get(tp, position))
            consumer.seek(aiotp, position)
            starts[tp] = Start(position, committed)
        return starts

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        # Faust's own crashes the worker on every error but one. Only an error that a later commit
        # cannot mend may do that: the rest leaves the offsets to the next commit, or to the next
        # owner, who reads the rows again.
        consumer = self._ensure_consumer()
        assigned = self.assignment()
        wanted = {
            TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(offset, "")
            for tp, offset in offsets.items()
            if tp in assigned
        }
        if not wanted:
            return False
        try:
            await consumer.commit(wanted)
        except (CommitFailedError, IllegalStateError) as exc:
            self.log.info("Commit left to the next owner, the group has rebalanced: %s", exc)
            return False
        except KafkaError as exc:
            if exc.retriable:
                self.log.warning("Commit put off to the next one: %r", exc)
                return False
            self.log.exception("Commit of %r refused for good", wanted)
            await self.crash(exc)
            return False
        now = monotonic()
        self.tp_last_committed_at.update({tp: now for tp in offsets if tp in assigned})
        return True

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Warn of a partition that is not read, unless it has no position yet.

        Faust's own asserts a resolved position and so kills the worker when the livelock check
        falls between a seek to the log's start and the broker's answer.
        """
        subscription = self._ensure_consumer()._subscription.subscription
        assignment = subscription.assignment if subscription is not None else None
        state: Any = None
        if assignment is not None:
            state = assignment.state_value(TopicPartition(tp.topic, tp.partition))
        if state is not None and state.has_valid_position:
            super().verify_event_path(now, tp)
