"""The capture client against a broker: what is logged arrives, and the service never waits."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from aiokafka.errors import MessageSizeTooLargeError, OutOfOrderSequenceNumber

from driftlog.capture import Capture
from driftlog.capture.buffer import Buffer
from driftlog.records import EVENT, LABEL
from driftlog.testing.cluster import Broker
from driftlog.testing.embedded import Api, EmbeddedBroker
from driftlog.testing.topic_factory import TopicFactory
from driftlog.topics import partition_of
from tests.driftlog.capture_log import client, handed_over, read, records

INPUTS = {"distance": 1400.0, "carrier": "UA", "temp": None, "holiday": True}
OUTPUTS = {"prediction": "late", "confidence": 0.83, "scores": {"late": 0.83, "on_time": 0.17}}
NOBODY = "127.0.0.1:1"  # a port that nobody may listen on


@pytest.fixture
def own() -> Iterator[EmbeddedBroker]:
    """A broker for this test alone, since the test breaks it."""
    with EmbeddedBroker() as broker:
        yield broker


def until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    nothing = threading.Event()
    while not true():
        assert time.monotonic() < deadline, "it did not come so"
        nothing.wait(0.01)


async def test_an_event_arrives_as_the_contract_has_it(broker: Broker, topic: TopicFactory) -> None:
    with client(topic, broker.bootstrap) as capture:
        event_id = capture.log(
            INPUTS, OUTPUTS, segment="JFK", ts_ms=1_732_100_000_123, correlation_id="req-7f3a"
        )
        assert await capture.aflush(20)
        (record,) = await records(capture)
    event = EVENT.decode(record.value)
    assert event.event_id == event_id
    assert (event.correlation_id, event.ts_ms, event.segment) == (
        "req-7f3a",
        1_732_100_000_123,
        "JFK",
    )
    assert (event.model, event.version, event.role, event.status) == (
        "flight-delay",
        "3",
        "live",
        "ok",
    )
    assert event.inputs == INPUTS
    assert event.outputs is not None
    assert event.outputs.scores == OUTPUTS["scores"]
    assert record.key == b"req-7f3a"
    assert record.partition == partition_of(b"req-7f3a", 4)


async def test_a_batch_is_one_event_for_each_row(
    driftlog_topic: TopicFactory, driftlog_broker: EmbeddedBroker
) -> None:
    with client(driftlog_topic, driftlog_broker.bootstrap) as capture:
        ids = capture.log(
            [{"a": 1}, {"a": 2}, {"a": 3}],
            [{"prediction": 1}, {"prediction": 2}, {"prediction": 3}],
            segment=["x", "y", "z"],
            ts_ms=[10, 20, 30],
            correlation_id="one-request",
        )
        events = {event["event_id"]: event for event in await read(capture)}
    assert list(events) == ids  # one key: one partition, in order
    assert [events[i]["inputs"]["a"] for i in ids] == [1, 2, 3]
    assert [events[i]["outputs"]["prediction"] for i in ids] == [1, 2, 3]
    assert [events[i]["segment"] for i in ids] == ["x", "y", "z"]
    assert [events[i]["ts_ms"] for i in ids] == [10, 20, 30]
    assert {event["correlation_id"] for event in events.values()} == {"one-request"}


async def test_a_label_lands_in_the_partition_of_its_event(
    driftlog_topic: TopicFactory, driftlog_broker: EmbeddedBroker
) -> None:
    with client(driftlog_topic, driftlog_broker.bootstrap) as capture:
        alone = capture.log(INPUTS, OUTPUTS)
        served = capture.log(INPUTS, OUTPUTS, correlation_id="req-1")
        assert capture.label(alone, "on_time")
        assert capture.label(served, "late", correlation_id="req-1", prediction="late", version="3")
        assert await capture.aflush(20)
        events = {EVENT.decode(r.value).event_id: r for r in await records(capture)}
        labels = {LABEL.decode(r.value).event_id: r for r in await records(capture, "labels")}
    assert set(labels) == {alone, served}
    for event_id, record in labels.items():
        assert record.partition == events[event_id].partition
        assert record.key == events[event_id].key
    assert LABEL.decode(labels[served].value).prediction == "late"


async def test_threads_and_tasks_share_one_client(
    driftlog_topic: TopicFactory, driftlog_broker: EmbeddedBroker
) -> None:
    ids: list[str] = []

    def work() -> None:
        ids.extend([capture.log({"n": n}) for n in range(200)])

    async def task() -> None:
        for n in range(50):
            ids.append(capture.log({"n": n}))
            await asyncio.sleep(0)

    async with client(driftlog_topic, driftlog_broker.bootstrap) as capture:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        await asyncio.gather(*(task() for _ in range(8)))
        for thread in threads:
            thread.join()
        arrived = [event["event_id"] for event in await read(capture)]
        assert capture.counts.sent == handed_over(capture.counts) == 2000
    assert len(ids) == len(set(ids)) == 2000
    assert sorted(arrived) == sorted(ids)


async def test_closing_sends_what_is_buffered(
    driftlog_topic: TopicFactory, driftlog_broker: EmbeddedBroker
) -> None:
    async with client(driftlog_topic, driftlog_broker.bootstrap) as capture:
        for n in range(3000):  # more than a round
            capture.log({"n": n})
    assert capture.counts.sent == 3000
    assert len(await records(capture)) == 3000
    capture.log({"n": 0})
    assert capture.counts.dropped == 1
    capture.close()


async def test_a_script_that_just_ends_is_flushed(
    driftlog_topic: TopicFactory, driftlog_broker: EmbeddedBroker
) -> None:
    # By name, not by address: names are looked up while the interpreter ends.
    host = driftlog_broker.bootstrap.replace("127.0.0.1", "localhost")
    with client(driftlog_topic, host, flush_timeout="20s") as capture:
        script = (
            "from driftlog import Capture\n"
            f"capture = Capture(bootstrap={host!r}, prefix={driftlog_topic.prefix!r}, model='m',"
            " version='1', flush_timeout='20s')\n"
            "print(capture.log({'a': 1}))\n"
        )
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        assert [event["event_id"] for event in await read(capture)] == [done.stdout.strip()]


def test_without_a_broker_the_service_goes_on_and_the_loss_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "driftlog.capture")
    capture = Capture(bootstrap=NOBODY, model="m", version="1", buffer=10)
    for n in range(25):
        assert capture.log({"n": n})
    assert capture.label("e", 1)  # a buffer of their own
    counts = capture.counts
    assert (counts.buffered, counts.dropped) == (11, 15)
    until(lambda: "no broker answers at" in caplog.text)
    assert not capture.flush(0.01)
    capture.close(0.01)
    assert capture.counts.dropped == handed_over(capture.counts) == 26
    assert caplog.text.count("are dropped") == 1
    assert "11 records were dropped at the end" in caplog.text


def test_the_end_of_a_service_waits_once_for_a_broker_that_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited: list[float] = []

    def wait(_: Buffer, timeout: float | None) -> bool:
        assert timeout is not None
        waited.append(timeout)
        return False

    monkeypatch.setattr(Buffer, "wait", wait)
    capture = Capture(model="m", version="1", bootstrap=NOBODY)
    capture.log(INPUTS, OUTPUTS)
    capture.flush()  # as the middleware does, when the server shuts down
    assert max(waited) > 4.0
    waited.clear()
    capture.close()  # as the service does behind its server
    assert waited == [0.0, 0.0]
    assert capture.counts.dropped == 1


async def test_an_outage_is_survived_without_loss_or_repetition(own: EmbeddedBroker) -> None:
    topics = TopicFactory(own, "outage")
    with client(topics, own.bootstrap) as capture:
        ids = [capture.log({"n": 0})]
        assert await capture.aflush(20)
        own.broker_down()
        ids += [capture.log({"n": n}) for n in range(1, 100)]
        assert not capture.flush(0.2)
        assert capture.counts.buffered == 99
        own.broker_up()
        assert sorted(event["event_id"] for event in await read(capture)) == sorted(ids)
        assert capture.counts.sent == 100


async def test_a_broker_that_comes_late_gets_what_was_buffered(own: EmbeddedBroker) -> None:
    topics = TopicFactory(own, "late")
    with client(topics, own.bootstrap) as capture:
        own.broker_down()
        event_id = capture.log({"n": 0})
        assert not capture.flush(0.2)
        own.broker_up()
        assert [event["event_id"] for event in await read(capture)] == [event_id]


async def test_a_missing_topic_holds_up_no_other(own: EmbeddedBroker) -> None:
    topics = TopicFactory(own, "missing")
    with client(topics, own.bootstrap) as capture:
        own.set_topic_error(topics.prefix + "labels", 3)  # unknown topic or partition
        capture.label("e", "late")
        event_id = capture.log(INPUTS)
        until(lambda: capture.counts.sent == 1)
        assert [record.key for record in await records(capture)] == [event_id.encode()]
        assert capture.counts.buffered == 1
        own.set_topic_error(topics.prefix + "labels", 0)
        assert len(await read(capture, "labels")) == 1


async def test_a_refused_record_is_counted_and_the_next_one_sent(own: EmbeddedBroker) -> None:
    topics = TopicFactory(own, "refused")
    with client(topics, own.bootstrap) as capture:
        own.push_request_errors(Api.PRODUCE, [MessageSizeTooLargeError])
        capture.log({"n": 0})
        assert await capture.aflush(20)
        assert capture.counts.failed == 1
        event_id = capture.log({"n": 1})
        assert [event["event_id"] for event in await read(capture)] == [event_id]
        assert (capture.counts.sent, capture.counts.failed) == (1, 1)


async def test_a_lost_producer_identity_is_replaced(own: EmbeddedBroker) -> None:
    topics = TopicFactory(own, "identity")
    with client(topics, own.bootstrap) as capture:
        own.push_request_errors(Api.PRODUCE, [OutOfOrderSequenceNumber])
        event_id = capture.log({"n": 0})
        assert [event["event_id"] for event in await read(capture)] == [event_id]
        assert capture.counts.sent == 1


async def test_after_a_fork_both_go_on_and_everything_arrives_once(
    driftlog_topic: TopicFactory, driftlog_broker: EmbeddedBroker
) -> None:
    driftlog_broker.set_delay(300)  # so that the parent forks with records under way
    with client(driftlog_topic, driftlog_broker.bootstrap) as capture:
        for n in range(100):
            capture.log({"who": "parent", "n": n})
        assert capture.counts.buffered == 100
        children = [in_child(partial(log_in_child, capture, who)) for who in ("a", "b")]
        for n in range(100, 200):
            capture.log({"who": "parent", "n": n})
        assert [await asyncio.to_thread(wait_for, child) for child in children] == [0, 0]
        driftlog_broker.heal()
        events = await read(capture)
        assert capture.counts.sent == 200
    wrote = sorted((event["inputs"]["who"], event["inputs"]["n"]) for event in events)
    assert wrote == sorted(
        [("a", n) for n in range(50)]
        + [("b", n) for n in range(50)]
        + [("parent", n) for n in range(200)]
    )
    assert len({event["event_id"] for event in events}) == 300


async def test_a_forked_worker_that_just_ends_is_flushed_and_leaves_the_parent_alone(
    driftlog_topic: TopicFactory, driftlog_broker: EmbeddedBroker
) -> None:
    where = f"bootstrap={driftlog_broker.bootstrap!r}, prefix={driftlog_topic.prefix!r}"
    script = f"""
import os, sys
from driftlog import Capture
capture = Capture({where}, model="m", version="1", flush_timeout="20s")
capture.log({{"who": "before"}})
assert capture.flush(20)
child = os.fork()
if child == 0:
    capture.log({{"who": "child"}})
    sys.exit(0)
os.waitpid(child, 0)
capture.log({{"who": "after"}})
"""
    with client(driftlog_topic, driftlog_broker.bootstrap) as capture:
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-X", "dev", "-c", script], capture_output=True
        )
        assert (done.returncode, done.stderr) == (0, b"")
        wrote = [event["inputs"]["who"] for event in await read(capture)]
    assert sorted(wrote) == ["after", "before", "child"]


def log_in_child(capture: Capture, who: str) -> None:
    assert handed_over(capture.counts) == 0
    for n in range(50):
        capture.log({"who": who, "n": n})
    capture.close()
    assert capture.counts.sent == 50


def test_locks_that_other_threads_hold_at_a_fork_do_not_stop_the_child() -> None:
    capture = Capture(bootstrap=NOBODY, model="m", version="1")
    go_on, busy = threading.Event(), threading.Event()
    holder = threading.Thread(target=_hold, args=(capture, busy, go_on))
    holder.start()
    assert busy.wait(30)
    try:
        assert wait_for(in_child(partial(_log_and_close, capture))) == 0
    finally:
        go_on.set()
        holder.join(30)
    capture.close(0.0)


def _hold(capture: Capture, busy: threading.Event, go_on: threading.Event) -> None:
    channel = capture._channel
    with channel._lock, channel._events.buffer._lock:
        busy.set()
        go_on.wait(30)


def _log_and_close(capture: Capture) -> None:
    capture.log({"a": 1})
    capture.close(0.0)
    assert capture.counts.dropped == 1


def in_child(work: Callable[[], None]) -> int:
    """Fork; the child ends with 0 if the work raises nothing."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def wait_for(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
