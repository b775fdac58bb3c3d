"""A Kafka-compatible broker inside this process: librdkafka's mock cluster, on loopback.

It speaks Kafka's protocol on a free port of 127.0.0.1, so that any client of this or another
process can use it. In a process of its own::

    python -m driftlog.testing.embedded --topics events:4,columns:8

prints ``bootstrap.servers=127.0.0.1:PORT`` and runs until SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
import weakref
from collections.abc import Iterable, Sequence
from enum import IntEnum
from types import TracebackType
from typing import Final, Literal, Self

from aiokafka.errors import KafkaError

from driftlog.errors import BrokerError, InputError
from driftlog.testing import librdkafka
from driftlog.topics import TopicSpec

__all__ = ["DISCONNECT", "Api", "EmbeddedBroker"]

DISCONNECT: Final = -195  # RD_KAFKA_RESP_ERR__TRANSPORT: the broker closes the connection
_ALL_BROKERS: Final = -1


class Api(IntEnum):
    """Kafka's request types that a fault can be set for (the protocol's api keys)."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    LEAVE_GROUP = 13
    SYNC_GROUP = 14
    API_VERSIONS = 18
    INIT_PRODUCER_ID = 22


class EmbeddedBroker:
    """One Kafka-compatible cluster in memory, started by ``start`` or as a context manager.

    ``bootstrap`` is what clients connect to ("127.0.0.1:port"). Producers (idempotent and
    transactional too), consumers, groups, commits with metadata and rebalances work; several
    clusters may live in one process; each ends with ``stop``, or with the process.

    Limits, all of librdkafka's mock cluster:

    - Memory only: a stopped broker has forgotten everything. ``broker_down`` keeps the log.
    - A partition keeps 5 MiB, or 100,000 *batches* as the producers sent them, whichever is
      less. Beyond that the oldest batches are dropped without a word: the log's start moves up.
    - A fetch searches its batch from the log's start, so many tiny batches are slow to read
      (20,000 of one record: 10 s).
    - Nothing is compacted or expired, and a topic has no settings: AlterConfigs and
      DescribeConfigs are not offered, so ``message.timestamp.type`` cannot be asked for.
    - Record timestamps are always CreateTime: consumers see what the producer wrote. A rule that
      needs the append time (events from the future) has only the producer's word here. The
      timestamp in a producer's ``RecordMetadata`` is a constant (1234) and means nothing.
    - ``offsets_for_times`` finds nothing: it answers -1 (aiokafka: None) for every time.
    - CreateTopics, DeleteTopics and CreatePartitions are not offered over the wire: topics are
      made by ``create_topic`` here, or by ``--topics`` in a process of its own. A client that
      asks for the metadata of an unknown topic (to produce or to subscribe) makes it, with
      4 partitions.
    - A group has one member at a time: when a second one joins, aiokafka ends it with
      ``InvalidRequestError``, because the broker is done with the group as soon as the leader
      has sent the assignment. Suites with two workers need a real Kafka.
    - A member that follows another is assigned after the session timeout less a second, so
      restarts are quick only with a short ``session_timeout_ms`` (3000: two seconds). A consumer
      outside a group (``assign``) cannot commit to a group that once had members.
    - No limit on the size of a batch, no TLS, no SASL, no ACLs.

    Args:
        brokers: how many brokers the cluster has, all on loopback ports of their own.
        rebalance_delay_ms: how long a new group waits for further members before its first
            assignment; 0 keeps tests quick, real brokers default to 3000.
    """

    kind: Literal["embedded"] = "embedded"

    def __init__(self, *, brokers: int = 1, rebalance_delay_ms: int = 0) -> None:
        if brokers < 1:
            raise InputError(f"a cluster needs 1 broker or more, not brokers={brokers}")
        self._brokers = brokers
        self._rebalance_delay_ms = rebalance_delay_ms
        self._cluster: int | None = None
        self._bootstrap = ""
        self._destroy: weakref.finalize[[ctypes.CDLL, int, int, int], EmbeddedBroker] | None = None

    def start(self) -> Self:
        """Start the cluster and return it. A running one is left as it is.

        Raises:
            MissingExtraError: confluent-kafka is not installed.
            BrokerError: librdkafka lacks the mock cluster or cannot start it.
        """
        if self._cluster is not None:
            return self
        library = librdkafka.load()
        handle = _new_handle(library)
        cluster = library.rd_kafka_mock_cluster_new(handle, self._brokers)
        if not cluster:
            library.rd_kafka_destroy(handle)
            raise BrokerError("librdkafka could not start its mock cluster on 127.0.0.1")
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, self._rebalance_delay_ms)
        if librdkafka.has(library, "mock_set_controller_id"):
            # Else metadata name a controller that is not there, and aiokafka's admin client
            # stumbles over it instead of saying that the request is not offered.
            library.rd_kafka_mock_set_controller_id(cluster, 1)
        self._cluster = cluster
        self._bootstrap = library.rd_kafka_mock_cluster_bootstraps(cluster).decode()
        # A finalizer instead of __del__: it also runs when the interpreter ends, before the
        # library is unloaded under the cluster's threads.
        self._destroy = weakref.finalize(self, _destroy, library, cluster, handle, os.getpid())
        return self

    def stop(self) -> None:
        """End the cluster: its ports are closed and its log is gone. Idempotent."""
        self._cluster = None
        if self._destroy is not None:
            self._destroy()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def bootstrap(self) -> str:
        """The brokers' addresses, "127.0.0.1:port", joined by commas."""
        self._running()
        return self._bootstrap

    def create_topic(self, name: str, partitions: int = 4) -> None:
        """Create a topic.

        Raises:
            BrokerError: it exists, or librdkafka refuses name or number of partitions.
        """
        library, cluster = self._running()
        replicas = min(3, self._brokers)
        code = library.rd_kafka_mock_topic_create(cluster, name.encode(), partitions, replicas)
        _check(code, f"topic {name!r} with {partitions} partitions")

    def create_topics(self, specs: Iterable[TopicSpec]) -> None:
        """Create topics from the catalogue; of a specification only the partitions count here."""
        for spec in specs:
            self.create_topic(spec.name, spec.partitions)

    def delete_topic(self, name: str) -> None:
        """Delete a topic and all that is in it.

        Raises:
            BrokerError: it is not there, or librdkafka is too old to delete one.
        """
        library, cluster = self._running()
        librdkafka.require(library, "mock_topic_delete")
        _check(library.rd_kafka_mock_topic_delete(cluster, name.encode()), f"deleting {name!r}")

    # ---- faults

    def broker_down(self, broker: int = _ALL_BROKERS) -> None:
        """Close all connections and refuse new ones, until ``broker_up``. The log stays.

        Args:
            broker: one alone (1, 2, ...), which stays the leader of its partitions; default: all.
        """
        library, cluster = self._running()
        _check(library.rd_kafka_mock_broker_set_down(cluster, broker), f"broker {broker} down")

    def broker_up(self, broker: int = _ALL_BROKERS) -> None:
        """Accept connections again."""
        library, cluster = self._running()
        _check(library.rd_kafka_mock_broker_set_up(cluster, broker), f"broker {broker} up")

    def set_delay(self, ms: int, broker: int = _ALL_BROKERS) -> None:
        """Answer every request ``ms`` milliseconds late; 0 ends it.

        What a request asks for is done at once: with the connection cut before the late answer, a
        batch is on the log and its producer does not know.
        """
        library, cluster = self._running()
        _check(library.rd_kafka_mock_broker_set_rtt(cluster, broker, ms), f"delay of {ms} ms")

    def push_request_errors(self, api: Api, errors: Sequence[int | type[KafkaError]]) -> None:
        """Let the next requests of one type fail, one after another, with these errors.

        Args:
            api: the type of request.
            errors: Kafka's error codes, or aiokafka's classes of them; 0 lets a request pass,
                ``DISCONNECT`` closes the connection instead of answering.
        """
        library, cluster = self._running()
        codes = [_code(error) for error in errors]
        array = (ctypes.c_int * len(codes))(*codes)
        library.rd_kafka_mock_push_request_errors_array(cluster, int(api), len(codes), array)

    def set_topic_error(self, name: str, error: int | type[KafkaError]) -> None:
        """Answer metadata requests for a topic with this error; 0 ends it."""
        library, cluster = self._running()
        library.rd_kafka_mock_topic_set_error(cluster, name.encode(), _code(error))

    def set_leader(self, topic: str, partition: int, broker: int | None) -> None:
        """Move a partition's leader to a broker (1, 2, ...); None leaves it without a leader."""
        library, cluster = self._running()
        to = _ALL_BROKERS if broker is None else broker
        code = library.rd_kafka_mock_partition_set_leader(cluster, topic.encode(), partition, to)
        _check(code, f"leader {broker} for {topic}[{partition}]")

    def set_coordinator(self, group: str, broker: int) -> None:
        """Let a broker (1, 2, ...) coordinate a group; its members' next requests are refused."""
        library, cluster = self._running()
        code = library.rd_kafka_mock_coordinator_set(cluster, b"group", group.encode(), broker)
        _check(code, f"coordinator {broker} for group {group!r}")

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        """Drop a partition's records below an offset, as retention or truncation would."""
        library, cluster = self._running()
        librdkafka.require(library, "mock_partition_delete_records")
        code = library.rd_kafka_mock_partition_delete_records(
            cluster, topic.encode(), partition, before
        )
        _check(code, f"deleting {topic}[{partition}] below offset {before}")

    def heal(self) -> None:
        """End all faults of connection, delay and request errors."""
        library, cluster = self._running()
        for api in Api:
            library.rd_kafka_mock_clear_request_errors(cluster, int(api))
        self.set_delay(0)
        self.broker_up()

    def _running(self) -> tuple[ctypes.CDLL, int]:
        if self._cluster is None:
            raise BrokerError("the embedded broker is not running; call start() first")
        return librdkafka.load(), self._cluster


def _new_handle(library: ctypes.CDLL) -> int:
    """Return the librdkafka client that a mock cluster hangs on; it never connects anywhere."""
    reason = ctypes.create_string_buffer(512)
    conf = library.rd_kafka_conf_new()
    # Critical messages only: the handle has no broker to talk to and says so otherwise.
    library.rd_kafka_conf_set(conf, b"log_level", b"2", reason, len(reason))
    handle = library.rd_kafka_new(librdkafka.PRODUCER, conf, reason, len(reason))
    if not handle:
        library.rd_kafka_conf_destroy(conf)
        raise BrokerError(f"librdkafka could not start: {reason.value.decode()}")
    return int(handle)


def _destroy(library: ctypes.CDLL, cluster: int, handle: int, owner: int) -> None:
    if os.getpid() != owner:
        return  # a forked child has the memory but none of the threads: joining them would hang
    library.rd_kafka_mock_cluster_destroy(cluster)
    library.rd_kafka_destroy(handle)


def _code(error: int | type[KafkaError]) -> int:
    return error if isinstance(error, int) else int(error.errno)


def _check(code: int, what: str) -> None:
    if code:
        reason = librdkafka.load().rd_kafka_err2str(code).decode()
        raise BrokerError(f"the embedded broker refuses {what}: {reason}")


def _topic(text: str) -> tuple[str, int]:
    name, colon, partitions = text.partition(":")
    if not name or (colon and not partitions.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME or NAME:PARTITIONS")
    return name, int(partitions or 4)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a broker in this process until SIGTERM or SIGINT; the exit code is 0."""
    parser = argparse.ArgumentParser(
        prog="python -m driftlog.testing.embedded", description="Run an embedded broker."
    )
    parser.add_argument(
        "--topics",
        type=lambda text: [_topic(one) for one in text.split(",")],
        default=[],
        metavar="NAME:PARTITIONS,...",
    )
    topics = parser.parse_args(arguments).topics
    # Blocked before librdkafka starts its threads, which inherit it: else a signal could end
    # the process in one of them, without the cluster being destroyed.
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with EmbeddedBroker() as broker:
        for name, partitions in topics:
            broker.create_topic(name, partitions)
        print(f"bootstrap.servers={broker.bootstrap}", flush=True)
        signal.sigwait(ends)
    return 0


if __name__ == "__main__":
    sys.exit(main())
