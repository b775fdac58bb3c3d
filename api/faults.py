"""Faults on demand, for showing what a monitor makes of them. Off unless a caller holds one."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

from driftlog.errors import DriftlogError


class InjectedFaultError(DriftlogError):
    """A request that was made to fail on purpose."""


@dataclass
class Faults:
    """What to do to ``/predict`` from now on; whoever made the app turns the fields.

    ``delay_s`` holds each request up, ``error_share`` (0 to 1) makes so many of them fail, and
    ``outage`` answers none at all. There is no way to set them over HTTP.
    """

    delay_s: float = 0.0
    error_share: float = 0.0
    outage: bool = False
    seed: int = 0
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - chooses victims, guards nothing

    async def strike(self) -> None:
        """Hold up one request, or fail it.

        Raises:
            InjectedFaultError: the request is one of the chosen share.
        """
        if self.delay_s > 0:
            await asyncio.sleep(self.delay_s)
        if self.error_share > 0 and self._random.random() < self.error_share:
            raise InjectedFaultError("this request was made to fail: set error_share to 0")
