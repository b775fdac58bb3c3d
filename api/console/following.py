"""Follows the topics and folds what comes; waits for a broker that is away, and says so."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from api.console.history import History
from driftlog.kafka import connection, reason, stop_consumer
from driftlog.settings import Settings

__all__ = ["TOPICS", "Following"]

_log = logging.getLogger(__name__)

TOPICS: Final = ("references", "actions", "alerts", "verdicts")
_PAST: Final = "the past is being read"
_POLL_MS: Final = 200
_TURN: Final = 200  # records folded before the event loop has its turn
_RETRY_S: Final = 1.0
_PROBE_S: Final = 3.0  # without a record; then the broker is asked whether it is there
_ANSWER_S: Final = 4.0


class Following:
    """Reads a bounded past first, then what comes.

    ``waiting`` says in words what is waited for; empty: it reads. ``ready`` once the past has been
    read.

    Args:
        settings: ``kafka`` and ``console`` are read.
        history: is told each record.
        on_change: called after records were folded.
        clock: milliseconds since 1970.
    """

    def __init__(
        self,
        settings: Settings,
        history: History,
        on_change: Callable[[], None],
        clock: Callable[[], int] = lambda: int(time.time() * 1000),
    ) -> None:
        self.waiting = "the log has not been read yet"
        self.ready = False
        self._settings = settings
        self._prefix = settings.kafka.prefix
        self._history = history
        self._on_change = on_change
        self._clock = clock
        self._positions: dict[TopicPartition, int] = {}
        self._consumer: Any = None

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            try:
                await self._until_there()
                await self._read()
            except (KafkaError, OSError) as exc:
                why = await reason(connection(self._settings.kafka), exc)
                self._wait_for(f"the log cannot be read: {why}")
            except Exception:  # a console that stands still must not look as if all were well
                _log.exception("reading the log failed")
                self._wait_for("reading the log failed: the console's log says why")
            await asyncio.sleep(_RETRY_S)

    async def ends(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        """The ends of any partitions; empty while there is no connection.

        Raises:
            KafkaError: the broker does not tell.
        """
        if self._consumer is None or not places:
            return {}
        found: dict[TopicPartition, int] = await self._consumer.end_offsets(places)
        return found

    async def beginnings(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Likewise their beginnings."""
        if self._consumer is None or not places:
            return {}
        found: dict[TopicPartition, int] = await self._consumer.beginning_offsets(places)
        return found

    def _wait_for(self, words: str) -> None:
        if words != self.waiting:
            if words:
                usual = words == _PAST  # at each start, and no cause for concern
                _log.log(logging.INFO if usual else logging.WARNING, "waiting: %s", words)
            self.waiting = words
            self._on_change()

    async def _until_there(self) -> None:
        """Wait for the topics: a reader that subscribes too early would make them."""
        wanted = {self._prefix + name for name in TOPICS}
        while True:
            admin = AIOKafkaAdminClient(**connection(self._settings.kafka))
            try:
                await admin.start()
                there = {one["topic"] for one in await admin.describe_topics()}
            finally:
                await admin.close()
            missing = sorted(wanted - there)
            if not missing:
                return
            named = ", ".join(missing)
            self._wait_for(
                f"topics that are not there yet: {named} ('driftlog topics create' makes them)"
            )
            await asyncio.sleep(_RETRY_S)

    async def _read(self) -> None:
        consumer: Any = AIOKafkaConsumer(
            *(self._prefix + name for name in TOPICS),
            auto_offset_reset="earliest",
            **connection(self._settings.kafka),
        )
        try:
            await consumer.start()
            known = {tp.topic for tp in consumer.assignment()}
            unknown = sorted({self._prefix + name for name in TOPICS} - known)
            if unknown:
                # Of a topic made this moment a broker may not tell yet, and this client would look
                # again in five minutes.
                self._wait_for(f"topics that have no leader yet: {', '.join(unknown)}")
                return
            ends = await self._seek(consumer)
            self._consumer = consumer
            await self._follow(consumer, ends)
        finally:
            self._consumer = None
            await stop_consumer(consumer)

    async def _seek(self, consumer: Any) -> dict[TopicPartition, int]:
        """Go to where reading begins, or goes on; return the ends of now."""
        places = sorted(consumer.assignment())
        ends: dict[TopicPartition, int] = await consumer.end_offsets(places)
        begins = await consumer.beginning_offsets(places)
        console = self._settings.console
        verdicts = [tp for tp in places if tp.topic == f"{self._prefix}verdicts"]
        since = await consumer.offsets_for_times(
            dict.fromkeys(verdicts, max(0, self._clock() - int(console.past)))
        )
        for tp in places:
            begin = begins[tp]
            if tp.topic != f"{self._prefix}references":  # few, and all of them may be in effect
                begin = max(begin, ends[tp] - console.past_records)
            if tp in since and since[tp] is not None:
                begin = max(begin, since[tp].offset)
            begin = max(begin, self._positions.get(tp, 0))
            # A topic that was made anew is read from its beginning.
            consumer.seek(tp, begin if begin <= ends[tp] else begins[tp])
        return ends

    async def _follow(self, consumer: Any, ends: dict[TopicPartition, int]) -> None:
        quiet = 0
        self._wait_for(_PAST)
        while True:
            batches = await consumer.getmany(timeout_ms=_POLL_MS, max_records=2_000)
            for tp, records in batches.items():
                await self._fold(tp, records, ends.get(tp, 0))
            if batches:
                self._on_change()
            if not self.ready or (batches and self.waiting):
                behind = [tp for tp, end in ends.items() if await consumer.position(tp) < end]
                if not behind:
                    self.ready = True
                    self._wait_for("")
            quiet = 0 if batches else quiet + 1
            if quiet * _POLL_MS >= _PROBE_S * 1000:
                quiet = 0
                await self._probe(consumer)

    async def _fold(self, tp: TopicPartition, records: list[Any], end: int) -> None:
        name = tp.topic.removeprefix(self._prefix)
        for number, record in enumerate(records):
            now = self._clock()
            # What is read while it is written came now, whatever clock the writer had; of the past
            # there is no other word than the writer's.
            at_ms = now if record.offset >= end else min(record.timestamp, now)
            self._history.take(name, record.key or b"", record.value, at_ms)
            self._positions[tp] = record.offset + 1
            if number % _TURN == _TURN - 1:
                await asyncio.sleep(0)

    async def _probe(self, consumer: Any) -> None:
        """Nothing came for a while: is it that nothing is told, or is the broker away?"""
        try:
            async with asyncio.timeout(_ANSWER_S):
                await consumer.end_offsets(sorted(consumer.assignment())[:1])
        except (KafkaError, OSError, TimeoutError):
            self._wait_for(f"the broker at {self._settings.kafka.bootstrap} has gone away")
        else:
            if self.ready:
                self._wait_for("")
