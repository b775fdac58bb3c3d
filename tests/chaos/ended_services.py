"""A service under capture that is told to end under load, and its account of what it logged."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, TopicPartition

from driftlog.testing.cluster import Broker
from tests.chaos.ending_moments import Outage
from tests.chaos.started_command import started_command

__all__ = ["SERVICE_MOMENTS", "ServiceEnd", "end_service"]

_RATE: Final = 200  # requests a second
_PARTITIONS: Final = 4
NOBODY: Final = "127.0.0.1:1"  # nobody listens there

# Where the broker is: there, away from a moment on, or never there.
SERVICE_MOMENTS: Final[Mapping[str, str]] = {
    "under load": "there",
    "whose broker has gone": "gone",
    "whose broker was never there": "never",
}


@dataclass(frozen=True, slots=True)
class ServiceEnd:
    """How a service ended, and its own account."""

    code: int
    seconds: float
    answered: int
    logged: int
    sent: int
    dropped: int
    failed: int
    buffered: int
    on_the_log: int

    @property
    def accounted(self) -> bool:
        """Whether each event logged is sent, dropped or refused, and what is sent is there."""
        there = self.sent <= self.on_the_log <= self.sent + self.dropped
        return there and self.sent + self.dropped + self.failed == self.logged > 0


async def end_service(
    name: str,
    broker: Broker,
    outage: Outage,
    folder: Path,
    number: signal.Signals,
    after_s: float,
) -> ServiceEnd:
    """Start a service and load, tell the service to end after a time, and read its account."""
    where = SERVICE_MOMENTS[name]
    prefix = f"s{uuid4().hex[:8]}."
    for topic in ("events", "labels"):
        broker.create_topic(f"{prefix}{topic}", _PARTITIONS)
    config = {"kafka": NOBODY if where == "never" else broker.bootstrap, "prefix": prefix}
    arguments = ["-m", "tests.chaos.watched_service", json.dumps(config)]
    with started_command(arguments, folder / "service.log") as service:
        url = (await service.says("serving ")).split()[1]
        asking = ["-m", "tests.chaos.request_load", url, "--rate", str(_RATE), "--seconds", "60"]
        with started_command(asking, folder / "load.log") as load:
            await load.loaded("orjson")
            await asyncio.sleep(after_s)
            if where == "gone":
                outage.away()
                await asyncio.sleep(1.0)
            service.tell(number)
            code, seconds = await service.ended()
    outage.back()
    account = _account(service.output)
    return ServiceEnd(
        code=code,
        seconds=seconds,
        on_the_log=await _count(broker.bootstrap, f"{prefix}events"),
        **{name: account.get(name, 0) for name in _NAMES},
    )


_NAMES: Final = ("answered", "logged", "sent", "dropped", "failed", "buffered")


def _account(said: str) -> dict[str, Any]:
    lines = [line for line in said.splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return found


async def _count(bootstrap: str, topic: str) -> int:
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        tps = [TopicPartition(topic, partition) for partition in range(_PARTITIONS)]
        return sum((await consumer.end_offsets(tps)).values())
    finally:
        await consumer.stop()
