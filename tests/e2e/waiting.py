"""Waiting for something to become true, with a deadline and never blindly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

__all__ = ["DEADLINE", "eventually", "holds"]

DEADLINE: Final = 300.0  # seconds; what waits so long has failed, on a slow machine too
_LOOK: Final = 0.1  # seconds between two looks

T = TypeVar("T")


async def eventually(
    look: Callable[[], Awaitable[T | None]], what: str, within: float = DEADLINE
) -> T:
    """Return the first answer that is not None and not False.

    Raises:
        AssertionError: there was none within the deadline; names ``what``.
    """
    until = time.monotonic() + within
    while True:
        found = await look()
        if found is not None and found is not False:
            return found
        assert time.monotonic() < until, f"{what}: not within {within:.0f} s"
        await asyncio.sleep(_LOOK)


async def holds(condition: Callable[[], bool], what: str, within: float = DEADLINE) -> None:
    """Wait until a condition that can be looked at without waiting is true.

    Raises:
        AssertionError: it was not within the deadline; names ``what``.
    """

    async def look() -> bool:
        return condition()

    await eventually(look, what, within)
