"""What a worker waits for, when it calls itself ready, and how long it may take to end."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any, Self

import pytest
from aiokafka.errors import TopicAuthorizationFailedError

from driftlog.errors import BrokerError, DriftlogError
from driftlog.settings import KafkaSettings, Settings, WorkerSettings
from driftlog.testing.embedded import EmbeddedBroker
from driftlog.topics import Difference, TopicResult
from stream import broker as broker_module
from stream import worker as worker_module
from stream.book import ReferenceBook
from stream.broker import check_topics, watch_broker
from stream.ending import Ending
from stream.topics import worker_topics
from stream.watchdog import Observation
from stream.worker import Worker


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """A broker of the test's own, since it is taken away."""
    with EmbeddedBroker() as found:
        yield found


def settings_of(broker: EmbeddedBroker) -> Settings:
    return Settings(kafka=KafkaSettings(bootstrap=broker.bootstrap))


# -- topics -------------------------------------------------------------------------------------


async def test_topics_that_are_missing_are_named_with_the_command_that_makes_them(
    broker: EmbeddedBroker,
) -> None:
    settings = settings_of(broker)
    first, *others = worker_topics(settings)
    broker.create_topics(others)
    with pytest.raises(BrokerError) as caught:
        await check_topics(settings)
    assert str(caught.value) == (
        f"topics are missing: {first.name}; make them by 'driftlog topics create'"
    )
    broker.create_topics([first])
    await check_topics(settings)


async def test_a_broker_that_is_away_is_named_with_the_setting() -> None:
    settings = Settings(kafka=KafkaSettings(bootstrap="127.0.0.1:1"))
    with pytest.raises(BrokerError, match=r"no broker answers at 127.0.0.1:1 .*kafka.bootstrap"):
        await check_topics(settings)


@pytest.fixture
def differing(monkeypatch: pytest.MonkeyPatch, broker: EmbeddedBroker) -> Settings:
    """A broker whose events topic has times of the producer, which the embedded one cannot tell."""
    difference = Difference("message.timestamp.type", "LogAppendTime", "CreateTime")

    async def compared(*_arguments: Any, **_more: Any) -> tuple[TopicResult, ...]:
        return (TopicResult("driftlog.events", "differs", (difference,)),)

    monkeypatch.setattr(broker_module, "ensure_topics", compared)
    return settings_of(broker)


async def test_a_topic_whose_times_are_the_producers_is_warned_of_and_taken(
    differing: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    await check_topics(differing)
    (record,) = [one for one in caplog.records if one.name == "stream.broker"]
    assert record.levelno == logging.WARNING
    assert "driftlog.events: message.timestamp.type is CreateTime" in record.getMessage()
    assert "driftlog doctor" in record.getMessage()


async def test_every_topic_of_a_wrong_size_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, broker: EmbeddedBroker
) -> None:
    results = tuple(
        TopicResult(name, "differs", (Difference("partitions", "8", found),))
        for name, found in (("columns", "4"), ("changelog", "1"))
    )

    async def compared(*_arguments: Any, **_more: Any) -> tuple[TopicResult, ...]:
        return results

    monkeypatch.setattr(broker_module, "ensure_topics", compared)
    with pytest.raises(DriftlogError) as caught:
        await check_topics(settings_of(broker))
    assert not isinstance(caught.value, BrokerError)  # waiting would not mend it
    assert "topic columns has 4 partitions where the settings have 8" in str(caught.value)
    assert "topic changelog has 1 partitions" in str(caught.value)


# -- the broker, while running ------------------------------------------------------------------


async def test_going_and_coming_back_are_told_once_each(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "LOOK_S", 0.01)
    told: asyncio.Queue[bool] = asyncio.Queue()
    broker.create_topics(worker_topics(settings_of(broker)))
    watching = asyncio.create_task(watch_broker(settings_of(broker), told.put_nowait))
    async with asyncio.timeout(60):
        for _ in range(2):
            broker.broker_down()
            assert await told.get() is False
            broker.broker_up()
            assert await told.get() is True
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert told.empty()


async def test_a_topic_that_is_deleted_ends_the_watch_with_its_name_and_the_mend(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "LOOK_S", 0.01)
    settings = settings_of(broker)
    broker.create_topics(worker_topics(settings))
    looked = asyncio.Event()
    changed = broker_module._changed

    def look(*arguments: Any) -> str:
        looked.set()
        return changed(*arguments)

    monkeypatch.setattr(broker_module, "_changed", look)
    watching = asyncio.create_task(watch_broker(settings, lambda _answers: None))
    async with asyncio.timeout(60):
        await looked.wait()
        assert not watching.done()
        broker.delete_topic("driftlog.columns")
        with pytest.raises(DriftlogError) as caught:
            await watching
    assert "driftlog.columns is no longer there" in str(caught.value)
    assert "'driftlog topics create'" in str(caught.value)
    assert not isinstance(caught.value, BrokerError)  # waiting would not mend it


async def test_a_topic_made_anew_with_another_size_ends_the_watch_with_both_numbers(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "LOOK_S", 0.01)
    settings = settings_of(broker)
    broker.create_topics(worker_topics(settings))
    broker.delete_topic("driftlog.columns")
    broker.create_topic("driftlog.columns", 1)
    async with asyncio.timeout(60):
        with pytest.raises(DriftlogError, match="now has 1 partitions where the settings have 8"):
            await watch_broker(settings, lambda _answers: None)


def test_a_right_that_is_missing_is_named_with_the_topic_and_the_mend() -> None:
    kafka = KafkaSettings(
        bootstrap="127.0.0.1:1",
        security_protocol="SASL_PLAINTEXT",
        sasl_username="monitor",
        sasl_password="x",
    )
    worker = Worker(Settings(kafka=kafka))
    told = worker._told(TopicAuthorizationFailedError("driftlog.verdicts"))
    assert told.startswith("user 'monitor' may not use topic driftlog.verdicts: grant the right")


# -- readiness ----------------------------------------------------------------------------------


def test_a_worker_is_ready_when_all_its_parts_are_and_says_what_it_waits_for() -> None:
    worker = Worker(Settings())
    held = worker._held
    assert held.why_not == "waiting for the broker"
    held.phase = "running"
    assert held.ready  # with neither half there is nothing to wait for
    monitor: Any = SimpleNamespace(ready=False)
    ingest: Any = SimpleNamespace(ready=False)
    held.monitor, held.ingest = monitor, ingest
    assert held.why_not == "ingest waits for its partitions"
    ingest.ready = True
    assert "recovers their state" in held.why_not
    monitor.ready = True
    assert held.ready
    held.broker_answers = False
    assert held.why_not == "the broker does not answer"
    held.broker_answers = True
    held.phase = "stopping"
    assert not held.ready


async def test_a_worker_told_to_stop_before_it_runs_begins_nothing() -> None:
    said: list[str] = []
    settings = Settings(kafka=KafkaSettings(bootstrap="127.0.0.1:1"), worker=WorkerSettings(port=0))
    worker = Worker(settings, say=said.append)
    worker.stop()
    await worker.run()
    assert said == [f"gauges at {worker.url}/metrics"]


class _HungMonitor:
    """One whose recovery at the start never ends."""

    assignments = 1

    def __init__(self, *_: Any) -> None: ...

    def folds(self, _: str) -> list[Any]:
        return []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await asyncio.get_running_loop().create_future()
        yield


class _NoReferences:
    book = ReferenceBook()

    def __init__(self, *_: Any, **__: Any) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def follow(self) -> None: ...


async def test_a_recovery_that_hangs_in_the_beginning_is_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Faust comes back from starting when the state is there: if it never is, nobody looked."""
    watched = asyncio.Event()

    async def look(monitor: object, ingest: object, now: float) -> Observation:
        assert isinstance(monitor, _HungMonitor)
        watched.set()
        return Observation(at=now)

    monkeypatch.setattr(worker_module, "Monitor", _HungMonitor)
    monkeypatch.setattr(worker_module, "References", _NoReferences)
    monkeypatch.setattr(worker_module, "look", look)
    monkeypatch.setattr(worker_module, "warm_up", lambda _: None)
    monkeypatch.setattr(worker_module, "watch_broker", _watch)
    worker = Worker(Settings(), only="monitor")
    async with AsyncExitStack() as stack:
        beginning = asyncio.create_task(worker._begin(stack))
        async with asyncio.timeout(30):
            await watched.wait()
        assert worker._state()["why"] == "recovering the state of its partitions"
        assert worker._watching is not None
        beginning.cancel()
        worker._watching.cancel()
        await asyncio.wait([beginning, worker._watching])


async def _watch(*_: object) -> None: ...


# -- the end ------------------------------------------------------------------------------------


class Acts:
    """Stands for the end of the process."""

    def __init__(self) -> None:
        self.happened = threading.Event()
        self.how: list[tuple[int, str]] = []

    def __call__(self, code: int, line: str) -> None:
        self.how.append((code, line))
        self.happened.set()


@pytest.fixture
def engine_levels() -> Iterator[None]:
    """Put back what an ending does to the loggers of the engine."""
    names = ("aiokafka", "asyncio", "faust", "mode")
    before = {name: logging.getLogger(name).level for name in names}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_an_end_that_takes_too_long_is_cut_short_and_says_so() -> None:
    acts = Acts()
    Ending(within=0.01, act=acts).begin()
    assert acts.happened.wait(60)
    ((code, line),) = acts.how
    assert code == 0
    assert "ended without a last checkpoint" in line


@pytest.mark.usefixtures("engine_levels")
def test_a_failure_that_does_not_come_to_its_end_keeps_its_reason() -> None:
    acts = Acts()
    Ending(within=0.01, act=acts).begin(DriftlogError("ingest has failed: refused"))
    assert acts.happened.wait(60)
    assert acts.how == [(1, "driftlog: ingest has failed: refused")]


@pytest.fixture
def patient() -> Iterator[tuple[Ending, Acts]]:
    """An ending with an hour to go."""
    acts = Acts()
    ending = Ending(within=3600, act=acts)
    yield ending, acts
    assert ending._timer is not None
    ending._timer.cancel()
    ending._timer.join()


def test_the_second_word_is_obeyed_at_once(patient: tuple[Ending, Acts]) -> None:
    ending, acts = patient
    ending.begin()
    assert not acts.how
    ending.begin()
    assert [code for code, _ in acts.how] == [0]


@pytest.mark.usefixtures("engine_levels")
def test_a_failure_during_the_end_is_not_taken_for_a_second_word(
    patient: tuple[Ending, Acts],
) -> None:
    ending, acts = patient
    ending.begin()
    ending.begin(DriftlogError("the producer has gone"))
    assert not acts.how
