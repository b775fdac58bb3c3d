"""What the broker knows of the worker's consumer groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError, for_code

from driftlog.errors import BrokerError
from driftlog.kafka import connection
from driftlog.settings import KafkaSettings

__all__ = ["Group", "describe_groups"]


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group: its state in Kafka's words, and the client names of its members."""

    name: str
    state: str
    members: tuple[str, ...]


async def describe_groups(kafka: KafkaSettings, names: Sequence[str]) -> tuple[Group, ...] | None:
    """Return the groups, or None where the broker does not tell (the embedded one).

    A group that never was is ``Dead`` and has no members; so is a killed member only after its
    session timeout.

    Raises:
        BrokerError: the broker is away or refuses.
    """
    admin = AIOKafkaAdminClient(**connection(kafka))
    try:
        await admin.start()
        answers = [await admin.describe_consumer_groups([name]) for name in names]
    except IncompatibleBrokerVersion:
        return None
    except (KafkaError, OSError) as exc:
        raise BrokerError(
            f"consumer groups {', '.join(names)} at {kafka.bootstrap}: {exc!r}; check that the "
            "broker runs there and that this client may describe groups"
        ) from exc
    finally:
        await admin.close()
    found = []
    for (answer,) in answers:
        for code, name, state, _type, _protocol, members, *_ in answer.groups:
            if code:
                refusal = for_code(code)
                raise BrokerError(f"consumer group {name} at {kafka.bootstrap}: {refusal.__name__}")
            found.append(Group(name, state, tuple(member[-4] for member in members)))
    return tuple(found)
