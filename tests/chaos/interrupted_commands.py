"""Commands of a terminal, and Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final
from uuid import uuid4

from driftlog.records import EVENT, Event, Outputs
from driftlog.testing.cluster import Broker
from tests.chaos.started_command import started_command

__all__ = ["COMMANDS", "interrupt"]

_EVENTS: Final = 150_000  # in the file; enough for a scan of many seconds


@dataclass(frozen=True, slots=True)
class _Command:
    """What is run, with ``FILE`` for a file of events; for how long; whether it has its topics."""

    arguments: tuple[str, ...]
    within_s: float
    topics: bool = True


COMMANDS: Final[Mapping[str, _Command]] = {
    "scan": _Command(("scan", "FILE", "--reference", "10000"), 5.0),
    "replay": _Command(("replay", "FILE", "--loop", "--rate", "500"), 8.0),
    "replay to no topic": _Command(("replay", "FILE"), 8.0, topics=False),
    "alerts tail": _Command(("alerts", "tail", "--from", "beginning"), 5.0),
    "alerts tail of no topic": _Command(("alerts", "tail"), 5.0, topics=False),
    "demo": _Command(("demo",), 60.0),
}


async def interrupt(
    name: str, broker: Broker, folder: Path, draw: Random
) -> tuple[int, float, str, list[int]]:
    """Run a command and press Ctrl-C after a random time.

    Returns:
        Exit code as a shell shows it, seconds until its end, what it said, and processes that it
        has left.
    """
    file = folder / "events.jsonl"
    if not file.exists():
        _write(file)
    command = COMMANDS[name]
    arguments = [str(file) if one == "FILE" else one for one in command.arguments]
    prefix = f"c{uuid4().hex[:8]}."
    if command.topics:
        for topic in ("events", "labels", "alerts"):
            broker.create_topic(f"{prefix}{topic}")
    environment = {"DRIFTLOG_KAFKA": broker.bootstrap, "DRIFTLOG_KAFKA_PREFIX": prefix}
    with started_command(["-m", "driftlog", *arguments], folder / "out.log", environment) as run:
        await run.loaded("msgspec")
        await asyncio.sleep(draw.uniform(0.0, command.within_s))
        run.tell(signal.SIGINT)
        code, seconds = await run.ended()
        # Where Ctrl-C meets Python in an `exec` of text (dataclasses and numba write code so), it
        # ends by the signal itself after `sys.exit(130)`: bpo-1054041. A shell shows 130 for both.
        shown = 128 - code if code < 0 else code
        return shown, seconds, run.output, run.others()


def _write(file: Path) -> None:
    draw = Random(1)
    with file.open("wb") as out:
        for at in range(_EVENTS):
            event = Event(
                event_id=f"e{at}",
                correlation_id=f"r{at}",
                ts_ms=1_732_100_000_000 + at * 50,
                model="flight-delay",
                version="1",
                inputs={f"x{i}": round(draw.gauss(0, 1), 4) for i in range(12)},
                outputs=Outputs(prediction="late", confidence=round(draw.random(), 4)),
            )
            out.write(EVENT.encode(event) + b"\n")
