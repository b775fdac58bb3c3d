"""What the watchdog sees of a worker: both halves at one moment."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

from aiokafka.errors import KafkaError

from stream.app import Monitor
from stream.ingest import Ingest
from stream.transport import observe
from stream.watchdog import Observation

__all__ = ["look"]

_PATIENCE_S: Final = 5.0  # for an answer of the broker; later counts as away


async def look(monitor: Monitor | None, ingest: Ingest | None, now: float) -> Observation:
    """Look at the halves that there are.

    Args:
        monitor: started, or none.
        ingest: running, or none.
        now: seconds of the watchdog's clock.
    """
    seen = Observation(at=now)
    outside = set()
    if monitor is not None:
        seen = await observe(monitor.app, now, _PATIENCE_S)
        if not monitor.assignments:
            outside.add("the monitor")
            # To Faust it is a rebalance. A later one is: its recovery must come to an end.
            seen = replace(seen, recovering=False, partitions={})
    if ingest is not None:
        if not ingest.ready:
            outside.add("ingest")
        try:
            async with asyncio.timeout(_PATIENCE_S):
                partitions = await ingest.progress()
        except (KafkaError, OSError, TimeoutError):
            seen = replace(seen, broker_answers=False)
        else:
            seen = replace(seen, partitions={**seen.partitions, **partitions})
    return replace(seen, outside=frozenset(outside))
