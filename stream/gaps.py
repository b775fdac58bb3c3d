"""Offsets that were never read: gone from the log, or never a record."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

__all__ = ["lost_between", "reading_position"]

_PATIENCE: Final = 5.0  # seconds
_AT_ONCE: Final = 0.1  # seconds; a position that is known is told without asking


async def lost_between(consumer: Any, tp: TopicPartition, expected: int, found: int) -> int:
    """Return how many offsets from ``expected`` to before ``found`` retention or truncation took.

    Lost is what lies before the log's start. Behind it offsets are missing where a transaction
    was marked or a record compacted, which is no loss. A broker that does not say where its log
    starts leaves the worst to be assumed.
    """
    start = found
    with suppress(KafkaError, TimeoutError, OSError):
        starts = await asyncio.wait_for(consumer.beginning_offsets([tp]), _PATIENCE)
        start = starts[tp]
    return max(0, min(start, found) - expected)


async def reading_position(consumer: Any, tp: TopicPartition) -> int | None:
    """Return the next offset that a consumer reads; none while it does not know.

    It is past the last record read where the log behind that is gone, which no record may tell for
    long.
    """
    try:
        position: int = await asyncio.wait_for(consumer.position(tp), _AT_ONCE)
    except (KafkaError, IllegalStateError, TimeoutError, OSError):
        return None
    return position
