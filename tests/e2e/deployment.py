"""driftlog as somebody runs it: topics under a prefix, references, workers, and what they tell."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from driftlog.kafka import connection
from driftlog.records import ReferenceProfile
from driftlog.settings import Settings, load_settings
from driftlog.testing.cluster import Broker
from stream.references import publish_reference
from stream.topics import Topics, worker_topics
from tests.e2e.told import Told, following
from tests.e2e.waiting import DEADLINE, eventually
from tests.e2e.worker_process import WorkerProcess, worker_process

__all__ = ["Deployment", "deployed"]

# Short panes and windows, so that a test sees many of them in seconds; one set for all.
_QUICK: Final = {
    "DRIFTLOG_STREAM_PANE": "1s",
    "DRIFTLOG_STREAM_WINDOW_PANES": "10",
    "DRIFTLOG_STREAM_ALLOWED_LATENESS": "1s",
    "DRIFTLOG_STREAM_FUTURE_SKEW": "500ms",
    "DRIFTLOG_STREAM_IDLE_AFTER": "60s",
    "DRIFTLOG_STREAM_MAX_SKEW": "8s",
    "DRIFTLOG_STREAM_CHECKPOINT_INTERVAL": "1s",
    "DRIFTLOG_DETECTION_MIN_ROWS": "60",
    "DRIFTLOG_DETECTION_RESOLVE_PANES": "3",
    "DRIFTLOG_DETECTION_COOL_DOWN_PANES": "2",
    "DRIFTLOG_DETECTION_GROUP_PANES": "5",
    "DRIFTLOG_MODELS_SHARD_SIGNALS": "2",
    "DRIFTLOG_KAFKA_COLUMN_PARTITIONS": "4",
    "DRIFTLOG_KAFKA_VERDICT_PARTITIONS": "2",
    "DRIFTLOG_WORKER_PORT": "0",
    # On the embedded broker a successor waits for this less a second; a busy machine needs some.
    "DRIFTLOG_WORKER_SESSION_TIMEOUT": "4s",
}


class Deployment:
    """One set of topics with its workers; `deployed` makes one."""

    def __init__(self, settings: Settings, environment: Mapping[str, str], folder: Path) -> None:
        self.settings = settings
        # Asked while something is waited for; false: it is waited for in vain.
        self.attended: Callable[[], bool] = self._all_alive
        self.workers: list[WorkerProcess] = []  # those that are to be alive
        self.overrides: Mapping[str, str] = {}  # as `deployed` was given them
        self.environment = environment  # of a worker
        self._folder = folder
        self._stack = AsyncExitStack()
        self.told: Told

    def _attended(self) -> bool:
        return self.attended()

    def _all_alive(self) -> bool:
        return all(worker.alive for worker in self.workers)

    async def __aenter__(self) -> Self:
        self.told = await self._stack.enter_async_context(following(self.settings, self._attended))
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._stack.__aexit__(*error)

    async def publish(self, profiles: Iterable[ReferenceProfile]) -> None:
        """Write references; workers that start afterwards know them."""
        for profile in profiles:
            await publish_reference(self.settings.kafka, profile)

    async def start(self, *arguments: str, within: float = DEADLINE) -> WorkerProcess:
        """Start a worker; it is ready on return."""
        log = self._folder / f"worker-{uuid4().hex[:8]}.log"
        worker = await self._stack.enter_async_context(
            worker_process(self.environment, log, *arguments, within=within)
        )
        self.workers.append(worker)
        return worker

    async def end(self, worker: WorkerProcess, *number: Any) -> int:
        """End a worker by a signal, SIGTERM if none is named; return its exit code."""
        self.workers.remove(worker)
        return await worker.stop(*number)

    async def closed(self, through_ms: int, within: float = DEADLINE) -> None:
        """Wait until all panes that end by then are judged, and their alerts are told."""
        told = self.told
        await told.until(
            lambda: told.closed_through_ms >= through_ms,
            f"panes closed through {through_ms}",
            within,
        )
        await self.acknowledged("verdicts")
        await self._read_to_the_end("alerts")

    async def acknowledged(self, kind: str) -> None:
        """Wait until all there is now of ``events``, ``columns`` or ``verdicts`` is committed."""
        topics = Topics.of(self.settings)
        kafka = self.settings.kafka
        group, name, count = {
            "events": (topics.ingest_group, topics.events, kafka.event_partitions),
            "columns": (topics.app_id, topics.columns, kafka.column_partitions),
            "verdicts": (topics.app_id, topics.verdicts, kafka.verdict_partitions),
        }[kind]
        ends = await self._ends(name, count)
        admin: Any = AIOKafkaAdminClient(**connection(kafka))
        await admin.start()
        try:

            async def all_committed() -> bool:
                assert self.attended(), "a worker has ended"
                try:
                    found = await admin.list_consumer_group_offsets(group, partitions=list(ends))
                except GroupCoordinatorNotAvailableError:  # no worker has joined before
                    return False
                return all(tp in found and found[tp].offset >= end for tp, end in ends.items())

            await eventually(all_committed, f"all of {name} committed")
        finally:
            await admin.close()

    async def _read_to_the_end(self, kind: str) -> None:
        name = f"{self.settings.kafka.prefix}{kind}"
        ((tp, end),) = (await self._ends(name, 1)).items()
        await self.told.until(lambda: self.told.position(tp) >= end, f"{name} read to its end")

    async def _ends(self, topic: str, partitions: int) -> dict[TopicPartition, int]:
        consumer: Any = AIOKafkaConsumer(**connection(self.settings.kafka))
        await consumer.start()
        try:
            tps = [TopicPartition(topic, partition) for partition in range(partitions)]
            found: dict[TopicPartition, int] = await consumer.end_offsets(tps)
            return found
        finally:
            await consumer.stop()


@asynccontextmanager
async def deployed(
    broker: Broker,
    folder: Path,
    profiles: Iterable[ReferenceProfile] = (),
    **settings: str,
) -> AsyncIterator[Deployment]:
    """Create topics under a prefix of their own and publish references; no worker runs yet.

    Args:
        broker: either kind.
        folder: for the workers' logs.
        profiles: references to publish.
        settings: more than the usual, as ``STREAM_PANE="2s"``.
    """
    environment = {
        **_QUICK,
        "DRIFTLOG_KAFKA": broker.bootstrap,
        "DRIFTLOG_KAFKA_PREFIX": f"e2e-{uuid4().hex[:12]}.",
        **{f"DRIFTLOG_{name}": value for name, value in settings.items()},
    }
    held = load_settings(Path(os.devnull), environment)
    theirs = held.kafka.events_topic  # another deployment's, which has made it
    broker.create_topics([spec for spec in worker_topics(held) if spec.name != theirs])
    async with Deployment(held, environment, folder) as deployment:
        deployment.overrides = settings
        await deployment.publish(profiles)
        yield deployment
