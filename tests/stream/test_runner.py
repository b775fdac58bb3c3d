"""The order of a checkpoint: outputs, state, the partition's record, acknowledgement."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.errors import DriftlogError, StateError
from stream.output import Output
from stream.runner import MAX_STATE_BYTES, Runner, partition_key, records_of

RECORD = b"\0partition 0"
PANE = 10


class ScriptedFold:
    """Holds event times; a tick closes panes. What it tells of an event is the event itself."""

    def __init__(self) -> None:
        self.number = 0
        self.position = -1
        self.through_ms = 0
        self.open: list[int] = []
        self.closed: list[int] = []
        self.dirty: list[int] = []
        self.fails: BaseException | None = None
        self.news: deque[str] = deque()

    def absorb_record(self, key: bytes, value: bytes) -> int:
        if self.fails is not None:
            raise self.fails
        if key == b"tick":
            self.through_ms = max(self.through_ms, int(value))
            return 0
        self.open.append(int(value))
        return int(value) - int(value) % PANE + PANE

    def advance(self) -> Iterator[Output]:
        ripe = [ts for ts in self.open if ts < self.through_ms]
        self.open = [ts for ts in self.open if ts >= self.through_ms]
        for ts in ripe:
            self.closed.append(ts)
            self.dirty.append(ts)
            yield Output("verdicts", b"series", b"%d" % ts)

    def snapshot(self) -> dict[bytes, bytes | None]:
        found: dict[bytes, bytes | None] = {b"series %d" % ts: b"x" for ts in self.dirty}
        self.dirty.clear()
        return {**found, RECORD: b"%d at %d" % (self.through_ms, self.position)}


class Wire:
    """What the broker sees, in order; sends and stores are acknowledged when a test says so."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.sends: list[asyncio.Future[None]] = []
        self.stores: dict[bytes, asyncio.Future[None]] = {}
        self.begins_at: int | None = None  # where a new owner would, by the record
        self.held = True
        self.sending: asyncio.Event | None = None  # a send waits for it before it is made
        self.fold = ScriptedFold()
        self.runner = Runner(self.fold, self._send, self._store, lambda: self.held)
        self._offset = 0

    async def _send(self, output: Output) -> asyncio.Future[None]:
        if self.sending is not None:
            await self.sending.wait()
        self.seen.append(f"send {output.value.decode()}")
        self.sends.append(asyncio.get_running_loop().create_future())
        return self.sends[-1]

    async def _store(self, key: bytes, value: bytes | None) -> None:
        self.seen.append("record" if key == RECORD else f"store {key.decode()}")
        if key == RECORD and value is not None:
            self.begins_at = int(value.split()[-1])
        self.stores[key] = asyncio.get_running_loop().create_future()
        await self.stores[key]

    async def take(self, value: int, key: bytes = b"") -> None:
        """Give the runner one event."""
        offset, self._offset = self._offset, self._offset + 1

        def ack() -> None:
            self.seen.append(f"ack {offset}")

        message = SimpleNamespace(offset=offset)
        event = SimpleNamespace(message=message, key=key, value=b"%d" % value, ack=ack)
        await self.runner.handle(event)

    async def tick(self, through: int) -> None:
        await self.take(through, b"tick")

    def broker_acknowledges(self, found: list[asyncio.Future[None]]) -> None:
        for future in found:
            if not future.done():
                future.set_result(None)

    @property
    def acknowledged(self) -> list[int]:
        return [int(line.split()[1]) for line in self.seen if line.startswith("ack")]


Begin = Callable[[], asyncio.Task[None]]


@pytest.fixture
async def wire() -> Wire:
    return Wire()


@pytest.fixture
async def begin(wire: Wire) -> AsyncIterator[Begin]:
    """Begin a checkpoint; whatever is still under way is cancelled at the end."""
    begun: list[asyncio.Task[None]] = []

    def start() -> asyncio.Task[None]:
        begun.append(asyncio.create_task(wire.runner.checkpoint()))
        return begun[-1]

    yield start
    for task in begun:
        task.cancel()
    await asyncio.gather(*begun, return_exceptions=True)


async def settle() -> None:
    """Let every task run until it waits for something."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_outputs_then_state_then_the_record_then_the_input_each_acknowledged_first(
    wire: Wire, begin: Begin
) -> None:
    await wire.take(1)
    await wire.take(2)
    await wire.tick(10)
    checkpoint = begin()
    await settle()
    assert wire.seen == ["send 1", "send 2"]  # one of them is not acknowledged
    wire.broker_acknowledges(wire.sends[:1])
    await settle()
    assert len(wire.seen) == 2
    wire.broker_acknowledges(wire.sends)
    await settle()
    assert wire.seen[2:] == ["store series 1", "store series 2"]
    wire.stores[b"series 1"].set_result(None)
    await settle()
    assert "record" not in wire.seen  # a series is not yet safe
    wire.stores[b"series 2"].set_result(None)
    await settle()
    assert wire.seen[4:] == ["record"]
    assert not wire.acknowledged
    wire.stores[RECORD].set_result(None)
    await checkpoint
    assert wire.acknowledged == [0, 1, 2]


async def _complete(wire: Wire, checkpoint: asyncio.Task[None]) -> None:
    while not checkpoint.done():
        wire.broker_acknowledges([*wire.sends, *wire.stores.values()])
        await settle()
    await checkpoint


async def test_a_chunk_with_rows_in_an_open_pane_is_not_acknowledged_nor_any_after_it(
    wire: Wire, begin: Begin
) -> None:
    for ts in (1, 12, 3):
        await wire.take(ts)
    await wire.tick(10)
    await _complete(wire, begin())
    assert wire.acknowledged == [0]
    assert wire.begins_at == 1  # a new owner begins with the chunk that is open
    await wire.tick(20)
    await _complete(wire, begin())
    assert wire.acknowledged == [0, 1, 2, 3, 4]
    assert wire.begins_at == 5


async def test_without_anything_to_acknowledge_nothing_is_written(wire: Wire, begin: Begin) -> None:
    await begin()
    await wire.take(1)
    await begin()
    assert not wire.seen


@pytest.mark.parametrize("lost_before", ["outputs", "state", "record"])
async def test_a_partition_given_away_in_the_middle_is_not_acknowledged(
    wire: Wire, begin: Begin, lost_before: str
) -> None:
    await wire.take(1)
    await wire.tick(10)
    checkpoint = begin()
    await settle()
    if lost_before != "outputs":
        wire.broker_acknowledges(wire.sends)
        await settle()
    if lost_before == "record":
        wire.broker_acknowledges(list(wire.stores.values()))
        await settle()
    wire.held = False
    await _complete(wire, checkpoint)
    assert not wire.acknowledged
    assert ("record" in wire.seen) == (lost_before == "record")
    await begin()  # and never again
    assert not wire.acknowledged


async def test_nothing_is_written_for_a_partition_that_is_held_no_more(
    wire: Wire, begin: Begin
) -> None:
    await wire.take(1)
    await wire.tick(10)
    wire.held = False
    await begin()
    assert wire.seen == ["send 1"]


async def test_a_lost_output_ends_the_checkpoint_before_any_state_is_written(
    wire: Wire, begin: Begin
) -> None:
    await wire.take(1)
    await wire.tick(10)
    checkpoint = begin()
    await settle()
    wire.sends[0].set_exception(DriftlogError("the broker refused it"))
    with pytest.raises(DriftlogError, match="refused"):
        await checkpoint
    await begin()  # the last one, at the end of the worker
    assert wire.seen == ["send 1"]


async def test_lost_state_ends_the_checkpoint_without_record_or_acknowledgement(
    wire: Wire, begin: Begin
) -> None:
    await wire.take(1)
    await wire.tick(10)
    checkpoint = begin()
    await settle()
    wire.broker_acknowledges(wire.sends)
    await settle()
    wire.stores[b"series 1"].set_exception(DriftlogError("the broker refused it"))
    with pytest.raises(DriftlogError, match="refused"):
        await checkpoint
    await begin()
    assert wire.seen == ["send 1", "store series 1"]


async def test_a_step_whose_send_failed_is_never_stored(wire: Wire, begin: Begin) -> None:
    """The state has moved on, the verdict is nowhere: stored, it would be missing for good."""
    await wire.take(1)
    wire.sending = asyncio.Event()
    step = asyncio.create_task(wire.tick(10))
    await settle()
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    wire.sending.set()
    await begin()
    with pytest.raises(StateError, match="cut short"):
        await wire.tick(20)
    await begin()
    assert not wire.seen


async def test_a_fold_that_fails_is_never_stored(wire: Wire, begin: Begin) -> None:
    await wire.take(1)
    await wire.tick(10)
    wire.fold.fails = ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError):
        await wire.take(2)
    await begin()
    assert wire.seen == ["send 1"]


async def test_no_checkpoint_begins_between_a_step_and_its_sends(wire: Wire, begin: Begin) -> None:
    await wire.take(1)
    wire.sending = asyncio.Event()
    step = asyncio.create_task(wire.tick(10))
    await settle()
    checkpoint = begin()
    await settle()
    assert not wire.fold.dirty or not wire.seen  # closed, not sent, and not stored either
    wire.sending.set()
    await step
    await _complete(wire, checkpoint)  # it waited, and was not left out
    assert wire.seen == ["send 1", "store series 1", "record", "ack 0", "ack 1"]


async def test_checkpoints_follow_one_another_and_the_second_takes_what_came_meanwhile(
    wire: Wire, begin: Begin
) -> None:
    await wire.take(1)
    await wire.tick(10)
    first = begin()
    await settle()
    await wire.take(11)
    await wire.tick(20)
    last = begin()
    await settle()
    assert wire.seen == ["send 1", "send 11"]
    await _complete(wire, first)
    await _complete(wire, last)
    assert wire.seen[2:] == [
        *("store series 1", "record", "ack 0", "ack 1"),
        *("store series 11", "record", "ack 2", "ack 3"),
    ]


@pytest.mark.parametrize("at", ["outputs", "state", "record"])
async def test_a_checkpoint_cancelled_in_its_middle_leaves_the_record_behind_its_series(
    wire: Wire, begin: Begin, at: str
) -> None:
    await wire.take(1)
    await wire.tick(10)
    checkpoint = begin()
    await settle()
    if at != "outputs":
        wire.broker_acknowledges(wire.sends)
        await settle()
    if at == "record":
        wire.broker_acknowledges(list(wire.stores.values()))
        await settle()
    checkpoint.cancel()
    with pytest.raises(asyncio.CancelledError):
        await checkpoint
    wire.sends.clear()
    await wire.take(11)
    await wire.tick(20)
    before = list(wire.seen)
    await begin()  # it would write the record, and series 1 no more
    assert wire.seen == before
    assert not wire.acknowledged


async def test_a_state_too_large_for_the_broker_is_refused_before_any_of_it_is_sent(
    wire: Wire, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    await wire.take(1)
    await wire.tick(10)
    large = {b"small": b"x", b"series": b"x" * (MAX_STATE_BYTES + 1), RECORD: b""}
    monkeypatch.setattr(wire.fold, "snapshot", lambda: large)
    checkpoint = begin()
    await settle()
    wire.broker_acknowledges(wire.sends)
    with pytest.raises(StateError, match=r"'series' has 900,001 bytes.*models.shard_signals"):
        await checkpoint
    assert wire.seen == ["send 1"]


async def test_what_a_checkpoint_wrote_is_known(wire: Wire, begin: Begin) -> None:
    await wire.take(1)
    await wire.tick(10)
    await _complete(wire, begin())
    assert wire.runner.stored_bytes == len(b"x") + len(b"10 at 2")


async def test_input_out_of_order_is_refused(wire: Wire) -> None:
    await wire.take(1)
    wire._offset = 0
    with pytest.raises(StateError, match="offset 0 came after 0"):
        await wire.take(1)


@given(st.lists(st.one_of(st.integers(0, 60), st.integers(1, 6).map(lambda n: -n * PANE))))
def test_whatever_comes_only_what_is_closed_is_acknowledged_in_order_and_all_of_it(
    script: list[int],
) -> None:
    """A number is the time of an event, a negative one closes panes, and checkpoints."""

    async def run() -> None:
        wire = Wire()
        needs: list[int] = []
        through = 0
        for step in script:
            if step >= 0:
                needs.append(step - step % PANE + PANE)
                await wire.take(step)
                continue
            needs.append(0)
            through = max(through, -step)
            await wire.tick(-step)
            await _complete(wire, asyncio.create_task(wire.runner.checkpoint()))
            still_open = [i for i, need in enumerate(needs) if need > through]
            first_open = still_open[0] if still_open else len(needs)
            assert wire.acknowledged == list(range(first_open))
            assert wire.begins_at == (first_open or None)

    asyncio.run(run())


def test_the_records_of_a_partition_are_found_by_its_number_alone() -> None:
    table = {partition_key(n, key): b"" for n in (1, 11, 111) for key in (b"1 a", b"\0own")}
    assert list(records_of(11, table)) == [b"1 a", b"\0own"]
    assert records_of(2, table) == {}
    assert sorted(table)[0].startswith(b"00001 ")
