"""Moments of a worker's life at which it is told to end, and how it ended."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Protocol

import httpx

from driftlog.testing.apache import ApacheKafka
from driftlog.testing.embedded import EmbeddedBroker
from tests.chaos.started_command import StartedCommand
from tests.e2e.deployment import Deployment
from tests.e2e.waiting import eventually

__all__ = ["MOMENTS", "Moment", "Outage", "Stage"]


class Outage(Protocol):
    """How a kind of broker goes away, and comes back with its log."""

    def away(self) -> None:
        """From now on nothing answers."""

    def back(self) -> None:
        """It answers again."""


class Frozen:
    """An Apache Kafka that is stopped where it is: connections stay, nothing answers."""

    def __init__(self, kafka: ApacheKafka) -> None:
        self.away, self.back = kafka.freeze, kafka.thaw


class Refusing:
    """An embedded broker that closes its connections and takes no more."""

    def __init__(self, broker: EmbeddedBroker) -> None:
        self.away, self.back = broker.broker_down, broker.broker_up


@dataclass(frozen=True, slots=True)
class Stage:
    """What a moment can act on.

    Args:
        worker: has just been started.
        deployment: that it belongs to.
        outage: of its broker.
        draw: of all that is random.
    """

    worker: StartedCommand
    deployment: Deployment
    outage: Outage
    draw: Random

    async def url(self) -> str:
        """Of the worker's port; it listens once this is known."""
        line = await self.worker.says("gauges at ")
        return line.split("gauges at ")[1].removesuffix("/metrics")

    async def why(self, text: str) -> None:
        """Wait until the worker says so of why it is not ready, or has become ready."""
        url = await self.url()

        async def told() -> bool:
            async with httpx.AsyncClient() as client:
                state: dict[str, Any] = (await client.get(f"{url}/readyz", timeout=20)).json()
            return bool(text in state["why"] or state["ready"])

        await eventually(told, f"{text!r} as the reason")


@dataclass(frozen=True, slots=True)
class Moment:
    """When a worker is told to end.

    Args:
        come: waits for the moment.
        within_s: a random time up to this passes then, before the worker is told.
        away: the broker is away from before the worker's start.
        again: it is told a second time.
        environment: more for the worker.
        orderly: it has all it needs for an orderly end.
    """

    come: Callable[[Stage], Awaitable[Any]]
    within_s: float
    away: bool = False
    again: bool = False
    environment: Mapping[str, str] | None = None
    orderly: bool = True

    async def tell(self, stage: Stage, number: signal.Signals) -> None:
        """Wait for the moment and tell the worker to end."""
        await self.come(stage)
        await pause(stage.draw.uniform(0.0, self.within_s))
        stage.worker.tell(number)
        if self.again:
            await pause(stage.draw.uniform(0.0, 1.0))
            stage.worker.tell(number)


async def pause(seconds: float) -> None:
    """Let a random time pass: here the time is the dose, and nothing is waited for."""
    await asyncio.sleep(seconds)


async def _starting(stage: Stage) -> None:
    await stage.worker.loaded("msgspec")


async def _listening(stage: Stage) -> None:
    await stage.url()


async def _joining(stage: Stage) -> None:
    await stage.why("joining the group")


async def _recovering(stage: Stage) -> None:
    await stage.why("recovers their state")


async def _running(stage: Stage) -> None:
    await stage.worker.says(" running")


async def _idle(stage: Stage) -> None:
    await stage.deployment.acknowledged("events")


async def _broker_goes(stage: Stage) -> None:
    await _running(stage)
    await pause(stage.draw.uniform(0.0, 2.0))
    stage.outage.away()


MOMENTS: Final[Mapping[str, Moment]] = {
    "while it starts": Moment(_starting, 2.0, orderly=False),
    "while it joins its groups": Moment(_joining, 3.0),
    "while it recovers": Moment(_recovering, 1.0),
    "in a backlog": Moment(_running, 2.0),
    "while it writes a checkpoint": Moment(
        _running, 3.0, environment={"DRIFTLOG_STREAM_CHECKPOINT_INTERVAL": "100ms"}
    ),
    "idle": Moment(_idle, 2.0),
    "twice": Moment(_running, 2.0, again=True, orderly=False),
    "twice while it starts": Moment(_listening, 1.0, again=True, orderly=False),
    "waiting for the broker": Moment(_listening, 5.0, away=True, orderly=False),
    "when the broker has gone": Moment(_broker_goes, 5.0, orderly=False),
}
