"""The Faust app: two agents, two tables. With the transport the only place that knows Faust."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import faust
from faust.contrib.asgi import bind_to_running_loop
from faust.types import TP

from driftlog.errors import DriftlogError, StateError
from driftlog.kafka import connection
from driftlog.settings import Settings
from stream.judging import Judging
from stream.output import Output
from stream.partition import ColumnsPartition
from stream.runner import Fold, Runner, partition_key, partition_of, records_of
from stream.topics import INCIDENTS_TABLE, MONITOR_TABLE, Topics
from stream.transport import install, recommended_settings
from stream.verdicts import VerdictsPartition

__all__ = ["Monitor"]

_log = logging.getLogger(__name__)

BYTES_PER_SECOND: Final = 2_000_000  # of state written; checkpoints are stretched to keep it

Kind = Literal["monitor", "incidents"]
_TABLES: Final[dict[Kind, str]] = {"monitor": MONITOR_TABLE, "incidents": INCIDENTS_TABLE}


class Monitor:
    """columns -> verdicts -> alerts, on the partitions that the group gives this worker.

    Args:
        settings: the whole.
        topics: names and partition counts.
        judging: what rows are judged by.
        sent: called with each record that is handed to the producer.
    """

    def __init__(
        self,
        settings: Settings,
        topics: Topics,
        judging: Judging,
        sent: Callable[[Output], None] = lambda _output: None,
    ) -> None:
        self.live: dict[tuple[Kind, int], Runner] = {}
        # Of all partitions held now or before: a counter must not fall when one is given away.
        self.counts: dict[Kind, Counter[str]] = {kind: Counter() for kind in _TABLES}
        self._passed_over: Counter[Kind] = Counter()  # records told of
        self._ended_generation = -1  # of the group, of which nothing is taken any more
        self._inputs_held: dict[Kind, Any] = {}  # queues of what is fetched and not yet taken
        self.assignments = 0  # times that the group gave partitions
        self._stopping = asyncio.Event()
        self._settings = settings
        self._topics = topics
        self._judging = judging
        self._sent = sent
        self._data = tempfile.TemporaryDirectory(prefix="driftlog-")
        install()
        arguments = connection(settings.kafka)
        self.app = faust.App(
            **recommended_settings(
                app_id=topics.app_id,
                bootstrap=arguments.pop("bootstrap_servers"),
                partitions=topics.column_partitions,
                data_directory=Path(self._data.name),
                session_timeout=settings.worker.session_timeout / 1000,
                **arguments,
            )
        )
        raw: dict[str, Any] = {
            "key_type": bytes,
            "key_serializer": "raw",
            "value_type": bytes,
            "value_serializer": "raw",
        }
        self._out = {
            "verdicts": self.app.topic(
                topics.verdicts, partitions=topics.verdict_partitions, **raw
            ),
            "alerts": self.app.topic(topics.alerts, **raw),
            "references": self.app.topic(topics.references, **raw),
        }
        columns = self.app.topic(topics.columns, partitions=topics.column_partitions, **raw)
        counts: dict[Kind, int] = {
            "monitor": topics.column_partitions,
            "incidents": topics.verdict_partitions,
        }
        self._tables: dict[Kind, Any] = {
            kind: self.app.Table(
                name,
                partitions=counts[kind],
                key_type=bytes,
                value_type=bytes,
                on_recover=partial(self._recovered, kind),
            )
            for kind, name in _TABLES.items()
        }
        self._inputs: dict[Kind, str] = {"monitor": topics.columns, "incidents": topics.verdicts}
        self.app.agent(columns, name="monitor")(self._agent("monitor"))
        self.app.agent(self._out["verdicts"], name="incidents")(self._agent("incidents"))
        self.app.on_partitions_revoked.connect(self._revoked)
        self.app.on_partitions_assigned.connect(self._assigned)

    def _agent(self, kind: Kind) -> Callable[[Any], Any]:
        async def agent(stream: Any) -> None:
            self._inputs_held[kind] = stream.channel.queue
            async for event in stream.noack().events():
                generation = event.message.generation_id
                # What is still in hand of an assignment that has ended is read again.
                if generation == self.app.consumer_generation_id != self._ended_generation:
                    runner = self._runner(kind, event.message.partition)
                    await runner.handle(event)
                    _tell(kind, runner.fold)
                    await asyncio.sleep(0)  # a full queue never waits, and nothing else would run

        return agent

    def _runner(self, kind: Kind, partition: int) -> Runner:
        try:
            return self.live[kind, partition]
        except KeyError:
            raise StateError(
                f"partition {partition} of {self._inputs[kind]} brings records before its state is "
                "there; the next start goes on from what is committed"
            ) from None

    def _new_runner(self, kind: Kind, partition: int) -> Runner:
        fold = self._fold(kind, partition)
        fold.counts = self.counts[kind]
        fold.restore(records_of(partition, self._tables[kind].data))
        _tell(kind, fold)
        table = self._tables[kind]
        prefix = partition_key(partition, b"")
        owner = table.data.next_owner(
            lambda key: key.startswith(prefix), self.app.consumer_generation_id
        )

        async def send(output: Output) -> Any:
            acknowledged = await self._out[output.topic].send(
                key=output.key, value=output.value, partition=output.partition
            )
            self._sent(output)
            return acknowledged

        async def store(key: bytes, value: bytes | None) -> None:
            await table.write(partition, prefix + key, value, owner)
            if mine():  # else what a recovery has brought since is newer than this
                table.data.put(prefix + key, value, owner)

        def mine() -> bool:
            return self.live.get((kind, partition)) is runner

        runner = Runner(fold, send, store, mine)
        return runner

    def _fold(self, kind: Kind, partition: int) -> Any:
        if kind == "monitor":
            return ColumnsPartition(partition, self._judging, self._topics.event_partitions)
        return VerdictsPartition(
            partition, self._settings, self._topics.column_partitions, self._judging.config
        )

    # -- rebalances ---------------------------------------------------------------------------

    async def _recovered(self, kind: Kind) -> None:
        # Faust waits for this and never looks at how it ended: a state that cannot be read would
        # be passed over, and the partitions read on from their commits without it.
        try:
            self._restore(kind)
        except Exception as exc:
            what = exc if isinstance(exc, DriftlogError) else f"{type(exc).__name__}: {exc}"
            _log.exception("restoring the state of the %s", kind)
            await self.app.crash(StateError(f"the state of the {kind} cannot be restored: {what}"))

    def _restore(self, kind: Kind) -> None:
        """Let each partition begin where its state asks for, before the first record is read."""
        for held in [key for key in self.live if key[0] == kind]:
            del self.live[held]
        consumer: Any = self.app.consumer
        table, topic = self._tables[kind], self._inputs[kind]
        owned = {tp.partition for tp in consumer.assignment() if tp.topic == topic}
        table.data.forget(lambda key: partition_of(key) not in owned)
        if passed_over := table.data.passed_over - self._passed_over[kind]:
            self._passed_over[kind] = table.data.passed_over
            _log.warning(
                "%d records of the state of the %s, written late by owners of before, do not count",
                passed_over,
                kind,
            )
        for partition in sorted(owned):
            runner = self.live[kind, partition] = self._new_runner(kind, partition)
            if runner.fold.position >= 0:
                consumer.start_no_later(TP(topic, partition), runner.fold.position)

    async def _revoked(self, *args: Any, **more: Any) -> None:
        self._ended_generation = self.app.consumer_generation_id
        self.live.clear()

    async def _assigned(self, *args: Any, **more: Any) -> None:
        self.assignments += 1

    # -- life ---------------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Monitor]:
        """Run the app on this loop."""
        bind_to_running_loop(self.app)
        self.app.finalize()
        await self.app.start()
        self._checkpointing = asyncio.create_task(self._checkpoints(), name="checkpoints")
        try:
            yield self
        finally:
            # A checkpoint cut in the middle would leave the partition's record ahead of its series.
            self._stopping.set()
            (ended,) = await asyncio.gather(self._checkpointing, return_exceptions=True)
            if isinstance(ended, Exception):
                _log.warning("ended without a last checkpoint: %s", str(ended) or repr(ended))
            await self.app.stop()
            self._data.cleanup()

    @property
    def busy(self) -> bool:
        """Whether it has something in hand to judge."""
        return any(not queue.empty() for queue in self._inputs_held.values())

    @property
    def ready(self) -> bool:
        """Whether the state of the partitions held is there; a spare worker holds none."""
        return bool(self.assignments and not self.app.in_recovery and not self.app.rebalancing)

    async def failed(self) -> BaseException:
        """Wait until the app or the checkpoints end by themselves; return why."""
        app = asyncio.create_task(self.app.wait_until_stopped())
        mine = self._checkpointing
        try:
            await asyncio.wait([app, mine], return_when=asyncio.FIRST_COMPLETED)
        finally:
            app.cancel()
        if mine.done() and not mine.cancelled() and (reason := mine.exception()):
            return reason
        return self.app.crash_reason or RuntimeError("the Faust app stopped")

    async def checkpoint(self) -> None:
        """Write a checkpoint of every partition held."""
        if self.app.in_recovery or self.app.rebalancing:
            if self._stopping.is_set():
                _log.info("no last checkpoint: told to end in a rebalance or a recovery")
            return
        await asyncio.gather(*(runner.checkpoint() for runner in list(self.live.values())))

    async def _checkpoints(self) -> None:
        interval = self._settings.stream.checkpoint_interval / 1000
        last = False
        while not last:
            written = sum(runner.stored_bytes for runner in self.live.values())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(
                    self._stopping.wait(), max(interval, written / BYTES_PER_SECOND)
                )
            # Told to end while it writes one it writes another: that one covers all that is closed.
            last = self._stopping.is_set()
            await self.checkpoint()

    def folds(self, kind: Kind) -> list[Fold]:
        """Return the folds of the partitions held now."""
        return [runner.fold for (k, _), runner in sorted(self.live.items()) if k == kind]


def _tell(kind: Kind, fold: Fold) -> None:
    """Log what a fold has for people; it logs nothing itself."""
    while fold.news:
        _log.warning("%s, partition %d: %s", kind, fold.number, fold.news.popleft())
