"""What is sent counts as sent when the broker has it; stock Faust's flush returns before."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from typing import Any

import faust
import pytest
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.structs import RecordMetadata
from faust.exceptions import ProducerSendError
from faust.transport.drivers.aiokafka import Producer as StockProducer
from faust.transport.drivers.aiokafka import Transport as Stock
from yarl import URL

from stream.transport import Transport as Ours
from stream.transport import TransportError
from stream.transport.topic import Topic
from tests.stream.scripted_kafka import settle, until

MakeApp = Callable[[type[Any]], Any]


class ScriptedClient:
    """aiokafka's producer: sends wait for `gate`, deliveries are the test's to resolve."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.deliveries: list[asyncio.Future[Any]] = []

    async def send(self, *_: Any, **__: Any) -> asyncio.Future[Any]:
        await self.gate.wait()
        self.deliveries.append(asyncio.get_running_loop().create_future())
        return self.deliveries[-1]

    async def flush(self) -> None:
        await asyncio.wait(self.deliveries) if self.deliveries else None

    def acknowledge(self) -> None:
        for offset, delivery in enumerate(self.deliveries):
            if not delivery.done():
                delivery.set_result(RecordMetadata("out", 0, None, offset, 0, 0, 0))


@pytest.fixture
async def make_app(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeApp]:
    """Return a maker of apps whose producer's buffer runs on a scripted client."""
    buffers: list[Any] = []

    async def make(transport: type[Any]) -> Any:
        app = faust.App("scripted", broker="kafka://127.0.0.1:1", store="memory://", Topic=Topic)
        app.transport = transport([URL("kafka://127.0.0.1:1")], app)
        producer: Any = app.producer
        producer._producer = ScriptedClient()
        await producer.buffer.start()

        async def running() -> Any:
            return producer

        app.maybe_start_producer = running  # type: ignore[method-assign, unused-ignore]
        buffers.append(producer.buffer)
        return app

    yield make
    for buffer in buffers:
        await buffer.stop()


def _table_writes(app: Any, count: int) -> list[asyncio.Future[Any]]:
    topic = app.topic("out", key_type=bytes, value_type=bytes)
    return [topic.send_soon(key=b"k", value=b"%d" % n) for n in range(count)]


async def test_a_flush_returns_when_every_table_write_is_acknowledged(make_app: Any) -> None:
    app = await make_app(Ours)
    client = app.producer._producer
    client.gate.clear()
    writes = _table_writes(app, 3)
    flush = asyncio.create_task(app.producer.flush())
    await asyncio.wait([flush], timeout=0.15)  # stock gives up after 0.1 s
    assert not flush.done()
    client.gate.set()
    await until(lambda: len(client.deliveries) == 3)
    await settle()
    assert not flush.done()
    client.acknowledge()
    await flush
    assert all(write.done() for write in writes)


async def test_stock_s_flush_returns_with_table_writes_unsent(make_app: Any) -> None:
    app = await make_app(Stock)
    client = app.producer._producer
    client.gate.clear()
    writes = _table_writes(app, 3)
    await app.producer.flush()
    assert not any(write.done() for write in writes)
    client.gate.set()
    await until(lambda: len(client.deliveries) == 3)
    client.acknowledge()
    await settle()


async def test_a_flush_of_a_stopped_producer_says_what_is_unsent(make_app: Any) -> None:
    app = await make_app(Ours)
    app.producer._producer.gate.clear()
    _table_writes(app, 2)
    await app.producer.buffer.stop()
    with pytest.raises(ProducerSendError, match="2 messages left unsent"):
        await app.producer.flush()


@pytest.mark.parametrize("soon", [True, False], ids=["changelog", "verdict"])
async def test_a_lost_record_ends_the_worker_and_stops_every_later_send_and_commit(
    make_app: Any, soon: bool
) -> None:
    app = await make_app(Ours)
    client = app.producer._producer
    topic = app.topic("out", key_type=bytes, value_type=bytes)
    lost = topic.send_soon(value=b"v") if soon else await topic.send(value=b"v")
    await until(lambda: client.deliveries)
    client.deliveries[0].set_exception(MessageSizeTooLargeError())
    await until(lambda: app.producer.crashed)
    await until(lost.done)
    assert isinstance(lost.exception(), MessageSizeTooLargeError)
    with pytest.raises(ProducerSendError, match="an earlier record was lost"):
        await app.producer.send("out", None, b"next", 0, None, None)
    with pytest.raises(ProducerSendError, match="an earlier record was lost"):
        await app.producer.flush()


@pytest.mark.parametrize("ours", [True, False])
async def test_a_lost_record_is_not_told_again_when_garbage_is_collected(
    make_app: Any, ours: bool
) -> None:
    app = await make_app(Ours)
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    kind = Topic if ours else faust.Topic
    await kind(app, topics=["out"], key_type=bytes, value_type=bytes).send(value=b"v")
    failure = MessageSizeTooLargeError()
    app.producer._producer.deliveries.pop().set_exception(failure)
    await until(lambda: app.producer.crashed)
    await settle()
    failure.__traceback__ = None  # by its frames it would keep the message
    gc.collect()
    assert any("never retrieved" in context["message"] for context in told) is not ours


async def test_stock_goes_on_after_a_lost_record(make_app: Any) -> None:
    app = await make_app(Stock)
    client = app.producer._producer
    lost = _table_writes(app, 1)[0]
    await until(lambda: client.deliveries)
    client.deliveries[0].set_exception(MessageSizeTooLargeError())
    await until(lost.done)
    await app.producer.flush()
    assert isinstance(lost.exception(), MessageSizeTooLargeError)
    assert not app.producer.crashed


async def test_the_producer_is_idempotent_and_waits_for_all_replicas(make_app: Any) -> None:
    app = await make_app(Ours)
    assert app.producer._settings_extra() == {"acks": "all", "enable_idempotence": True}
    assert not StockProducer._settings_extra(app.producer)


async def test_the_threaded_producer_is_refused() -> None:
    app = faust.App("scripted", broker="kafka://127.0.0.1:1", producer_threaded=True)
    app.transport = Ours([URL("kafka://127.0.0.1:1")], app)
    with pytest.raises(TransportError, match="producer_threaded"):
        app.producer  # noqa: B018
