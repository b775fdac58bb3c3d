"""A worker's life as its operator sees it: lines, exit codes, /readyz, and what is committed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import TopicAuthorizationFailedError
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from driftlog.cli import main
from driftlog.records import EVENT
from driftlog.records.tick import tick
from driftlog.settings import Settings, load_settings
from driftlog.testing.embedded import Api, EmbeddedBroker
from stream.references import publish_reference
from stream.topics import Topics, worker_topics
from tests.cli.started_worker import StartedWorker, started_worker
from tests.stream.event_log import World

END_MS = 60_000  # the end of the last pane that the events' tick closes
END_S = 15.0  # a worker has 10 s; a busy machine needs some to notice


class Place:
    """A broker of the test's own, and the settings of a worker on it."""

    def __init__(self, broker: EmbeddedBroker) -> None:
        self.broker = broker
        self.environment: Mapping[str, str] = {
            "DRIFTLOG_KAFKA": broker.bootstrap,
            "DRIFTLOG_KAFKA_PREFIX": f"w{uuid4().hex[:8]}.",
            "DRIFTLOG_KAFKA_EVENT_PARTITIONS": "1",
            "DRIFTLOG_KAFKA_COLUMN_PARTITIONS": "2",
            "DRIFTLOG_KAFKA_VERDICT_PARTITIONS": "2",
            "DRIFTLOG_STREAM_PANE": "1s",
            "DRIFTLOG_STREAM_WINDOW_PANES": "10",
            "DRIFTLOG_STREAM_IDLE_AFTER": "1h",
            "DRIFTLOG_WORKER_SESSION_TIMEOUT": "4s",
        }

    @property
    def settings(self) -> Settings:
        return load_settings(Path(os.devnull), dict(self.environment))

    @property
    def topics(self) -> Topics:
        return Topics.of(self.settings)

    def create_topics(self) -> None:
        self.broker.create_topics(worker_topics(self.settings))

    def write(self, topic: str, *values: bytes, key: bytes | None = None) -> None:
        """Write to partition 0."""

        async def run() -> None:
            producer: Any = AIOKafkaProducer(bootstrap_servers=self.broker.bootstrap)
            await producer.start()
            try:
                for value in values:
                    await producer.send(topic, value, key=key, partition=0)
            finally:
                await producer.stop()

        asyncio.run(run())

    def write_events(self, seconds: int = 6) -> int:
        """Publish a reference, then events and the word that these were all; return how many."""
        world = World(rate=20)
        profile = world.profile(self.settings.models)
        asyncio.run(publish_reference(self.settings.kafka, profile))
        values = [EVENT.encode(event) for event in world.events(seconds)]
        self.write(self.topics.events, *values, tick(END_MS))
        return len(values) + 1

    def committed(self, group: str, topic: str, partition: int = 0) -> int:
        """Return up to where a group has committed a partition; 0 where it has not."""

        async def run() -> int:
            admin: Any = AIOKafkaAdminClient(bootstrap_servers=self.broker.bootstrap)
            await admin.start()
            try:
                tp = TopicPartition(topic, partition)
                found = await admin.list_consumer_group_offsets(group, partitions=[tp])
                return max(found[tp].offset, 0) if tp in found else 0
            finally:
                await admin.close()

        return asyncio.run(run())

    def end(self, topic: str, partition: int = 0) -> int:
        """Return how many records a partition has got."""

        async def run() -> int:
            consumer: Any = AIOKafkaConsumer(bootstrap_servers=self.broker.bootstrap)
            await consumer.start()
            try:
                tp = TopicPartition(topic, partition)
                return int((await consumer.end_offsets([tp]))[tp])
            finally:
                await consumer.stop()

        return asyncio.run(run())


@pytest.fixture
def place() -> Iterator[Place]:
    """A broker of the test's own, since it is taken away and its requests are refused."""
    with EmbeddedBroker() as broker:
        yield Place(broker)


def samples(worker: StartedWorker, name: str, **labels: str) -> list[float]:
    """Return what /metrics tells under a name and labels."""
    return [
        sample.value
        for family in text_string_to_metric_families(worker.get("/metrics").text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]


def all_is_closed(worker: StartedWorker, *stages: str) -> bool:
    """Whether both partitions of columns, and both of verdicts, are done with all events."""
    name = "driftlog_closed_through_timestamp_seconds"
    return all(
        samples(worker, name, stage=stage) == [END_MS / 1000] * 2
        for stage in stages or ("monitor", "incidents")
    )


def is_ready(worker: StartedWorker) -> bool:
    """Whether it is in its groups, with the state of what it holds."""
    return samples(worker, "driftlog_ready") == [1]


def reason(worker: StartedWorker) -> str:
    """Return the one line by which the command says why it failed."""
    (line,) = [line for line in worker.lines if line.startswith("driftlog: ")]
    assert line == worker.lines[-1]
    return line


# -- waiting ------------------------------------------------------------------------------------


def test_started_before_broker_and_topics_it_says_once_what_it_waits_for_and_goes_on(
    place: Place,
) -> None:
    place.broker.broker_down()
    with started_worker(place.environment) as worker:
        worker.says("waiting: no broker answers at 127.0.0.1:")
        answer = worker.get("/readyz")
        assert answer.status_code == 503
        assert "no broker answers" in answer.json()["why"]
        assert worker.get("/livez").status_code == 200
        assert samples(worker, "driftlog_ready") == [0]
        place.broker.broker_up()
        line = worker.says("topics are missing")
        assert place.topics.columns in line
        assert "driftlog topics create" in line
        place.create_topics()
        worker.ready()
        assert samples(worker, "driftlog_ready") == [1]
        worker.signal()
        assert worker.ended(END_S) == 0
        assert len([line for line in worker.lines if "waiting" in line]) == 2
        assert len(worker.lines) <= 6  # with the Kafka client's own word on what was refused


def test_told_to_end_while_it_waits_for_the_broker_it_ends_and_keeps_its_secrets() -> None:
    environment = {
        "DRIFTLOG_KAFKA": "127.0.0.1:1",
        "DRIFTLOG_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "DRIFTLOG_KAFKA_SASL_USERNAME": "monitor",
        "DRIFTLOG_KAFKA_SASL_PASSWORD": "hunter2-hunter2",
    }
    with started_worker(environment, "--log-level", "debug") as worker:
        worker.says("waiting: no broker answers")
        worker.signal()
        assert worker.ended(END_S) == 0
        assert "hunter2" not in worker.output
        assert "Traceback" not in worker.output


def test_a_topic_with_another_number_of_partitions_ends_it_with_both_numbers_and_the_mend(
    place: Place,
) -> None:
    place.create_topics()
    with started_worker({**place.environment, "DRIFTLOG_KAFKA_COLUMN_PARTITIONS": "3"}) as worker:
        assert worker.ended() == 1
        said = reason(worker)
        assert f"topic {place.topics.columns} has 2 partitions where the settings have 3" in said
        assert "kafka.*_partitions" in said


def test_a_broker_that_goes_and_comes_back_is_waited_for_without_a_flood_of_lines(
    place: Place,
) -> None:
    place.create_topics()
    with started_worker(
        {**place.environment, "DRIFTLOG_STREAM_CHECKPOINT_INTERVAL": "1s"}
    ) as worker:
        worker.ready()
        place.broker.broker_down()
        worker.says("the broker does not answer")
        assert worker.get("/readyz").json()["why"] == "the broker does not answer"
        assert worker.get("/livez").status_code == 200
        place.broker.broker_up()
        worker.says("the broker answers again")
        place.write_events()
        worker.until(lambda: all_is_closed(worker), "events of after the outage judged")
        worker.ready()
        worker.signal()
        assert worker.ended(END_S) == 0
        assert len(worker.lines) < 40


# -- the end ------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_it_commits_and_stores_what_is_closed_and_the_next_one_goes_on_from_there(
    place: Place, number: signal.Signals
) -> None:
    place.create_topics()
    written = place.write_events()
    topics = place.topics
    environment = {
        **place.environment,
        "DRIFTLOG_STREAM_CHECKPOINT_INTERVAL": "1h",  # no checkpoint but the last one
        # No rebalance on a busy machine; the broker in memory lets the next one in after as long.
        "DRIFTLOG_WORKER_SESSION_TIMEOUT": "15s",
    }
    with started_worker(environment) as worker:
        worker.ready()
        worker.until(lambda: all_is_closed(worker), "all panes judged")
        assert place.committed(topics.app_id, topics.columns) == 0
        # Told in the middle of a rebalance it would leave all to the next one, who reads it again.
        worker.until(lambda: all_is_closed(worker) and is_ready(worker), "no rebalance meanwhile")
        worker.signal(number)
        assert worker.ended(END_S) == 0
        assert len(worker.lines) == 2  # its port, and that it runs
    assert place.committed(topics.ingest_group, topics.events) == written
    for topic in (topics.columns, topics.verdicts):
        for partition in (0, 1):
            assert place.committed(topics.app_id, topic, partition) > 0
    told = [place.end(topics.verdicts, partition) for partition in (0, 1)]
    with started_worker(environment) as worker:
        worker.ready()
        worker.until(lambda: all_is_closed(worker, "monitor"), "the state of before")
        assert samples(worker, "driftlog_late_idle_total") == [0]
        worker.signal(number)
        assert worker.ended(END_S) == 0
    assert [place.end(topics.verdicts, partition) for partition in (0, 1)] == told


def test_told_to_end_while_the_broker_is_away_it_ends_and_says_what_was_left_out(
    place: Place,
) -> None:
    with with_something_to_store(place) as worker:
        place.broker.broker_down()
        worker.signal()
        assert worker.ended(END_S) == 0
        worker.says("ended without a last checkpoint")


@contextmanager
def with_something_to_store(place: Place) -> Iterator[StartedWorker]:
    """A worker that has judged events and not yet stored what it knows."""
    place.create_topics()
    place.write_events()
    environment = {**place.environment, "DRIFTLOG_STREAM_CHECKPOINT_INTERVAL": "1h"}
    with started_worker(environment) as worker:
        worker.ready()
        worker.until(lambda: all_is_closed(worker), "all panes judged")
        yield worker


def test_a_second_word_ends_it_at_once(place: Place) -> None:
    with with_something_to_store(place) as worker:
        place.broker.broker_down()
        worker.signal(signal.SIGINT)
        worker.until(lambda: worker.get("/readyz").json()["why"] == "stopping", "the first word")
        worker.signal(signal.SIGINT)
        assert worker.ended(END_S) == 0


# -- failures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("half", [(), ("--only", "ingest")])
def test_a_record_that_the_broker_refuses_ends_it_with_one_line_that_says_which(
    place: Place, half: tuple[str, ...]
) -> None:
    place.create_topics()
    with started_worker(place.environment, *half) as worker:
        worker.ready()
        place.broker.push_request_errors(Api.PRODUCE, [TopicAuthorizationFailedError] * 3)
        assert worker.ended() == 1
        assert "has failed: " in reason(worker)
        assert "TopicAuthorizationFailedError" in reason(worker)
        assert "Traceback" not in worker.output


def test_state_that_cannot_be_read_begins_afresh_and_is_named(place: Place) -> None:
    place.create_topics()
    changelog = f"{place.topics.app_id}-monitor-changelog"
    place.write(changelog, b"not a record", key=b"00000 \0partition 0")
    with started_worker(place.environment) as worker:
        worker.says("monitor, partition 0: stored state was discarded, and begins afresh")
        worker.ready()
        assert sum(samples(worker, "driftlog_state_discarded_total")) == 1
        worker.signal()
        assert worker.ended(END_S) == 0


def test_a_port_in_use_ends_it_before_anything_else_and_names_the_mend(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with started_worker(place.environment, "--port", port) as worker:
            assert worker.ended() == 2
            assert f"127.0.0.1:{port} cannot be bound" in reason(worker)
            assert "another port" in reason(worker)


def test_an_address_that_others_reach_is_refused_without_credentials_and_named_with_the_mend() -> (
    None
):
    with started_worker({"DRIFTLOG_WORKER_HOST": "0.0.0.0"}) as worker:
        assert worker.ended() == 2
        assert "'worker.host' holds '0.0.0.0'" in reason(worker)
        assert "DRIFTLOG_HTTP_TOKENS" in reason(worker)


def test_with_a_token_it_serves_there_and_asks_for_it() -> None:
    token = "t0k3n-" * 4
    environment = {
        "DRIFTLOG_KAFKA": "127.0.0.1:1",
        "DRIFTLOG_WORKER_HOST": "0.0.0.0",
        "DRIFTLOG_HTTP_TOKENS": token,
    }
    with started_worker(environment) as worker:
        worker.says("waiting: no broker answers")
        url = worker.url.replace("0.0.0.0", "127.0.0.1")
        assert httpx.get(f"{url}/livez").status_code == 200
        assert httpx.get(f"{url}/readyz").json() == {"ready": False}
        assert httpx.get(f"{url}/metrics").status_code == 401
        allowed = httpx.get(f"{url}/metrics", headers={"authorization": f"Bearer {token}"})
        assert "driftlog_ready 0.0" in allowed.text
        worker.signal()
        assert worker.ended(END_S) == 0
        assert token not in worker.output


# -- halves -------------------------------------------------------------------------------------


def test_the_two_halves_work_together_as_two_processes(place: Place) -> None:
    place.create_topics()
    with (
        started_worker(place.environment, "--only", "ingest") as ingest,
        started_worker(place.environment, "--only", "monitor") as monitor,
    ):
        ingest.ready()
        monitor.ready()
        written = place.write_events()
        monitor.until(lambda: all_is_closed(monitor), "all panes judged")
        assert samples(ingest, "driftlog_events_total") == [written - 1]
        assert not samples(monitor, "driftlog_events_total")
        assert samples(monitor, "driftlog_state")
        assert not samples(ingest, "driftlog_state")
        for half in (ingest, monitor):
            half.signal()
        assert [ingest.ended(END_S), monitor.ended(END_S)] == [0, 0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--port", "70000"], "'--port': 70000 is not in the range"),
        (["--only", "incidents"], "'--only': 'incidents' is not one of 'ingest', 'monitor'"),
        (["--config", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(main, ["worker", *arguments])
    assert result.exit_code == 2
    assert says in result.output


def test_a_threshold_by_hand_of_no_detector_is_refused_before_the_broker_is_asked(
    tmp_path: Path,
) -> None:
    config = tmp_path / "driftlog.toml"
    config.write_text("[detection.thresholds]\nkuiper = 0.2\n")
    result = CliRunner().invoke(main, ["worker", "--config", str(config), "--port", "0"])
    assert result.exit_code == 2
    assert "'kuiper'; it may hold a detector" in result.output
