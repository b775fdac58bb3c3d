"""How the topics come to be on a broker: create what is missing, report what differs.

Topics are created before anything subscribes: a topic made on the fly gets the broker's default
number of partitions, and a worker that knew nothing of it may leave it without an owner for
minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    KafkaError,
    TopicAlreadyExistsError,
    for_code,
)

from driftlog.errors import BrokerError
from driftlog.kafka import reason
from driftlog.topics.catalogue import TopicSpec

__all__ = ["Difference", "TopicResult", "ensure_topics"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting of an existing topic that is not as specified."""

    setting: str
    wanted: str
    found: str


@dataclass(frozen=True, slots=True)
class TopicResult:
    """What became of one topic.

    Attributes:
        name: the topic.
        outcome: ``created``; ``exists`` as specified; ``differs`` from it; ``missing``, because
            the broker cannot create topics or was not asked to.
        differences: of a topic that differs; nothing was changed.
        unchecked: settings that the broker does not tell.
    """

    name: str
    outcome: Literal["created", "exists", "differs", "missing"]
    differences: tuple[Difference, ...] = ()
    unchecked: tuple[str, ...] = ()


_CHECKED: Final = ("cleanup.policy", "message.timestamp.type")


async def ensure_topics(
    bootstrap: str,
    specs: Sequence[TopicSpec],
    *,
    security: Mapping[str, Any] | None = None,
    create: bool = True,
    replication_factor: int = -1,
    timeout: float = 30.0,
) -> tuple[TopicResult, ...]:
    """Create the topics that are missing and compare those that exist. Changes no existing topic.

    Compared are the number of partitions, ``cleanup.policy`` and ``message.timestamp.type``. The
    embedded broker offers neither CreateTopics nor DescribeConfigs: there a topic that is not
    known is ``missing`` (make it with ``EmbeddedBroker.create_topics``, or ``--topics`` in a
    process of its own) and the two settings are ``unchecked``.

    Args:
        bootstrap: "host:port", several joined by commas.
        specs: the topics.
        security: TLS and SASL, in the keywords of aiokafka's clients.
        create: False only compares.
        replication_factor: of topics created here; -1 is the broker's default.
        timeout: seconds for each request, and for new topics to have leaders.

    Returns:
        One result per specification, in its order. Created topics have a leader in every
        partition.

    Raises:
        BrokerError: the broker cannot be reached, or refuses to create or describe a topic.
    """
    arguments: dict[str, Any] = {"request_timeout_ms": int(timeout * 1000), **(security or {})}
    arguments["bootstrap_servers"] = bootstrap
    admin = AIOKafkaAdminClient(**arguments)
    try:
        try:
            await admin.start()
            topics, led = await _describe(admin)
            made: set[str] = set()
            if create and (absent := [spec for spec in specs if spec.name not in topics]):
                made, raced = await _create(admin, absent, replication_factor)
                async with asyncio.timeout(timeout):
                    while not made | raced <= led:
                        await asyncio.sleep(0.05)
                        topics, led = await _describe(admin)
            there = [s.name for s in specs if s.name in topics and s.name not in made]
            settings = await _settings(admin, there)
        finally:
            await admin.close()
    except (KafkaError, TimeoutError, OSError) as exc:
        raise BrokerError(f"topics at {bootstrap}: {await reason(arguments, exc)}") from exc
    return tuple(_result(spec, spec.name in made, topics, settings) for spec in specs)


async def _describe(admin: AIOKafkaAdminClient) -> tuple[dict[str, int], set[str]]:
    """Return the number of partitions of every topic, and those with a leader in each of them.

    All topics are asked for, never one by name: that would create it on some brokers.
    """
    topics = await admin.describe_topics()
    counts = {topic["topic"]: len(topic["partitions"]) for topic in topics}
    return counts, {topic["topic"] for topic in topics if _led(topic)}


def _led(topic: Mapping[str, Any]) -> bool:
    return not topic["error_code"] and all(p["leader"] >= 0 for p in topic["partitions"])


async def _create(
    admin: AIOKafkaAdminClient, specs: Iterable[TopicSpec], replication_factor: int
) -> tuple[set[str], set[str]]:
    """Create topics; return the names made here, and those that another client made meanwhile."""
    cluster = await admin.describe_cluster()
    if cluster["controller_id"] not in {broker["node_id"] for broker in cluster["brokers"]}:
        return set(), set()  # older embedded brokers: nobody to send the request to
    # An empty assignment is how this client lets -1, the broker's default, pass.
    assignment: dict[int, list[int]] | None = {} if replication_factor == -1 else None
    new = [
        NewTopic(s.name, s.partitions, replication_factor, assignment, s.settings()) for s in specs
    ]
    try:
        response = await admin.create_topics(new)
    except IncompatibleBrokerVersion:
        return set(), set()  # the embedded broker: its topics are made in its own process
    made: set[str] = set()
    raced: set[str] = set()
    for name, code, message in response.topic_errors:
        error = for_code(code)
        if not code:
            made.add(name)
        elif error is TopicAlreadyExistsError:
            raced.add(name)
        else:
            raise error(f"topic {name} was not created: {message}")
    return made, raced


async def _settings(
    admin: AIOKafkaAdminClient, names: Sequence[str]
) -> dict[str, dict[str, str]] | None:
    """Return the checked settings by topic, or None where the broker does not tell them."""
    if not names:
        return {}
    wanted = dict.fromkeys(_CHECKED)
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, wanted) for name in names]
    try:
        responses = await admin.describe_configs(resources)
    except IncompatibleBrokerVersion:
        return None
    settings: dict[str, dict[str, str]] = {}
    for response in responses:
        for code, message, _, name, entries in response.resources:
            if code:
                raise for_code(code)(f"settings of topic {name}: {message}")
            settings[name] = {entry[0]: entry[1] for entry in entries}
    return settings


def _result(
    spec: TopicSpec,
    made: bool,
    found: Mapping[str, int],
    settings: Mapping[str, Mapping[str, str]] | None,
) -> TopicResult:
    if made:
        return TopicResult(spec.name, "created")
    if spec.name not in found:
        return TopicResult(spec.name, "missing")
    wanted = {"partitions": str(spec.partitions)}
    actual = {"partitions": str(found[spec.name])}
    if settings is not None:
        wanted |= {setting: spec.settings()[setting] for setting in _CHECKED}
        actual |= settings[spec.name]
    differences = tuple(
        Difference(setting, value, actual[setting])
        for setting, value in wanted.items()
        if set(value.split(",")) != set(actual[setting].split(","))
    )
    return TopicResult(
        spec.name,
        "differs" if differences else "exists",
        differences,
        () if settings is not None else _CHECKED,
    )
