"""What the broker knows of the worker's consumer groups."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    CoordinatorLoadInProgressError,
    GroupCoordinatorNotAvailableError,
    IncompatibleBrokerVersion,
    KafkaError,
    NotCoordinatorForGroupError,
    for_code,
)

from driftlog.errors import BrokerError
from driftlog.kafka import connection, reason
from driftlog.settings import KafkaSettings

__all__ = ["Group", "describe_groups"]

# A cluster that never had a group makes the topic of offsets when it is first asked.
_SOON: Final = (
    CoordinatorLoadInProgressError,
    GroupCoordinatorNotAvailableError,
    NotCoordinatorForGroupError,
)
_PATIENCE: Final = 15.0  # seconds
_PAUSE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group: its state in Kafka's words, and the client names of its members."""

    name: str
    state: str
    members: tuple[str, ...]


async def describe_groups(kafka: KafkaSettings, names: Sequence[str]) -> list[Group] | None:
    """Return the groups, or None where the broker does not tell (the embedded one).

    A group that never was is ``Dead`` and has no members; so is a killed member only after its
    session timeout.

    Raises:
        BrokerError: the broker is away or refuses.
    """
    admin = AIOKafkaAdminClient(**connection(kafka))
    try:
        await admin.start()
        return [await _describe(admin, name) for name in names]
    except IncompatibleBrokerVersion:
        return None
    except (KafkaError, OSError) as exc:
        raise BrokerError(
            f"consumer groups {', '.join(names)} at {kafka.bootstrap}: "
            f"{await reason(connection(kafka), exc)}"
        ) from exc
    finally:
        await admin.close()


async def _describe(admin: AIOKafkaAdminClient, name: str) -> Group:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            (answer,) = await admin.describe_consumer_groups([name])
            ((code, _name, state, _type, _protocol, members, *_),) = answer.groups
            if not code:
                return Group(name, state, tuple(client for _id, client, *_ in members))
            raise for_code(code)(f"consumer group {name}")
        except _SOON:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(_PAUSE)
