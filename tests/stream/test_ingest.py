"""What ingest commits: all that is acknowledged, nothing behind a hole, at any moment it ends."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    KafkaConnectionError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    UnknownMemberIdError,
)
from aiokafka.structs import OffsetAndMetadata

import stream.broker
import stream.committed
import stream.forwarding
import stream.ingest
from driftlog.errors import BrokerError
from driftlog.settings import load_settings
from stream.committed import Committed
from stream.in_flight import MOST, InFlight
from stream.ingest import Ingest
from stream.judging import Judging
from stream.source import ForeignMetadataError
from stream.topics import Topics
from stream.watchdog import Partition
from tests.stream.event_log import LogEntry
from tests.stream.scripted_kafka import until

SETTINGS = load_settings(
    environ={}, overrides={"kafka.event_partitions": 1, "kafka.column_partitions": 2}
)
TOPICS = Topics.of(SETTINGS)
EVENTS = TopicPartition(TOPICS.events, 0)


class Broker:
    """A scripted group and log, behind what ingest takes for clients of aiokafka.

    A fetch brings one record; sends and commits wait until the test lets them through.
    """

    def __init__(self, records: int) -> None:
        self.records = records
        self.read = 0
        self.first = 0  # offset of the oldest record that is left
        self.sends: list[asyncio.Future[None]] = []
        self.acknowledging = True
        self.commits_through = asyncio.Event()
        self.commits_asked = 0
        self.committed: dict[TopicPartition, int] = {}
        self.refusals: list[Exception] = []
        self.away: list[Exception] = []  # what starting a client raises
        self.offsets_away: list[Exception] = []  # what asking for committed offsets raises
        self.loading = 0  # answers of a coordinator that is still loading its groups
        self.offsets: dict[TopicPartition, OffsetAndMetadata] = {}
        self.mine = {EVENTS}  # what the group gives
        self.group_errors: list[Exception] = []
        self._coordinator = self  # as aiokafka's consumer has one
        self._do_fetch_commit_offsets = None  # nobody asks it
        self._subscription = self  # likewise
        self.reassignment_in_progress = False
        self.on_read: Callable[[], None] = lambda: None
        self._assigning: asyncio.Task[None] | None = None

    def acknowledge(self) -> None:
        """Let all sends through, those to come as well."""
        self.acknowledging = True
        for one in self.sends:
            if not one.done():
                one.set_result(None)

    # -- the clients

    async def start(self) -> None:
        if self.away:
            raise self.away.pop()

    async def stop(self) -> None:
        """Disconnected."""

    close = stop

    def subscribe(self, _: list[str], listener: Any) -> None:
        self._assigning = asyncio.create_task(listener.on_partitions_assigned(self.mine))

    def check_errors(self) -> None:
        if self.group_errors:
            raise self.group_errors.pop()

    async def list_consumer_group_offsets(self, *_: Any, **__: Any) -> dict[Any, Any]:
        if self.offsets_away:
            raise self.offsets_away.pop()
        if self.loading:
            self.loading -= 1
            return {}
        return {EVENTS: OffsetAndMetadata(-1, "")} | self.offsets

    async def beginning_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(tps, self.first)

    async def end_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(tps, self.records)

    def seek(self, _: TopicPartition, offset: int) -> None:
        self.read = offset

    def highwater(self, _: TopicPartition) -> int:
        return self.records

    def last_poll_timestamp(self, _: TopicPartition) -> None:
        return None

    async def position(self, _: TopicPartition) -> int:
        return self.read

    async def getmany(self, tp: TopicPartition, **_: Any) -> dict[TopicPartition, list[LogEntry]]:
        await until(lambda: not self.reassignment_in_progress)  # as aiokafka's does
        self.on_read()
        if self.read == self.records:
            return {}
        self.read += 1
        return {tp: [LogEntry(0, self.read - 1, b"no event")]}  # a dead letter

    async def send(self, *_: Any, **__: Any) -> asyncio.Future[None]:
        sent = asyncio.get_running_loop().create_future()
        self.sends.append(sent)
        if self.acknowledging:
            sent.set_result(None)
        return sent

    async def commit(self, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
        self.commits_asked += 1
        await self.commits_through.wait()
        if self.refusals:
            raise self.refusals.pop()
        self.committed |= {tp: found.offset for tp, found in offsets.items()}


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Broker], Ingest]]:
    """Make an ingest on a scripted broker."""

    def made(broker: Broker) -> Ingest:
        for module, name in (
            (stream.ingest, "AIOKafkaConsumer"),
            (stream.forwarding, "AIOKafkaProducer"),
            (stream.committed, "AIOKafkaAdminClient"),
        ):
            monkeypatch.setattr(module, name, lambda **_: broker)
        return Ingest(SETTINGS, TOPICS, Judging(SETTINGS))

    yield made


async def test_ended_while_a_commit_is_under_way_it_commits_all_the_same(
    clients: Callable[[Broker], Ingest],
) -> None:
    broker = Broker(records=1)
    running = asyncio.create_task(clients(broker).run())
    await until(lambda: broker.commits_asked)
    running.cancel()
    await until(lambda: broker.commits_asked == 2)
    broker.commits_through.set()
    await asyncio.wait([running])
    assert broker.committed == {EVENTS: 1}


async def test_ended_while_it_waits_for_acknowledgements_it_commits_what_is_acknowledged_then(
    clients: Callable[[Broker], Ingest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream.ingest, "HEARTBEAT", math.inf)  # they are under way as well
    broker = Broker(records=MOST + 1)
    broker.acknowledging = False
    broker.commits_through.set()
    running = asyncio.create_task(clients(broker).run())
    await until(lambda: broker.read == MOST + 1)
    for _ in range(20):  # it has come to wait
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.sleep(0)
    broker.acknowledge()
    await asyncio.wait([running])
    assert not any(one.cancelled() for one in broker.sends)
    assert broker.committed == {EVENTS: MOST + 1}


async def test_a_rebalance_that_begins_while_it_reads_is_let_through(
    clients: Callable[[Broker], Ingest],
) -> None:
    broker = Broker(records=1)
    broker.commits_through.set()
    broker.mine = {EVENTS, TopicPartition(TOPICS.labels, 0)}  # the second is still to be read
    ingest = clients(broker)
    rebalances: list[asyncio.Task[None]] = []

    async def rebalance() -> None:
        await ingest.on_partitions_revoked(broker.mine)
        broker.reassignment_in_progress = False
        await ingest.on_partitions_assigned(broker.mine)

    def begin() -> None:
        if not rebalances:
            broker.reassignment_in_progress = True
            rebalances.append(asyncio.create_task(rebalance()))

    broker.on_read = begin
    running = asyncio.create_task(ingest.run())
    await until(lambda: rebalances and rebalances[0].done())
    await until(lambda: broker.committed == {EVENTS: 1})
    running.cancel()
    await asyncio.wait([running])


async def test_a_broker_that_goes_while_ingest_connects_is_waited_for(
    clients: Callable[[Broker], Ingest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream.broker, "_AGAIN_S", 0.0)
    monkeypatch.setattr(stream.committed, "_PAUSES", (0.0,))
    broker = Broker(records=1)
    broker.commits_through.set()
    broker.away = [KafkaConnectionError()] * 5
    broker.offsets_away = [KafkaConnectionError()] * 50
    running = asyncio.create_task(clients(broker).run())
    await until(lambda: broker.committed == {EVENTS: 1})
    running.cancel()
    await asyncio.wait([running])


async def test_a_coordinator_that_loads_its_groups_is_not_taken_for_a_group_without_commits(
    clients: Callable[[Broker], Ingest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream.committed, "_PAUSES", (0.0,))
    broker = Broker(records=4)
    broker.commits_through.set()
    broker.loading = 3
    broker.offsets = {EVENTS: OffsetAndMetadata(3, '["1",60000]')}
    ingest = clients(broker)
    running = asyncio.create_task(ingest.run())
    await until(lambda: broker.committed == {EVENTS: 4})
    assert ingest.sources[0].lateness.max_ms == 60_000
    assert ingest.counts["lost"] == 0
    running.cancel()
    await asyncio.wait([running])


async def test_offsets_of_another_program_end_it_rather_than_leave_it_without_partitions(
    clients: Callable[[Broker], Ingest],
) -> None:
    broker = Broker(records=1)
    broker.offsets = {EVENTS: OffsetAndMetadata(3, "someone else's")}
    with pytest.raises(ForeignMetadataError, match=r"set worker\.group"):
        async with asyncio.timeout(10):
            await clients(broker).run()


async def test_a_group_that_fails_a_spare_worker_ends_it(
    clients: Callable[[Broker], Ingest],
) -> None:
    """Without partitions nothing is read, and so nobody heard of it: it was a spare for ever."""
    broker = Broker(records=0)
    broker.mine = set()
    ingest = clients(broker)
    running = asyncio.create_task(ingest.run())
    await until(lambda: ingest.ready)  # let in, and nothing to do
    assert not ingest.sources
    broker.group_errors = [UnknownMemberIdError()]
    with pytest.raises(BrokerError) as ended:
        async with asyncio.timeout(10):
            await running
    assert isinstance(ended.value.__cause__, UnknownMemberIdError)


async def test_its_progress_is_what_is_read_and_what_is_committed(
    clients: Callable[[Broker], Ingest],
) -> None:
    broker = Broker(records=2)
    broker.offsets = {EVENTS: OffsetAndMetadata(1, "")}
    ingest = clients(broker)
    assert await ingest.progress() == {}
    running = asyncio.create_task(ingest.run())
    await until(lambda: broker.commits_asked)  # and does not get through
    name = f"{TOPICS.events}-0"
    assert await ingest.progress() == {name: Partition(2, 2, 1, 2, "ingest")}
    broker.commits_through.set()
    await until(lambda: broker.committed == {EVENTS: 2})
    await until(lambda: ingest.lag == {0: 0})
    broker.records = 9
    assert await ingest.progress() == {name: Partition(2, 9, 2, 2, "ingest")}
    running.cancel()
    await asyncio.wait([running])


@pytest.mark.parametrize(
    ("end", "found", "done"),
    [
        (5, OffsetAndMetadata(5, '["1",7]'), True),
        (5, OffsetAndMetadata(4, '["1",7]'), False),
        (5, OffsetAndMetadata(4, '["1",null]'), True),  # read from, and no event among it
        (5, None, False),
        (3, None, True),  # retention has taken all
    ],
)
async def test_nobody_waits_for_a_partition_of_others_that_has_nothing_to_read(
    clients: Callable[[Broker], Ingest], end: int, found: OffsetAndMetadata | None, done: bool
) -> None:
    broker = Broker(records=end)
    broker.first = 3
    broker.offsets = {} if found is None else {EVENTS: found}
    clients(broker)
    committed = Committed(TOPICS, {})
    await committed.look_at([0], broker)
    assert (0 in committed.done) is done


@pytest.fixture
def broker() -> Broker:
    """One whose commits go through."""
    made = Broker(records=0)
    made.commits_through.set()
    return made


def _sent(error: Exception | None = None) -> asyncio.Future[Any]:
    future = asyncio.get_running_loop().create_future()
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
    return future


async def test_nothing_behind_a_send_that_failed_is_committed_and_what_is_before_is(
    broker: Broker,
) -> None:
    in_flight = InFlight()
    in_flight.add([_sent(), _sent()], EVENTS, 7)
    in_flight.add([_sent(), _sent(MessageSizeTooLargeError())], EVENTS, 8)
    in_flight.add([_sent()], EVENTS, 9)
    for ask in (in_flight.commit, in_flight.settle, in_flight.commit):  # the failure stays
        with pytest.raises(BrokerError, match=r"could not be sent: .*MessageSizeTooLarge"):
            await ask(broker)
        assert broker.committed == {EVENTS: 7}


async def test_a_later_batch_waits_for_an_earlier_one(broker: Broker) -> None:
    slow: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    in_flight = InFlight()
    in_flight.add([slow], EVENTS, 7)
    in_flight.add([_sent()], EVENTS, 8)
    await in_flight.commit(broker)
    await in_flight.settle(broker, timeout=0.001)
    assert broker.committed == {}
    slow.set_result(None)
    await in_flight.commit(broker)
    assert broker.committed == {EVENTS: 8}


async def test_a_refused_commit_is_asked_for_again_until_the_partitions_go(broker: Broker) -> None:
    broker.refusals = [CommitFailedError()] * 2
    in_flight = InFlight()
    in_flight.add([_sent()], EVENTS, 7)
    await in_flight.commit(broker)
    assert not broker.committed
    in_flight.clear()
    await in_flight.commit(broker)
    assert broker.commits_asked == 1
    in_flight.add([_sent()], EVENTS, 8)
    await in_flight.commit(broker)
    assert not broker.committed
    await in_flight.settle(broker)
    assert broker.committed == {EVENTS: 8}


async def test_what_finds_no_room_while_the_broker_is_away_is_sent_again_in_its_place(
    clients: Callable[[Broker], Ingest], monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker(records=3)
    broker.commits_through.set()
    taken, send = [], broker.send
    full = [True, False, True, True, False]

    async def may_be_full(topic: str, value: bytes | None, **more: Any) -> asyncio.Future[None]:
        if full and full.pop():
            raise KafkaTimeoutError
        taken.append(dict(more.get("headers", ())).get("offset"))
        return await send()

    monkeypatch.setattr(broker, "send", may_be_full)
    ingest = clients(broker)
    running = asyncio.create_task(ingest.run())
    await until(lambda: broker.committed.get(EVENTS) == 3)
    assert [one for one in taken if one is not None] == [b"0", b"1", b"2"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_partition_emptied_to_its_end_tells_of_the_loss_without_another_event(
    clients: Callable[[Broker], Ingest], caplog: pytest.LogCaptureFixture
) -> None:
    broker = Broker(records=40)
    broker.offsets = {EVENTS: OffsetAndMetadata(10, "")}
    broker.first = 40  # retention took all of it
    broker.commits_through.set()
    ingest = clients(broker)
    running = asyncio.create_task(ingest.run())
    await until(lambda: EVENTS.partition in ingest.sources)
    broker.read = 40  # the consumer was sent back to the log's start
    await until(lambda: broker.committed.get(EVENTS) == 40)
    assert ingest.counts["lost"] == 30
    assert ingest.last_loss is not None
    assert ingest.sources[0].position == 40, "so that it falls idle, and holds nobody up"
    assert caplog.text.count("30 events of") == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
