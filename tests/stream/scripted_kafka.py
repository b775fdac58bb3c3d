"""A Faust consumer on a scripted broker: no network, and every step in the test's hand.

Real are Faust's consumer and its thread class (ours, or the stock one to compare), and aiokafka's
subscription state, fetch buffer and consumer methods. Scripted are the records that a fetch brings
(`Bench.arrive`), the group's commits and the assignment. What the consumer's thread would do runs
in the test's own loop.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import Fetcher, FetchResult
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata
from faust.types import TP
from yarl import URL

TOPIC = "columns"
APP = "scripted"
ROWS = TP(TOPIC, 0)
OTHER = TP(TOPIC, 1)
CHANGELOG = TP(f"{APP}-table-changelog", 0)
PATIENCE = 10.0  # seconds until a condition that never comes fails a test


async def until(condition: Callable[[], object]) -> None:
    """Return when the condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # conditions of several objects, most without events
            await asyncio.sleep(0.005)


async def settle() -> None:
    """Let everything run that can run without time passing."""
    for _ in range(100):
        await asyncio.sleep(0)


class ScriptedRecords:
    """The records of one fetch, as aiokafka's FetchResult walks through them."""

    def __init__(self, fetch_offset: int, records: list[Any]) -> None:
        self.next_fetch_offset = fetch_offset
        self._records = iter(records)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        record = next(self._records)
        self.next_fetch_offset = record.offset + 1
        return record


class ScriptedFetcher(Fetcher):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's fetcher without its network task."""

    def __init__(self, subscriptions: Any, begins: dict[Any, int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._subscriptions = subscriptions
        self._records: OrderedDict[Any, Any] = OrderedDict()
        self._wait_consume_future = None
        self._fetch_waiters: set[Any] = set()
        self._closed = False
        self._begins = begins

    async def beginning_offsets(self, partitions: Iterable[Any], _: float) -> dict[Any, int]:
        return {tp: self._begins.get(tp, 0) for tp in partitions}

    async def end_offsets(self, partitions: Iterable[Any], _: float) -> dict[Any, int]:
        states = self._subscriptions.subscription.assignment.state_value
        return {tp: states(TopicPartition(*tp)).highwater or 0 for tp in partitions}


class ScriptedGroup:
    """The group's coordinator: its commits, and errors to raise on the next ones."""

    def __init__(self) -> None:
        self.committed: dict[Any, int] = {}
        self.errors: list[Exception] = []
        self.pending: Exception | None = None
        self._coordination_task = asyncio.get_running_loop().create_future()
        self.generation = 1

    async def fetch_committed_offsets(self, tps: Iterable[Any]) -> dict[Any, Any]:
        return {tp: OffsetAndMetadata(self.committed.get(tp, -1), "") for tp in tps}

    async def commit_offsets(self, assignment: Any, offsets: dict[Any, Any]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.committed.update({tp: meta.offset for tp, meta in offsets.items()})

    def check_errors(self) -> None:
        error, self.pending = self.pending, None
        if error is not None:
            raise error


class ScriptedKafka(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's consumer on the scripted fetcher and group."""

    def __init__(self, tps: Iterable[TP], begins: dict[Any, int]) -> None:
        wanted = {TopicPartition(*tp) for tp in tps}
        self._closed = True  # nothing to close
        self._group_id = APP
        self._request_timeout_ms = 1000
        self._max_poll_records = None
        self._subscription = SubscriptionState()
        self._subscription.subscribe({tp.topic for tp in wanted})
        self._subscription.assign_from_subscribed(wanted)
        self._fetcher = ScriptedFetcher(self._subscription, begins)
        self._coordinator = ScriptedGroup()
        self._client = None
        self._closed = False

    def __del__(self) -> None:
        """Nothing is left open."""


class Bench:
    """A consumer of a transport class, its scripted broker, and what reached the streams.

    Args:
        transport: the class under test.
        tps: what is assigned.
        committed: the group's commits.
        begins: where the logs begin, 0 where not given.
    """

    def __init__(
        self,
        transport: type[Any],
        tps: Iterable[TP] = (ROWS,),
        committed: dict[TP, int] | None = None,
        begins: dict[TP, int] | None = None,
    ) -> None:
        app: Any = faust.App(APP, broker="kafka://127.0.0.1:1", store="memory://")
        self.app = app
        self.app.Table("table", partitions=1)
        self.app.topics._acking_topics.add(TOPIC)
        self.app.producer = SimpleNamespace(flush=self._flush)
        made: Any = transport([URL("kafka://127.0.0.1:1")], self.app)
        self.app.transport = made
        self.delivered: list[Any] = []
        self.on_message: Callable[[Any], Awaitable[None]] | None = None
        self.on_revoked: Callable[[], Awaitable[None]] | None = None
        self.on_assigned: Callable[[], Awaitable[object]] | None = None
        self.consumer: Any = made.create_consumer(
            callback=self._deliver,
            on_partitions_revoked=self._revoked,
            on_partitions_assigned=self._assigned,
        )
        self.app.consumer = self.consumer
        self.kafka = ScriptedKafka(
            tps, {TopicPartition(*tp): offset for tp, offset in (begins or {}).items()}
        )
        self.group: ScriptedGroup = self.kafka._coordinator
        self.group.committed = {TopicPartition(*k): v for k, v in (committed or {}).items()}
        thread = self.consumer._thread
        thread._consumer = self.kafka
        thread.time_started = 0.0
        thread.call_thread = self._call
        self.consumer._set_active_tps(set(tps))
        self._drain: asyncio.Task[None] | None = None

    async def _flush(self) -> None:
        await asyncio.sleep(0)

    async def _call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        result = method(*args, **kwargs)
        return await result if asyncio.iscoroutine(result) else result

    async def _deliver(self, message: Any) -> None:
        if self.on_message is not None:
            await self.on_message(message)
        message.incref()
        self.delivered.append(message)

    async def _revoked(self, *_: Any, **__: Any) -> None:
        if self.on_revoked is not None:
            await self.on_revoked()

    async def _assigned(self, *_: Any, **__: Any) -> None:
        if self.on_assigned is not None:
            await self.on_assigned()

    def drain(self) -> None:
        """Start the loop that Faust's fetcher runs."""
        fetcher = SimpleNamespace(_stopped=asyncio.Event())
        self._drain = asyncio.create_task(self.consumer._drain_messages(fetcher))

    def arrive(self, tp: TP, *offsets: int) -> None:
        """Let a fetch from the partition's position bring these records."""
        aiotp = TopicPartition(*tp)
        assignment = self.kafka._subscription.subscription.assignment
        state = assignment.state_value(aiotp)
        state.highwater = offsets[-1] + 1
        records = [
            ConsumerRecord(
                tp.topic, tp.partition, offset, 0, 0, b"k", b"v", None, 1, 1, ()
            )
            for offset in offsets
        ]  # fmt: skip
        fetcher = self.kafka._fetcher
        fetcher._records[aiotp] = FetchResult(
            aiotp,
            assignment=assignment,
            partition_records=ScriptedRecords(state.position, records),
            backoff=0,
        )
        for waiter in list(fetcher._fetch_waiters):
            fetcher._notify(waiter)

    def fetching(self) -> bool:
        """Whether a fetch waits for records."""
        return bool(self.kafka._fetcher._fetch_waiters)

    def position(self, tp: TP) -> int | None:
        """Return the next offset that aiokafka would fetch."""
        state = self.kafka._subscription.subscription.assignment.state_value(TopicPartition(*tp))
        return state.position if state.has_valid_position else None

    def offsets(self, tp: TP = ROWS) -> list[int]:
        """Return what reached the streams, in order."""
        return [message.offset for message in self.delivered if message.tp == tp]

    def ack(self, *offsets: int, tp: TP = ROWS) -> None:
        """Acknowledge the latest delivery of each offset."""
        for offset in offsets:
            message = next(m for m in reversed(self.delivered) if (m.tp, m.offset) == (tp, offset))
            message.ack(self.consumer)

    def committed(self, tp: TP = ROWS) -> int | None:
        """Return the group's commit."""
        return self.group.committed.get(TopicPartition(*tp))

    async def started(self) -> Bench:
        """Seek and let the rows flow, as after a first assignment."""
        await self.consumer.perform_seek()
        for tp in self.consumer.assignment():
            if self.position(tp) is None:  # the first position of stock, which aiokafka resolves
                self.kafka.seek(TopicPartition(*tp), self.committed(tp) or 0)
        self.consumer.resume_flow()
        self.drain()
        return self

    async def close(self) -> None:
        """End the drain loop and close what the consumer opened."""
        if self._drain is not None:
            self._drain.cancel()
            await asyncio.gather(self._drain, return_exceptions=True)
        self.consumer._thread.thread_loop.close()


MakeBench = Callable[..., Bench]
