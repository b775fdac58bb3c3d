"""events -> columns: reads thousands of events at a time, decodes them, leaves no hole."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from driftlog.decode import Rejection, decode_label
from driftlog.errors import BrokerError
from driftlog.kafka import NEVER_MS, connection, reason, stop_consumer
from driftlog.settings import Settings
from stream.admission import admit
from stream.broker import connect
from stream.committed import Committed
from stream.decode import Decoder
from stream.decoded import DeadLetter, Decoded
from stream.forwarding import Forwarding
from stream.gaps import lost_between, reading_position
from stream.group import mend_group
from stream.in_flight import InFlight
from stream.judging import Judging
from stream.lateness import Lateness
from stream.source import Source, leaders, read_metadata
from stream.tally import Tally
from stream.ticks import at_ticks
from stream.topics import Topics
from stream.watchdog import Partition

__all__ = ["Ingest"]

_log = logging.getLogger(__name__)

LINGER: Final = 0.2  # seconds that few rows wait for more, so that a chunk is not one row
ENOUGH: Final = 1_024  # rows in a round that need not wait
BEHIND: Final = 0.01  # the same while the broker has more to give
FETCH_WAIT: Final = 100  # ms; a partition just read waits for the fetch that is under way
CHUNK: Final = 1_024  # rows, about; for as many the others have turns of the event loop,
TURNS: Final = 16  # at most so many
HEARTBEAT: Final = 1.0  # seconds
FRESH_FETCH: Final = 2_000  # ms; an older answer of the broker says nothing about idleness
SETTLE: Final = 3.0  # seconds, at the end, for what is sent to be acknowledged


class Ingest(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """The stateless half of a worker.

    Order of things, on which exactness rests: chunks of a batch, then the heartbeat with the
    watermark after it; all acknowledged, then the contiguous prefix is committed, with the running
    maximum in its metadata. A send that fails ends the process before anything else is sent.

    Args:
        settings: the whole.
        topics: names and partition counts.
        judging: gives the references by which rows are routed.
        busy: whether somebody else on this event loop has work in hand, and is to have his turns.
        decoded: called with the rows of each batch that has any, and the correlation id of one.
    """

    def __init__(
        self,
        settings: Settings,
        topics: Topics,
        judging: Judging,
        busy: Callable[[], bool] = lambda: False,
        decoded: Callable[[int, str], None] = lambda _rows, _correlation_id: None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.dead: Counter[str] = Counter()
        self.wrong_types = Tally()  # model, version, signal
        self.new_columns = Tally()  # model, version
        self.vanished_columns = Tally()
        self.sources: dict[int, Source] = {}
        self.lag: dict[int, int] = {}
        self.last_loss: float | None = None  # seconds since 1970, by this worker's clock
        self.decoder = Decoder(settings, judging.in_effect)
        self._settings = settings
        self._batch = settings.worker.batch
        self._topics = topics
        self._judging = judging
        self._busy = busy
        self._decoded = decoded
        self.ready = False  # let in by the group, with partitions or, as a spare, without
        self._in_flight = InFlight()
        self.assignments = 0  # times that the group gave partitions
        self._since_turn = 0  # rows
        self._beat = 0.0
        self._labels: dict[TopicPartition, int] = {}
        self._unassigned: Exception | None = None  # why partitions could not be taken over
        self._lock = asyncio.Lock()  # a revocation waits for the round that is under way

    async def run(self) -> None:
        """Read until cancelled.

        Raises:
            BrokerError: the broker refuses; one that is away is waited for.
        """
        kafka = self._settings.kafka
        arguments = connection(kafka)
        session_ms = self._settings.worker.session_timeout
        self._consumer: Any = AIOKafkaConsumer(
            group_id=self._topics.ingest_group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(session_ms),
            heartbeat_interval_ms=min(3_000, session_ms // 3),
            max_partition_fetch_bytes=2_097_152,
            fetch_max_wait_ms=FETCH_WAIT,
            max_poll_interval_ms=NEVER_MS,
            metadata_max_age_ms=30_000,
            **arguments,
        )
        self._forwarding = Forwarding(self._topics, self._judging, arguments)
        self._committed = Committed(self._topics, arguments)
        try:
            for client in (self._committed, self._forwarding, self._consumer):
                await connect(client.start)
            mend_group(self._consumer)
            self._consumer.subscribe([self._topics.events, self._topics.labels], listener=self)
            while True:
                await self._round()
        except (KafkaError, OSError) as exc:
            raise BrokerError(
                f"reading {self._topics.events} at {kafka.bootstrap}: "
                f"{await reason(arguments, exc)}"
            ) from exc
        finally:
            await asyncio.shield(self._stop())

    async def _stop(self) -> None:
        steps = (
            self._settle,
            partial(stop_consumer, self._consumer),
            self._forwarding.stop,
            self._committed.close,
        )
        for step in steps:
            try:
                await asyncio.wait_for(step(), 5.0)
            except (TimeoutError, KafkaError, OSError, BrokerError) as exc:
                _log.warning("stopping ingest: %r; what is not committed is read again", exc)

    async def _settle(self) -> None:
        async with self._lock:  # a revocation may be at it
            await self._in_flight.settle(self._consumer, SETTLE)

    # -- one round ----------------------------------------------------------------------------

    async def _round(self) -> None:
        began = time.monotonic()
        rows = 0
        # Reading does so too; without partitions, or with all of them waiting, nobody else would.
        self._consumer._coordinator.check_errors()
        async with self._lock:
            if self._unassigned is not None:
                raise self._unassigned
            for tp in self._eligible():
                if self._consumer._subscription.reassignment_in_progress:
                    break  # reading would wait for its end, and the revocation waits for the lock
                got = await self._consumer.getmany(tp, timeout_ms=0, max_records=self._batch)
                for records in got.values():
                    rows += len(records)
                    await self._take(tp, records)
            await self._in_flight.commit(self._consumer)
            if time.monotonic() - self._beat >= HEARTBEAT:
                await self._heartbeats()
        if rows < ENOUGH:
            wait = BEHIND if self._behind() else LINGER
            await asyncio.sleep(max(0.0, wait - (time.monotonic() - began)))

    def _behind(self) -> bool:
        """Whether the broker has more than it gave: then it is asked again at once."""
        return any(
            (self._consumer.highwater(TopicPartition(self._topics.events, p)) or 0) > s.position
            for p, s in self.sources.items()
        )

    def _eligible(self) -> list[TopicPartition]:
        """Partitions to read from now: all but those far ahead of the slowest in event time."""
        waiting = self._waiting()
        events = [
            TopicPartition(self._topics.events, p) for p in sorted(self.sources) if p not in waiting
        ]
        return events + sorted(self._labels)

    def _waiting(self) -> set[int]:
        """Partitions that are not read now, since others are far behind."""
        maxima: dict[int, int | None] = dict.fromkeys(range(self._topics.event_partitions))
        maxima |= self._committed.maxima
        maxima |= {p: s.lateness.max_ms for p, s in self.sources.items()}
        caught_up = {p for p, lag in self.lag.items() if lag <= 0} | self._committed.done
        # Read from, and not one event in it yet: who knows whether there will be.
        caught_up |= {
            p for p, s in self.sources.items() if s.lateness.max_ms is None and s.position > s.start
        }
        return leaders(maxima, caught_up, self._settings.stream.max_skew)

    async def progress(self) -> dict[str, Partition]:
        """How far each partition is, as the watchdog judges it.

        Raises:
            KafkaError: the broker does not tell where they end.
        """
        if not self.sources:
            return {}
        sources, waiting = dict(self.sources), self._waiting()
        tps = [TopicPartition(self._topics.events, p) for p in sources]
        ends = await self._consumer.end_offsets(tps)
        return {
            f"{tp.topic}-{tp.partition}": Partition(
                read=source.position,
                end=source.position if tp.partition in waiting else ends[tp],
                committed=self._in_flight.committed.get(tp, source.start),
                committable=source.position,
                reader="ingest",
            )
            for tp, source in zip(tps, sources.values(), strict=True)
        }

    async def _take(self, tp: TopicPartition, records: Sequence[Any]) -> None:
        if tp.topic == self._topics.labels:
            await self._take_labels(tp, records)
            return
        source = self.sources.get(tp.partition)
        if source is None:
            return
        await self._skip_to(tp, source, records[0].offset)
        sends: list[asyncio.Future[Any]] = []
        for events, tick_ms in at_ticks(records):
            sends += await self._take_events(source, events)
            await self._give_way(len(events))
            if tick_ms is not None:
                source.lateness.tick(tick_ms)
        source.position = records[-1].offset + 1
        source.quiet_since, source.idle = None, False
        sends += await self._forwarding.heartbeat(tp.partition, source)
        self._in_flight.add(sends, tp, source.position, source.metadata())

    async def _skip_to(self, tp: TopicPartition, source: Source, offset: int) -> None:
        """Take note of offsets that will not be read; those of events are counted as lost."""
        if offset <= source.position:
            return
        lost = await lost_between(self._consumer, tp, source.position, offset)
        source.position = offset
        if lost:
            self.counts["lost"] += lost
            self.last_loss = time.time()
            _log.error(
                "%d events of %s, partition %d, were gone before they were read: its retention is "
                "shorter than the workers were behind",
                lost,
                tp.topic,
                tp.partition,
            )

    async def _give_way(self, rows: int) -> None:
        """Let the others have their turns after enough rows: the monitor takes a chunk in one.

        On a backlog reading would have the loop to itself until the end of it, while the monitor
        stood still and its partitions went unread.
        """
        self._since_turn += rows
        chunks, self._since_turn = divmod(self._since_turn, CHUNK)
        for _ in range(TURNS * chunks):
            await asyncio.sleep(0)
            if not self._busy():
                return

    async def _take_events(
        self, source: Source, events: Sequence[Any]
    ) -> list[asyncio.Future[Any]]:
        decoded = self.decoder.decode_batch(events)
        self._note(decoded)
        if decoded.rows:
            self._decoded(decoded.events, decoded.rows[-1].rows.correlation_id[-1])
        before = source.lateness.watermark_ms
        kept, late = admit(source.lateness, decoded.rows)
        self.counts["late"] += late
        self.counts["events"] += len(events)
        sends = await self._send_dead(decoded.dead)
        for one in kept:
            sends += await self._forwarding.rows(one, before)
        return sends

    def _note(self, decoded: Decoded) -> None:
        self.wrong_types.update(decoded.wrong_types.items())
        self.counts["shadow"] += decoded.shadow.total()
        for kind, seen, total in (
            ("new", decoded.new_columns, self.new_columns),
            ("vanished", decoded.vanished_columns, self.vanished_columns),
        ):
            for (model, version, column), count in seen.items():
                if total.add((model, version), count):
                    _log.warning("%s input of %.80r %.80r: %.80r", kind, model, version, column)

    async def _heartbeats(self) -> None:
        self._beat = now = time.monotonic()
        for partition, source in list(self.sources.items()):
            tp = TopicPartition(self._topics.events, partition)
            position = await reading_position(self._consumer, tp)
            if position is not None and position > source.position:
                await self._skip_to(tp, source, position)
                self._in_flight.add([], tp, position, source.metadata())
            source.note_quiet(
                at_end=self._at_end(tp, source),
                now=now,
                idle_after_ms=self._settings.stream.idle_after,
            )
            high = self._consumer.highwater(tp)
            if high is not None:  # else nothing has been fetched yet
                self.lag[partition] = max(0, high - source.position)
            self._in_flight.add(await self._forwarding.heartbeat(partition, source))
        theirs = [p for p in range(self._topics.event_partitions) if p not in self.sources]
        await self._committed.look_at(theirs, self._consumer)

    def _at_end(self, tp: TopicPartition, source: Source) -> bool:
        """Whether a fetch of late succeeded and found nothing: a broker away idles nobody."""
        high, polled = self._consumer.highwater(tp), self._consumer.last_poll_timestamp(tp)
        if high is None or polled is None or time.time() * 1000 - polled > FRESH_FETCH:
            return False
        return bool(source.position >= high)

    async def _send_dead(self, letters: Sequence[DeadLetter]) -> list[asyncio.Future[Any]]:
        self.dead.update(letter.reason.value for letter in letters)
        return await self._forwarding.dead_letters(letters)

    async def _take_labels(self, tp: TopicPartition, records: Sequence[Any]) -> None:
        if tp not in self._labels:
            return
        dead = []
        limit = self._settings.stream.max_event_bytes
        for record in records:
            found = decode_label(record.value, max_bytes=limit)
            if isinstance(found, Rejection):
                place = (record.topic, record.partition, record.offset)
                dead.append(
                    DeadLetter(record.value, record.key, found.reason, found.detail, *place)
                )
            else:
                self.counts["labels"] += 1
        offset = records[-1].offset + 1
        self._labels[tp] = offset
        self._in_flight.add(await self._send_dead(dead), tp, offset)

    # -- rebalances -----------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Commit what is there, then forget: the next owner goes on from the commit."""
        self.ready = False
        async with self._lock:
            try:
                await self._in_flight.settle(self._consumer)
            finally:  # a send that failed is told of by the next round
                self._in_flight.clear()
                self.sources.clear()
                self._labels.clear()
                self.lag.clear()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Take over where the last owner has committed."""
        async with self._lock:
            try:
                await self._take_over(assigned)
            except Exception as exc:
                self._unassigned = exc  # aiokafka would log it and go on, without the partitions

    async def _take_over(self, assigned: set[TopicPartition]) -> None:
        """Take position and running maximum from one and the same answer of the broker."""
        events = sorted(tp.partition for tp in assigned if tp.topic == self._topics.events)
        committed = await self._committed.surely(events)
        for partition in events:
            tp = TopicPartition(self._topics.events, partition)
            found = committed.get(partition)
            if found is not None:
                self._consumer.seek(tp, found.offset)
                position = found.offset
            else:  # a new group: what retention took before it existed was never ours to lose
                position = (await self._consumer.beginning_offsets([tp]))[tp]
            max_ms = read_metadata(found.metadata) if found else None
            lateness = Lateness(self._settings.stream.allowed_lateness, max_ms)
            self.sources[partition] = Source(lateness, position)
        for tp in assigned:
            if tp.topic == self._topics.labels:
                self._labels[tp] = 0
        self.ready = True
        self.assignments += 1
