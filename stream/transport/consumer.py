"""Reading, acknowledging and committing across rebalances without loss, hang or stall."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any

from faust.transport.consumer import CONSUMER_PARTITIONS_REVOKED
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message
from faust.types.tuples import ack_lock
from mode import Service
from mode.services import WaitResults
from mode.utils.futures import notify

from stream.transport.delivery import Delivery
from stream.transport.engine import TransportError
from stream.transport.thread import ConsumerThread

__all__ = ["Consumer"]

# The longest a fetch waits for records, and so about the longest that parking takes.
POLL = 0.25  # seconds
# Between looks at an empty set of active partitions.
IDLE = 0.05  # seconds
# What a revocation may spend on its commit: the whole group waits for it to rejoin.
REVOCATION_COMMIT = 5.0  # seconds
# Seeks must end before Faust's own limit, whose passing ends the recovery task without a word.
SHARE_OF_REQUEST_TIMEOUT = 0.9


class Consumer(driver.Consumer):
    """Faust's aiokafka consumer, safe across rebalances.

    It keeps per partition the next offset expected (`_expected`), the ranges of offsets that hold
    no record (`_holes`: compaction, retention, transaction markers) and where reading began
    (`_origin`). The commit is the end of the unbroken run of acknowledged offsets and holes from
    the last commit, or from the origin where there is none.
    """

    _thread: ConsumerThread

    def __init__(self, transport: Any, *args: Any, **kwargs: Any) -> None:
        conf = transport.app.conf
        if conf.consumer_auto_offset_reset != "earliest":
            raise TransportError(
                f"setting 'consumer_auto_offset_reset' holds {conf.consumer_auto_offset_reset!r}; "
                "it may hold 'earliest': the changelogs are read with it too, and a recovery that "
                "begins at their end restores nothing"
            )
        super().__init__(transport, *args, **kwargs)
        hand: Any = self.callback
        self.callback: Any = lambda message: Delivery(hand(message))
        self._parked = asyncio.Event()
        self._parked.set()  # nothing drains before the fetcher starts
        # From a revocation until the app hears of the next assignment. The thread sets the new
        # generation before that, and what is asked in between is the old assignment's.
        self._revoked = False
        self._committing = asyncio.Lock()
        self._expected: dict[TP, int] = {}
        self._origin: dict[TP, int] = {}
        self._holes: defaultdict[TP, dict[int, int]] = defaultdict(dict)
        self._no_later_than: dict[TP, int] = {}
        self._seek_limit = conf.broker_request_timeout * SHARE_OF_REQUEST_TIMEOUT

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # -- reading ---------------------------------------------------------------------------------

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        """Fetch once and yield what came, in turns between topics; park while the flow is stopped.

        The set of partitions asked for is a copy. aiokafka takes an empty set for all partitions,
        and Faust's live set is emptied by a rebalance while the fetch waits: the records so drained
        (changelog records of the next recovery among them) were thrown away with the position
        already past them, and the recovery waited for them for ever.
        """
        while not self.flow_active and not self.should_stop:
            self._parked.set()
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # mode takes any event
        if self.should_stop:
            return
        self._parked.clear()
        asked = frozenset(self._get_active_partitions())
        generation = self.app.consumer_generation_id
        if not asked or self._revoked:
            await asyncio.sleep(IDLE)
            return
        records = await self._getmany(set(asked), min(timeout, POLL))
        for tp, record in self.scheduler.iterate(records):
            if not self._may_deliver(generation):
                return  # a rewind follows every stopped flow, and brings the rest again
            if self._is_changelog_tp(tp) and tp not in self._active_partitions:
                continue  # recovery has ended; the next one seeks its own start
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
            self._expect(tp, record.offset)
            yield tp, self._to_message(tp, record)

    def _may_deliver(self, generation: int) -> bool:
        return (
            self.flow_active
            and not self.should_stop
            and not self._revoked
            and self.app.consumer_generation_id == generation
        )

    async def wait_first(self, *coros: Any, timeout: Any = None) -> Any:
        """Wait for the first of them; for a message that has been taken already, not at all."""
        if isinstance(coros[0], Delivery) and coros[0].done:
            for other in coros[1:]:
                other.close()
            return WaitResults([coros[0]], [None], stopped=self.should_stop)
        return await super().wait_first(*coros, timeout=timeout)

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            await super()._drain_messages(fetcher)
        finally:
            self._parked.set()

    # -- seeking ---------------------------------------------------------------------------------

    async def perform_seek(self) -> None:
        """Rewind every stream partition to its commit, or to the log's start where it has none.

        Raises:
            TransportError: the drain loop did not park, or the broker did not answer, in time.
        """
        await self._while_parked(self._rewind)

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek partitions to given offsets and wait for them to take effect.

        Raises:
            TransportError: as `perform_seek`.
        """

        async def seek() -> None:
            await super(Consumer, self).seek_wait(partitions)

        await self._while_parked(seek)

    def start_no_later(self, tp: TP, offset: int) -> None:
        """At the next rewind let `tp` begin at `offset` when its commit is past that.

        For an owner whose recovered state asks for rows from before the commit. Call it from a
        table's `on_recover` callback, which runs before the rewind.
        """
        self._no_later_than[tp] = min(offset, self._no_later_than.get(tp, offset))

    async def _while_parked(self, seek: Callable[[], Awaitable[None]]) -> None:
        # A seek beside a running drain loop loses rows: the loop goes on with what it fetched
        # before, moves the read offset ahead of the new position, drops what the seek brings again,
        # and enters it as a gap, over which the commit then passes.
        flowing = self.flow_active
        if flowing:
            self.stop_flow()
        try:
            async with asyncio.timeout(self._seek_limit):
                await self._parked.wait()
                await seek()
        except TimeoutError as exc:
            raise TransportError(
                f"a seek after a rebalance took more than {self._seek_limit:g} s: the broker does "
                "not answer, or a stream holds the drain loop; the worker must start again"
            ) from exc
        if flowing:
            self.resume_flow()

    async def _rewind(self) -> None:
        tps = [tp for tp in self.assignment() if not self._is_changelog_tp(tp)]
        starts = await self._thread.rewind(tps, self._no_later_than)
        self._no_later_than.clear()
        for tp, start in starts.items():
            # Acknowledgements from before the rewind would let the commit pass rows that are about
            # to be read again, and hide their second acknowledgement.
            self._forget(tp)
            self._committed_offset[tp] = start.committed
            self._read_offset[tp] = self._expected[tp] = self._origin[tp] = start.position

    def _forget(self, tp: TP) -> None:
        for kept in (
            self._gap,
            self._acked,
            self._acked_index,
            self._read_offset,
            self._committed_offset,
            self._expected,
            self._origin,
            self._holes,
        ):
            kept.pop(tp, None)

    # -- acknowledging ---------------------------------------------------------------------------

    def ack(self, message: Message) -> bool:
        """Note that a message needs no second reading.

        A message of an earlier assignment is not counted: its offset is being read again, by this
        worker or another, into a state that does not hold it yet.
        """
        if message.generation_id in (None, self.app.consumer_generation_id):
            return super().ack(message)
        with ack_lock:
            message.acked = True
            self._unacked_messages.discard(message)
        notify(self._waiting_for_ack)
        return False

    def _expect(self, tp: TP, offset: int) -> None:
        expected = self._expected.get(tp, offset)
        self._origin.setdefault(tp, expected)
        if offset > expected:
            begin = max(expected, self._committed_offset[tp] or 0)
            if offset > begin:
                self._holes[tp][begin] = offset
        self._expected[tp] = offset + 1

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: holes are noted by `_expect`.

        Faust's gap includes the message that ends it, so that a commit passed a message nobody had
        acknowledged, and lacks the first missing offset after a seek.
        """

    # -- committing ------------------------------------------------------------------------------

    def _new_offset(self, tp: TP) -> int | None:
        # Faust's own tolerates one unacknowledged offset at the head (and commits past it), takes
        # the first acknowledged offset for the head when the commit is not known, and throws the
        # acknowledgements away before the commit has succeeded, after which the partition never
        # commits again. This one reads only; `_prune` throws away what is committed.
        base = self._committed_offset[tp]
        if base is None:
            base = self._origin.get(tp)
        if base is None:
            return None
        acked, holes = self._acked_index[tp], self._holes[tp]
        offset = base
        moved = False
        while True:
            if offset in acked:
                offset += 1
                moved = True
            elif offset in holes:
                offset = holes[offset]
            else:
                return offset if moved else None

    async def _commit_offsets(
        self, offsets: Mapping[TP, int], start_new_transaction: bool = True
    ) -> bool:
        generation = self.app.consumer_generation_id
        async with self._committing:
            await self.app.producer.flush()
            if self.app.consumer_generation_id != generation:
                return False  # the flush outlived the assignment; what it covers is read again
            assigned = self.assignment()
            wanted = {
                tp: offset
                for tp, offset in offsets.items()
                if tp in assigned and self._should_commit(tp, offset)
            }
            if not wanted or not await self._commit(wanted):
                return False
            self.app.tables.on_commit(wanted)
            self._committed_offset.update(wanted)
            for tp, offset in wanted.items():
                self._prune(tp, offset)
            self.app.monitor.on_tp_commit(wanted)
        return True

    def _prune(self, tp: TP, committed: int) -> None:
        with ack_lock:
            self._acked[tp] = [offset for offset in self._acked[tp] if offset >= committed]
            self._acked_index[tp] = set(self._acked[tp])
        holes = self._holes[tp]
        self._holes[tp] = {begin: end for begin, end in holes.items() if end > committed}

    @Service.transitions_to(CONSUMER_PARTITIONS_REVOKED)
    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let the app let go, commit what it has acknowledged, and only then forget.

        Faust's own forgets first: whatever was acknowledged since the last commit came again after
        every rebalance, and what agents acknowledged while the app waited for them was committed
        as if nothing before it were open.
        """
        self._revoked = True
        self.stop_flow()
        self._active_partitions.difference_update(revoked)
        self._paused_partitions.difference_update(revoked)
        await self._on_partitions_revoked(revoked)
        try:
            async with asyncio.timeout(REVOCATION_COMMIT):
                await self.force_commit(topics=revoked)
        except TimeoutError:
            self.log.warning("No commit before the rebalance: the broker did not answer in time")
        self._drop(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Hand an assignment to the app, all of it paused until its recovery resumes it.

        Faust's own pauses it some turns later. And a recovery of the assignment before may end at
        any time between a revocation and the next recovery, and then lets its partitions and the
        flow go: rows came to agents whose state was no longer there, or not yet.
        """
        self._paused_partitions.update(assigned)
        self._revoked = False
        await super().on_partitions_assigned(assigned, generation_id)

    def on_buffer_drop(self, tp: TP) -> None:
        """Fetch again from a partition whose buffer has room, unless it is paused or not ours.

        Faust's own lets it go whatever else holds it back. The buffers are emptied in a rebalance,
        their room is told of at the next look at them, in the midst of the recovery, and agents got
        rows whose state was not there yet.
        """
        if tp in self._paused_partitions or tp not in self.assignment():
            self._buffered_partitions.discard(tp)
        else:
            super().on_buffer_drop(tp)

    def _drop(self, tps: Iterable[TP]) -> None:
        for tp in tps:
            self._forget(tp)
