"""The worker's stored state on the broker: found, forgotten, read again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from driftlog.errors import BrokerError, InputError
from driftlog.kafka import connection, reason, stop_consumer
from driftlog.settings import KafkaSettings

__all__ = ["Stored", "existing_topics", "forget", "of_model", "rewind", "stored_records"]

_PARTITION: Final = 6  # every key begins with its partition, "00042 "
_LEARNED: Final = b"\0learn/"  # rows kept of a model version that is still learning


@dataclass(frozen=True, slots=True)
class Stored:
    """A record that a new owner of the partition would find."""

    topic: str
    partition: int
    key: bytes
    size: int  # bytes


def of_model(found: Sequence[Stored], model: str, version: str) -> tuple[Stored, ...]:
    """Return the monitor's records of one model version: its series, and rows to learn from.

    Raises:
        InputError: there are none; names the model versions that are there.
    """
    from stream.routing import model_version

    wanted = model_version(model, version)
    chosen = tuple(one for one in found if _owner(one.key) == wanted)
    if not chosen:
        there = sorted({owner for one in found if (owner := _owner(one.key))})
        raise InputError(
            f"no state is stored of {wanted}; there is state of {', '.join(there) or 'no model'}"
        )
    return chosen


def _owner(key: bytes) -> str:
    """Return model@version of a key; empty for a partition's own record."""
    own = key[_PARTITION:]
    if own.startswith(_LEARNED):
        return own.removeprefix(_LEARNED).decode(errors="replace").rpartition("#")[0]
    return "" if own.startswith(b"\0") else own.decode(errors="replace").partition("/")[0]


async def existing_topics(kafka: KafkaSettings) -> dict[str, int]:
    """Return the number of partitions of every topic.

    Raises:
        BrokerError: the broker is away.
    """
    admin = AIOKafkaAdminClient(**connection(kafka))
    try:
        await admin.start()
        return {one["topic"]: len(one["partitions"]) for one in await admin.describe_topics()}
    except (KafkaError, OSError) as exc:
        raise BrokerError(await reason(connection(kafka), exc)) from exc
    finally:
        await admin.close()


async def stored_records(kafka: KafkaSettings, topic: str) -> tuple[Stored, ...]:
    """Return what a changelog holds, in order of partition and key.

    Raises:
        BrokerError: the broker or the topic is away.
    """
    from stream.topic_end import read_to_end, reader

    found: dict[tuple[int, bytes], Stored] = {}
    async with reader(kafka, topic) as consumer:
        async for partition, records in read_to_end(consumer):
            for record in records:
                at = (partition.partition, record.key or b"")
                found.pop(at, None)
                if record.value is not None:
                    found[at] = Stored(topic, *at, len(record.value))
    return tuple(found[at] for at in sorted(found))


async def forget(kafka: KafkaSettings, records: Sequence[Stored]) -> None:
    """Write a tombstone for each; when this returns, the broker has them all.

    Raises:
        BrokerError: the broker is away or refuses.
    """
    producer = AIOKafkaProducer(acks="all", enable_idempotence=True, **connection(kafka))
    try:
        await producer.start()
        sent = [
            await producer.send(one.topic, key=one.key, partition=one.partition) for one in records
        ]
        for delivery in sent:
            await delivery
    except (KafkaError, OSError) as exc:
        raise BrokerError(
            f"forgetting state at {kafka.bootstrap}: {await reason(connection(kafka), exc)}"
        ) from exc
    finally:
        await producer.stop()


async def rewind(kafka: KafkaSettings, group: str, topic: str, partitions: int) -> int:
    """Let a group without members begin at the start of a topic; return the records before it.

    The offsets are committed without metadata: with the running maximum of event time that is in
    it, everything read again would be late.

    Raises:
        BrokerError: the broker is away, refuses, or the group has a member again.
    """
    consumer = AIOKafkaConsumer(group_id=group, enable_auto_commit=False, **connection(kafka))
    try:
        await consumer.start()
        assigned = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(assigned)
        starts = await consumer.beginning_offsets(assigned)
        ends = await consumer.end_offsets(assigned)
        await consumer.commit({tp: OffsetAndMetadata(at, "") for tp, at in starts.items()})
    except (KafkaError, OSError) as exc:
        raise BrokerError(
            f"offsets of {group} in {topic} at {kafka.bootstrap} were not reset: {exc!r}; "
            "is a worker running again?"
        ) from exc
    finally:
        await stop_consumer(consumer)
    return sum(ends[tp] - starts[tp] for tp in assigned)
