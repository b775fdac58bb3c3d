"""What a Faust app shows of its progress, as the watchdog judges it."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka.errors import KafkaError
from faust.exceptions import ConsumerNotStarted, NotReady

from stream.watchdog import Observation, Partition

__all__ = ["observe"]


async def observe(app: Any, now: float, patience: float = 5.0) -> Observation:
    """Look at a running app, and ask the broker for its metadata and the partitions' ends.

    Args:
        app: a `faust.App` on this transport.
        now: seconds of the watchdog's clock.
        patience: seconds that each question may take before the broker counts as away.
    """
    answered = await _answers(app, patience)
    recovering = bool(app.in_recovery or app.rebalancing)
    recovery = app.tables.recovery
    return Observation(
        at=now,
        broker_answers=answered,
        recovering=recovering,
        recovery_progress=(
            app.rebalancing_count,
            tuple(sorted((str(tp), n) for tp, n in recovery.active_remaining().items())),
        ),
        partitions={} if recovering or not answered else await _partitions(app, patience),
    )


async def _answers(app: Any, patience: float) -> bool:
    try:
        client = app.producer._ensure_producer().client
        if not client.cluster.brokers():  # it has just been made: asked now, it would complain
            return False
        async with asyncio.timeout(patience):
            await client.fetch_all_metadata()
    except (KafkaError, NotReady, OSError, TimeoutError):
        return False
    return True


async def _partitions(app: Any, patience: float) -> dict[str, Partition]:
    consumer = app.consumer
    try:
        tps = [tp for tp in consumer.assignment() if not consumer._is_changelog_tp(tp)]
        async with asyncio.timeout(patience):
            ends = await consumer.highwaters(*tps) if tps else {}
    except (ConsumerNotStarted, KafkaError, TimeoutError):
        return {}
    ends = {(tp.topic, tp.partition): end for tp, end in ends.items()}
    return {
        f"{tp.topic}-{tp.partition}": Partition(
            read=consumer._expected.get(tp, 0),
            end=ends.get((tp.topic, tp.partition)) or 0,
            committed=consumer._committed_offset.get(tp) or 0,
            committable=consumer._new_offset(tp) or 0,
        )
        for tp in tps
    }
