"""A replay to a broker: every event is in the log, keyed so that its label meets it."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import NotLeaderForPartitionError
from click.testing import CliRunner

from driftlog.cli import main
from driftlog.errors import BrokerError
from driftlog.records import EVENT, LABEL
from driftlog.records.tick import read_tick, tick
from driftlog.settings import KafkaSettings
from driftlog.testing.cluster import Broker
from driftlog.testing.embedded import Api, EmbeddedBroker
from driftlog.testing.topic_factory import TopicFactory
from producers import load
from producers.kafka_sink import KafkaSink
from producers.pacing import Pacing
from producers.replay import Replay
from producers.scenario import read_truth
from tests.producers.file_rows import made_rows

ROWS = made_rows(3000)
MAX = Pacing(speed=None, keep_time=True)


async def read_all(bootstrap: str, topic: str) -> list[Any]:
    """Every record of a topic, each partition in its order."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        assert ends, "the consumer has no partitions"
        records: list[Any] = []
        for partition, end in ends.items():
            while await consumer.position(partition) < end:
                records += await _more(consumer, partition)
        return records
    finally:
        await consumer.stop()


async def _more(consumer: AIOKafkaConsumer, partition: TopicPartition) -> list[Any]:
    got: dict[TopicPartition, list[Any]] = await consumer.getmany(partition, timeout_ms=500)
    return got.get(partition, [])


def sink(broker: Broker, topic: TopicFactory) -> KafkaSink:
    events, labels = topic("events", 4), topic("labels", 4)
    return KafkaSink(KafkaSettings(bootstrap=broker.bootstrap), events, labels)


async def test_events_and_labels_arrive_in_order_under_their_keys(
    broker: Broker, topic: TopicFactory
) -> None:
    to = sink(broker, topic)
    tally = await Replay(rows=lambda: ROWS, sink=to, pacing=MAX, labels=True).run()
    assert (tally.sent, tally.labels_sent, tally.failed.total()) == (3000, 3000, 0)
    records = await read_all(broker.bootstrap, to.topic)
    events = [EVENT.decode(record.value) for record in records]
    assert sorted(events, key=lambda event: event.ts_ms) == [row.event for row in ROWS]
    for partition in range(4):
        times = [EVENT.decode(r.value).ts_ms for r in records if r.partition == partition]
        assert times == sorted(times)
        assert times
    assert all(r.key.decode() == e.correlation_id for r, e in zip(records, events, strict=True))
    place = {record.key: record.partition for record in records}
    labels = await read_all(broker.bootstrap, to.labels_topic)
    assert all(place[record.key] == record.partition for record in labels)
    assert {LABEL.decode(record.value).event_id for record in labels} == {
        row.event.event_id for row in ROWS
    }


async def test_a_tick_is_the_last_record_of_every_partition(
    broker: Broker, topic: TopicFactory
) -> None:
    to = sink(broker, topic)
    await Replay(rows=lambda: ROWS[:10], sink=to, pacing=MAX).run(lambda ms: ms + 5)
    last = {record.partition: record for record in await read_all(broker.bootstrap, to.topic)}
    said = {p: read_tick(orjson.loads(record.value)) for p, record in last.items()}
    assert said == dict.fromkeys(range(4), ROWS[9].event.ts_ms + 5)


def test_a_tick_is_told_from_an_event() -> None:
    assert read_tick(orjson.loads(tick(12))) == 12
    others: list[Any] = [None, [], {"v": 1, "ts_ms": 12}, {"v": 1, "tick": 1, "ts_ms": 12}]
    for other in others:
        assert read_tick(other) is None
    for ts_ms in (None, True, -1, 2**53, 1.5, "1"):
        assert read_tick({"v": 1, "tick": True, "ts_ms": ts_ms}) is None


async def test_a_broker_that_refuses_for_a_while_costs_nothing(
    driftlog_broker: EmbeddedBroker, driftlog_topic: TopicFactory
) -> None:
    to = sink(driftlog_broker, driftlog_topic)
    replay = Replay(rows=lambda: ROWS[:200], sink=to, pacing=Pacing(rate=2000.0))
    errors = [0, NotLeaderForPartitionError, NotLeaderForPartitionError, 0]
    driftlog_broker.push_request_errors(Api.PRODUCE, errors)
    tally = await replay.run()
    assert (tally.sent, tally.failed.total()) == (200, 0)
    records = await read_all(driftlog_broker.bootstrap, to.topic)
    assert len({EVENT.decode(record.value).event_id for record in records}) == len(records) == 200


async def test_a_record_larger_than_a_batch_goes_by_itself(
    driftlog_broker: EmbeddedBroker, driftlog_topic: TopicFactory
) -> None:
    rows = made_rows(3)
    rows[1].event.inputs["note"] = "x" * 500_000  # more than a batch, less than a request
    to = sink(driftlog_broker, driftlog_topic)
    tally = await Replay(rows=lambda: rows, sink=to, pacing=MAX).run()
    assert tally.sent == 3


async def test_nobody_at_the_address_is_said_with_the_mend() -> None:
    to = KafkaSink(KafkaSettings(bootstrap="127.0.0.1:1"), "events")
    with pytest.raises(BrokerError, match=r"no broker answers at 127\.0\.0\.1:1.*DRIFTLOG_KAFKA"):
        await Replay(rows=lambda: ROWS, sink=to).run()


async def test_load_is_seeded_and_of_one_size_and_arrives(
    driftlog_broker: EmbeddedBroker, driftlog_topic: TopicFactory
) -> None:
    made = list(load.records(load.events(2000, seed=4)))
    assert made == list(load.records(load.events(2000, seed=4)))
    assert {len(value) for _, value in made} == {load.EVENT_BYTES}
    topic = driftlog_topic("load", 3)
    kafka = KafkaSettings(bootstrap=driftlog_broker.bootstrap)
    assert await load.produce(kafka, topic, made) == 2000
    records = await read_all(driftlog_broker.bootstrap, topic)
    assert sorted(record.value for record in records) == sorted(value for _, value in made)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["replay", *arguments, "--quiet"], catch_exceptions=False)


def flights(folder: Path, rows: int = 400) -> Path:
    path = folder / "flights.csv"
    lines = [
        f"{i},{i % 97}.5,{'UA' if i % 3 else 'DL'},{'late' if i % 4 else 'on_time'}"
        for i in range(rows)
    ]
    path.write_text("t,distance,carrier,late\n" + "\n".join(lines))
    return path


def test_the_command_replays_a_file_with_drift_and_writes_its_truth(
    driftlog_broker: EmbeddedBroker, driftlog_topic: TopicFactory, tmp_path: Path
) -> None:
    topic, labels = driftlog_topic("events"), driftlog_topic("labels")
    path, truth, journal = flights(tmp_path), tmp_path / "truth.ndjson", tmp_path / "journal.json"
    asked = [
        str(path), "--model", "flights", "--version", "3", "--time", "t", "--label", "late",
        "--kafka", driftlog_broker.bootstrap, "--topic", topic, "--labels-topic", labels,
        "--speed", "max", "--scenario", "slight", "--seed", "5", "--truth", str(truth),
        "--resume", str(journal), "--keep-time", "--close",
    ]  # fmt: skip
    result = run(*asked)
    assert result.exit_code == 0, result.output
    assert "sent 400 events" in result.output
    (injected,) = read_truth(truth)
    assert (injected.kind, injected.signals) == ("sudden", ("distance",))
    assert (injected.start_row, injected.start_ms, injected.end_ms) == (200, 200_000, 399_001)
    again = run(*asked)
    assert "sent 0 events" in again.output
    assert read_truth(truth) == [injected]
    records = asyncio.run(read_all(driftlog_broker.bootstrap, topic))
    events = [orjson.loads(record.value) for record in records]
    assert sum("tick" in event for event in events) == 4
    assert {e["ts_ms"] for e in events if "tick" in e} == {400_000}
    assert {(e["model"], e["version"]) for e in events if "tick" not in e} == {("flights", "3")}


def test_replayed_events_are_of_now(
    driftlog_broker: EmbeddedBroker, driftlog_topic: TopicFactory, tmp_path: Path
) -> None:
    topic = driftlog_topic("events")
    before_ms = int(time.time() * 1000)
    path = flights(tmp_path, 50)
    result = run(
        str(path), "--time", "t", "--kafka", driftlog_broker.bootstrap, "--topic", topic,
        "--speed", "1000",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    times = sorted(
        EVENT.decode(record.value).ts_ms
        for record in asyncio.run(read_all(driftlog_broker.bootstrap, topic))
    )
    assert before_ms <= times[0] <= times[-1] <= time.time() * 1000
    assert times[-1] - times[0] == pytest.approx(49, abs=1)


async def test_ctrl_c_ends_it_with_a_summary_and_a_journal_to_go_on_from(
    driftlog_broker: EmbeddedBroker, driftlog_topic: TopicFactory, tmp_path: Path
) -> None:
    topic, journal = driftlog_topic("events"), tmp_path / "journal.json"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from driftlog.cli import main; main()",
        "replay", str(flights(tmp_path)), "--time", "t", "--rate", "200", "--loop",
        "--kafka", driftlog_broker.bootstrap, "--topic", topic, "--resume", str(journal),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=driftlog_broker.bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        await asyncio.wait_for(consumer.getone(), 30)  # it sends: now somebody has enough
        process.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(process.communicate(), 30)
    finally:
        await consumer.stop()
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 130, err
    assert f"ended by request; go on with --resume {journal}" in out.decode()
    assert b"Traceback" not in err
    records = await read_all(driftlog_broker.bootstrap, topic)
    assert f"sent {len(records)} events" in out.decode()
    assert orjson.loads(journal.read_bytes())["events"] == {"begun": len(records), "open": []}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--keep-time"], "topic of its own.*--topic"),
        (["--keep-time", "--topic", "x", "--label", "late"], "--labels-topic"),
        (["--time", "tt"], "no column 'tt'.*did you mean 't'"),
        (["--scenario", "heavy"], "neither a preset"),
        (["--rate", "0"], "--rate holds 0.0"),
        (["--to", "ftp://x"], "may hold kafka or a URL"),
        (["--to", "http://127.0.0.1:1", "--close"], "--close writes to the log"),
        (["--to", "http://127.0.0.1:1", "--topic", "x"], "--topic is for --to kafka"),
        (["--truth", "/nowhere/at/all.ndjson"], "no such folder"),
        (["--kafka", "127.0.0.1:1"], "no broker answers"),
    ],
)
def test_a_wrong_option_is_named_before_anything_is_sent(
    tmp_path: Path, options: list[str], says: str
) -> None:
    import re

    result = run(str(flights(tmp_path)), *options)
    assert result.exit_code in (2, 3)
    assert re.search(says, result.output), result.output
    assert "Traceback" not in result.output


def test_kinds_that_the_service_answers_for_are_refused_through_http(tmp_path: Path) -> None:
    scenario = tmp_path / "s.yaml"
    scenario.write_text("injections:\n  - {kind: errors}\n  - {kind: outage}\n")
    result = run(str(flights(tmp_path)), "--to", "http://127.0.0.1:1", "--scenario", str(scenario))
    assert result.exit_code == 2
    assert "(errors)" in result.output
