"""A Kafka cluster that somebody else runs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, Protocol, TypeVar

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from driftlog.errors import BrokerError
from driftlog.topics import TopicSpec, ensure_topics

__all__ = ["Broker", "KafkaCluster"]

_T = TypeVar("_T")


class Broker(Protocol):
    """What a test needs of a broker, embedded or real."""

    @property
    def kind(self) -> Literal["embedded", "kafka"]:
        """Which of the two it is."""

    @property
    def bootstrap(self) -> str:
        """What clients connect to: "host:port"."""

    def create_topic(self, name: str, partitions: int = 4) -> None:
        """Create a topic."""

    def create_topics(self, specs: Iterable[TopicSpec]) -> None:
        """Create topics of the catalogue."""


class KafkaCluster:
    """A real cluster, already running; remembers the topics it made, to remove them again.

    Its methods block, and may be called inside a running event loop (a test) as well.

    Args:
        bootstrap: "host:port", several joined by commas.
    """

    kind: Literal["kafka"] = "kafka"

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._made: list[str] = []

    @property
    def bootstrap(self) -> str:
        """What clients connect to: "host:port"."""
        return self._bootstrap

    def answers(self) -> bool:
        """Whether the cluster answers a metadata request, with a broker in it."""
        return _run(_answers(self.bootstrap))

    def create_topic(self, name: str, partitions: int = 4) -> None:
        """Create a topic with Kafka's default settings for it.

        Raises:
            BrokerError: it exists, or the cluster refuses it.
        """
        self.create_topics([TopicSpec(name, "made by a test", partitions)])

    def create_topics(self, specs: Iterable[TopicSpec]) -> None:
        """Create topics of the catalogue, settings included; they have leaders on return.

        Raises:
            BrokerError: one exists already, or the cluster refuses it.
        """
        results = _run(ensure_topics(self.bootstrap, list(specs)))
        self._made += [result.name for result in results if result.outcome == "created"]
        for result in results:
            if result.outcome != "created":
                raise BrokerError(
                    f"topic {result.name!r} at {self.bootstrap} was not created: it "
                    f"{result.outcome}; choose a name of its own for each test"
                )

    def delete_made_topics(self) -> None:
        """Delete the topics made through this object.

        Raises:
            BrokerError: the cluster cannot be reached or refuses.
        """
        names, self._made = self._made, []
        if names:
            _run(_delete(self.bootstrap, names))


async def _answers(bootstrap: str) -> bool:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5000)
    try:
        await admin.start()
        return bool((await admin.describe_cluster())["brokers"])
    except KafkaError:
        return False
    finally:
        await admin.close()


async def _delete(bootstrap: str, names: list[str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        await admin.delete_topics(names)
    except KafkaError as exc:
        raise BrokerError(f"topics {names} at {bootstrap} were not deleted: {exc}") from exc
    finally:
        await admin.close()


def _run(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine on a loop of its own thread: the caller's may already have one running."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(asyncio.run, coroutine).result()
