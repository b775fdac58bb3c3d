"""A topic read up to the end it has now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

__all__ = ["read_to_end"]

_POLL_MS: Final = 500


async def read_to_end(consumer: Any) -> AsyncIterator[tuple[Any, list[Any]]]:
    """Yield (partition, records), from the consumer's positions to the ends at the call.

    A partition's records come in order; a partition that is paused is left out from then on.
    """
    ends = await consumer.end_offsets(sorted(consumer.assignment() - consumer.paused()))
    behind = set(ends)
    while True:
        behind -= consumer.paused()
        behind = {tp for tp in behind if await consumer.position(tp) < ends[tp]}
        if not behind:
            return
        batches = await consumer.getmany(*behind, timeout_ms=_POLL_MS)
        for tp, records in batches.items():
            yield tp, [record for record in records if record.offset < ends[tp]]
