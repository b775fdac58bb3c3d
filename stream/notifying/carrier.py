"""From the alerts topic to Alertmanager, a webhook and Slack: each at its own pace."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from driftlog.errors import BrokerError, ContractError
from driftlog.kafka import connection, reason, stop_consumer
from driftlog.records import ALERT, Alert, Severity
from driftlog.settings import KafkaSettings
from stream.notifying.open_alerts import OpenAlerts
from stream.notifying.post import Post
from stream.notifying.silences import Silences

__all__ = ["REPEAT_S", "Carrier", "Wanted"]

REPEAT_S: Final = 60.0  # how often Alertmanager is told what is open
_POLL_MS: Final = 500
_LOOK_AGAIN_S: Final = 30.0  # for a topic that is not there
_REMEMBERED: Final = 10_000  # alerts, to know a record that comes again
_PATIENCE_MS: Final = 86_400_000  # a record may wait for its receiver for so long


class Wanted:
    """Which alerts are passed on.

    Args:
        least: the mildest severity.
        model: the only model, none: all.
    """

    def __init__(self, least: Severity, model: str | None) -> None:
        self._least = least
        self._model = model

    def __call__(self, alert: Alert) -> bool:
        """Whether this one is."""
        return alert.severity.rank >= self._least.rank and self._model in (None, alert.model)


class Carrier:
    """Reads the alerts topic, once for each receiver, and hands it what it takes.

    Args:
        kafka: where the topic is.
        wanted: which alerts.
        say: is told, in a line, what is waited for or left out.
        console: address under which a browser finds the console; empty: no links to it.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        wanted: Wanted,
        say: Callable[[str], None],
        console: str = "",
    ) -> None:
        self._console = console
        self._kafka = kafka
        self._wanted = wanted
        self._say = say
        self._topic = f"{kafka.prefix}alerts"
        self._silences = Silences()
        self._silences_read = asyncio.Event()

    async def to_alertmanager(self, post: Post, *, repeat_s: float = REPEAT_S) -> None:
        """Keep an Alertmanager told of what is open, and tell it once what is over.

        The topic is read from its beginning, which compaction keeps short: a forwarder that was
        away knows what is open all the same, and no offset has to be kept.

        Raises:
            BrokerError: the broker refuses.
        """
        state = OpenAlerts(self._console)
        async with self._reading(None, "earliest") as consumer:
            ends = await consumer.end_offsets(sorted(consumer.assignment()))
            while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                self._take(state, await consumer.getmany(timeout_ms=_POLL_MS))
            state.told(state.over())  # over before anybody listened
            told_at = float("-inf")
            while True:
                news = self._take(state, await consumer.getmany(timeout_ms=_POLL_MS))
                due = time.monotonic() - told_at >= repeat_s
                if news or (due and len(state)):
                    over = state.over()
                    await post.send(lambda: state.notices(int(time.time() * 1000)))
                    state.told(over)
                    told_at = time.monotonic()

    async def follow_silences(self) -> None:
        """Follow what people silence, for `to_webhook`, which waits until the past of it is read.

        Raises:
            BrokerError: the broker refuses.
        """
        topic = f"{self._kafka.prefix}actions"
        while not await self._is_there(topic):  # nobody can have silenced anything
            self._silences_read.set()
            await asyncio.sleep(_LOOK_AGAIN_S)
        async with self._reading(None, "earliest", topic) as consumer:
            ends = await consumer.end_offsets(sorted(consumer.assignment()))
            while True:
                if all([await consumer.position(tp) >= end for tp, end in ends.items()]):
                    self._silences_read.set()
                for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                    for record in records:
                        self._silences.take(record.value or b"")

    async def _is_there(self, topic: str) -> bool:
        admin = AIOKafkaAdminClient(**connection(self._kafka))
        try:
            await admin.start()
            return any(one["topic"] == topic for one in await admin.describe_topics())
        except (KafkaError, OSError) as exc:
            why = await reason(connection(self._kafka), exc)
            raise BrokerError(f"reading {topic} at {self._kafka.bootstrap}: {why}") from exc
        finally:
            await admin.close()

    async def to_webhook(
        self, post: Post, notice: Callable[[Alert], dict[str, Any]], *, beginning: bool = False
    ) -> None:
        """Post each record of an alert once, in order, and remember over restarts how far it came.

        What was posted and not yet remembered when the process died is posted again, with the same
        ``Idempotency-Key``. Of an incident that somebody has silenced nothing but its end is
        posted; `follow_silences` has to run beside it.

        Args:
            post: where to.
            notice: what an alert looks like there.
            beginning: begin with all there is, the first time; else with what comes from now on.

        Raises:
            BrokerError: the broker refuses.
        """
        seen: OrderedDict[str, int] = OrderedDict()  # alert id -> pane end
        group = f"{self._kafka.prefix}forward.{post.name}"
        await self._silences_read.wait()
        async with self._reading(group, "earliest" if beginning else "latest") as consumer:
            while True:
                for tp, records in (await consumer.getmany(timeout_ms=_POLL_MS)).items():
                    for record in records:
                        alert = self._decode(record.value)
                        now_ms = int(time.time() * 1000)
                        if alert is not None and self._silences.covers(alert, now_ms):
                            alert = None
                        if alert is not None and self._concerns(alert, seen):
                            key = f"{alert.alert_id}:{alert.pane_end_ms}:{alert.status}"
                            await post.send(partial(notice, alert), {"Idempotency-Key": key})
                        await _through(consumer.commit({tp: record.offset + 1}))

    def _take(self, state: OpenAlerts, batches: dict[Any, list[Any]]) -> bool:
        took = False
        for records in batches.values():
            for record in records:
                alert = self._decode(record.value)
                if alert is not None and (self._wanted(alert) or alert.alert_id in state):
                    state.take(alert)
                    took = True
        return took

    def _concerns(self, alert: Alert, seen: OrderedDict[str, int]) -> bool:
        """Whether it is wanted, or the further life of one that was, and is no repetition."""
        last = seen.get(alert.alert_id)
        if last is None:
            if not self._wanted(alert):
                return False
        elif alert.pane_end_ms <= last:
            return False
        seen[alert.alert_id] = alert.pane_end_ms
        seen.move_to_end(alert.alert_id)
        if len(seen) > _REMEMBERED:
            seen.popitem(last=False)
        return True

    def _decode(self, raw: bytes | None) -> Alert | None:
        if raw is None:  # deleted
            return None
        try:
            return ALERT.decode(raw)
        except ContractError as exc:
            self._say(f"a record of {self._topic} was left out: {exc}")
            return None

    @asynccontextmanager
    async def _reading(self, group: str | None, begin: str, topic: str = "") -> AsyncIterator[Any]:
        topic = topic or self._topic
        arguments = connection(self._kafka)
        consumer: Any = AIOKafkaConsumer(
            topic,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset=begin,
            max_poll_interval_ms=_PATIENCE_MS,
            **arguments,
        )
        try:
            await consumer.start()
            if group is not None:
                await self._pin(consumer)
            yield consumer
        except (KafkaError, OSError) as exc:
            raise BrokerError(
                f"reading {topic} at {self._kafka.bootstrap}: {await reason(arguments, exc)}"
            ) from exc
        finally:
            await stop_consumer(consumer)

    async def _pin(self, consumer: Any) -> None:
        """Remember where reading began: what comes before the first commit is not skipped."""
        for tp in consumer.assignment():
            if await consumer.committed(tp) is None:
                await consumer.commit({tp: await consumer.position(tp)})


async def _through(commit: Coroutine[Any, Any, None]) -> None:
    """Commit, though told to end meanwhile: what was posted would be posted again."""
    task = asyncio.ensure_future(commit)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
