"""Reads back what the service wrote to a broker."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import msgspec
from aiokafka import AIOKafkaConsumer

from driftlog.records import Event

R = TypeVar("R", bound=msgspec.Struct)


async def records(bootstrap: str, topic: str, count: int, kind: type[R]) -> list[tuple[int, R]]:
    """The first ``count`` records of a topic with their partitions."""
    found: list[tuple[int, R]] = []
    reader = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    async with asyncio.timeout(60), reader as consumer:
        while len(found) < count:
            for batch in (await consumer.getmany(timeout_ms=1_000)).values():
                found += [
                    (one.partition, msgspec.json.decode(one.value, type=kind)) for one in batch
                ]
    return found


def read(bootstrap: str, topic: str, count: int) -> list[Event]:
    """The first ``count`` events of a topic, outside of a running loop."""
    return [event for _, event in asyncio.run(records(bootstrap, topic, count, Event))]
