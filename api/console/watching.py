"""Asks the broker now and then who reads what, and how far: for the page of the pipeline."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError, for_code

from api.console.following import Following
from api.console.known import Watched
from api.console.views import Group, Member
from driftlog.kafka import connection
from driftlog.settings import Settings

__all__ = ["Watching", "groups_of"]

_log = logging.getLogger(__name__)

_EVERY_S: Final = 5.0
_ANSWER_S: Final = 10.0


def groups_of(settings: Settings) -> dict[str, tuple[str, tuple[str, ...]]]:
    """The workers' consumer groups: what each does, and the topics it reads."""
    prefix, group = settings.kafka.prefix, settings.worker.group
    events = settings.kafka.events_topic or f"{prefix}events"
    return {
        f"{prefix}{group}.ingest": ("reads events", (events,)),
        f"{prefix}{group}.monitor": (
            "judges columns and gathers incidents",
            (f"{prefix}columns", f"{prefix}verdicts"),
        ),
    }


class Watching:
    """Looks every few seconds; ``watched`` is what was seen last.

    Args:
        settings: ``kafka`` and ``worker`` are read.
        following: has the connection that knows the ends of topics.
        on_change: called when something was seen.
    """

    def __init__(
        self, settings: Settings, following: Following, on_change: Callable[[], None]
    ) -> None:
        self.watched = Watched()
        self._settings = settings
        self._following = following
        self._on_change = on_change

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(_ANSWER_S):
                    found = await self._look()
            except IncompatibleBrokerVersion:
                found = await self._without("this broker does not tell of consumer groups")
            except (KafkaError, OSError, TimeoutError) as exc:
                found = await self._without(f"the broker does not answer ({type(exc).__name__})")
            except Exception:
                _log.exception("asking for the groups failed")
                found = await self._without("asking failed: the console's log says why")
            if found != self.watched:
                self.watched = found
                self._on_change()
            await asyncio.sleep(_EVERY_S)

    async def _without(self, why: str) -> Watched:
        """What can be known without the groups."""
        try:
            async with asyncio.timeout(_ANSWER_S):
                ends, dead = await self._ends({})
        except (KafkaError, OSError, TimeoutError):
            return replace(self.watched, told=False, why_untold=why)
        return Watched(told=False, why_untold=why, ends=ends, dead_letters=dead)

    async def _look(self) -> Watched:
        groups: list[Group] = []
        committed: dict[tuple[str, int], int] = {}
        owners: dict[tuple[str, int], str] = {}
        read_by: dict[str, str] = {}
        asked = groups_of(self._settings)
        admin: Any = AIOKafkaAdminClient(**connection(self._settings.kafka))
        try:
            await admin.start()
            partitions = {
                one["topic"]: len(one["partitions"]) for one in await admin.describe_topics()
            }
            for name, (purpose, topics) in asked.items():
                group = await _group(admin, name, purpose)
                groups.append(group)
                read_by |= dict.fromkeys(topics, name)
                for member in group.members:
                    for topic, numbers in member.partitions.items():
                        owners |= {(topic, number): member.client_id for number in numbers}
                places = [TopicPartition(t, n) for t in topics for n in range(partitions.get(t, 0))]
                if places:
                    told = await admin.list_consumer_group_offsets(name, partitions=places)
                    committed |= {
                        (tp.topic, tp.partition): one.offset
                        for tp, one in told.items()
                        if one.offset >= 0
                    }
        finally:
            await admin.close()
        ends, dead = await self._ends(partitions)
        return Watched(
            told=True,
            why_untold="",
            groups=tuple(groups),
            ends=ends,
            committed=committed,
            owners=owners,
            read_by=read_by,
            dead_letters=dead,
        )

    async def _ends(self, partitions: dict[str, int]) -> tuple[dict[tuple[str, int], int], int]:
        kafka = self._settings.kafka
        counts = {
            kafka.events_topic or f"{kafka.prefix}events": kafka.event_partitions,
            f"{kafka.prefix}columns": kafka.column_partitions,
            f"{kafka.prefix}verdicts": kafka.verdict_partitions,
        }
        places = [
            TopicPartition(topic, number)
            for topic, count in counts.items()
            for number in range(partitions.get(topic, count))
        ]
        letters = f"{kafka.prefix}deadletter"
        lost = [TopicPartition(letters, number) for number in range(partitions.get(letters, 1))]
        ends = await self._following.ends([*places, *lost])
        begins = await self._following.beginnings(lost)
        dead = sum(ends.get(tp, 0) - begins.get(tp, 0) for tp in lost)
        return {(tp.topic, tp.partition): ends[tp] for tp in places if tp in ends}, dead


async def _group(admin: Any, name: str, purpose: str) -> Group:
    (answer,) = await admin.describe_consumer_groups([name])
    ((code, _name, state, _type, _protocol, members, *_),) = answer.groups
    if code:
        raise for_code(code)(f"consumer group {name}")
    return Group(
        group=name,
        purpose=purpose,
        state=state,
        members=tuple(_member(*one[:5]) for one in members),
    )


def _member(_id: str, client_id: str, host: str, _metadata: bytes, assignment: bytes) -> Member:
    partitions: dict[str, tuple[int, ...]] = {}
    if assignment:
        try:
            told = ConsumerProtocolMemberAssignment.decode(assignment)
        except ValueError as exc:
            _log.info("the assignment of %s cannot be read: %s", client_id, exc)
        else:
            partitions = {topic: tuple(sorted(numbers)) for topic, numbers in told.assignment}
    return Member(client_id=client_id, host=host, partitions=partitions)
