"""A service under load whose broker is dead or frozen answers as fast as one without capture."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from driftlog.testing.apache import ApacheKafka
from driftlog.testing.cluster import Broker
from driftlog.testing.embedded import EmbeddedBroker
from tests.chaos.row import Report, Row
from tests.chaos.started_command import started_command

__all__ = ["ROW"]

_RATE: Final = 1_000  # requests a second
_ROUNDS: Final = 10
_SECONDS: Final = 6.0  # of a measurement: the buffer fills, then overflows
_BUFFER: Final = 3_000  # events; of the usual 10,000 the overflow would take longer to come
_WARM: Final = 2.0  # seconds before; in their middle the broker goes
_PREFIX: Final = "latency."
_BOUND: Final = 1.05
# A round counts when the service without capture was quick: else it tells of other work of the
# machine. What is chosen by a small divisor makes ratios larger, never smaller.
_QUIET_MS: Final = 25.0  # p99
_MOST_TRIES: Final = 3  # times the rounds
# Of ten ratios the second smallest and second largest enclose the median of their distribution
# with 97.9 % (the sign test's interval), whatever that distribution is.
_RANK: Final = {10: 2}


@dataclass(frozen=True, slots=True)
class _Away:
    """A broker that can be taken away; and the one that a service is told of."""

    broker: Broker
    go: Callable[[], None]
    come: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Measured:
    """What a load found of a service, and the service's own account."""

    p50_ms: float
    p99_ms: float
    asked: int
    answered: int
    failed: int
    cpu_us: float  # of the service, a request
    logged: int
    sent: int
    dropped: int
    refused: int

    @property
    def accounted(self) -> bool:
        return self.sent + self.dropped + self.refused == self.logged


async def run(report: Report, *, short: bool) -> None:
    """Measure with and without capture in turn, and compare within each round."""
    rounds = 2 if short else _ROUNDS
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with TemporaryDirectory() as temporary, EmbeddedBroker() as dead, ApacheKafka() as frozen:
        folder = Path(temporary)
        for broker in (dead, frozen):
            for topic in ("events", "labels"):
                broker.create_topic(f"{_PREFIX}{topic}")
        frozen.freeze()
        ways = {
            "dead": _Away(dead, dead.broker_down, dead.broker_up),
            "frozen": _Away(frozen, frozen.freeze, frozen.thaw),
        }
        found: dict[str, list[tuple[_Measured, _Measured]]] = {name: [] for name in ways}
        disturbed = 0
        for number in range(rounds * _MOST_TRIES):
            for name, away in ways.items():
                if len(found[name]) == rounds:
                    continue
                turns: list[_Away | None] = [None, away]
                if number % 2:
                    turns.reverse()
                pair = {one is away: await _measure(one, folder) for one in turns}
                quiet = pair[False].failed == 0 and pair[False].p99_ms <= _QUIET_MS
                disturbed += not quiet
                if quiet:
                    found[name].append((pair[False], pair[True]))
                report.say(
                    f"round {number + 1}, {name}: p99 {pair[False].p99_ms:.2f} ms without, "
                    f"{pair[True].p99_ms:.2f} ms with capture, "
                    f"{'' if quiet else 'not '}counted; {pair[True]}"
                )
        frozen.thaw()
    report.figure("rounds measured anew, since the machine was busy without capture", disturbed)
    for name, pairs in found.items():
        report.hold(len(pairs) == rounds, f"broker {name}: {rounds} rounds on a quiet machine")
        if pairs:
            _judge(report, name, pairs)


def _judge(report: Report, name: str, pairs: list[tuple[_Measured, _Measured]]) -> None:
    ratios = sorted(with_.p99_ms / without.p99_ms for without, with_ in pairs)
    rank = _RANK.get(len(ratios), 1)
    low, high = ratios[rank - 1], ratios[-rank]
    report.figure(
        f"broker {name}: p99 with capture to p99 without, median of {len(ratios)} rounds "
        "(97.9 % interval by signs)",
        f"{statistics.median(ratios):.3f} ({low:.3f} to {high:.3f})",
    )
    report.figure(
        f"broker {name}: median p50, p99 without and with (ms)",
        ", ".join(
            f"{statistics.median(getattr(one[side], share) for one in pairs):.2f}"
            for share in ("p50_ms", "p99_ms")
            for side in (0, 1)
        ),
    )
    report.figure(
        f"broker {name}: processor time of the service without and with (us a request)",
        ", ".join(f"{statistics.median(one[side].cpu_us for one in pairs):.0f}" for side in (0, 1)),
    )
    captured = [with_ for _, with_ in pairs]
    report.figure(
        f"broker {name}: events logged, sent, dropped",
        ", ".join(
            str(sum(counts)) for counts in zip(
                *((one.logged, one.sent, one.dropped) for one in captured), strict=True
            )
        ),
    )  # fmt: skip
    report.hold(low <= _BOUND, f"broker {name}: the interval of p99's ratio reaches {_BOUND}")
    report.hold(
        all(one.accounted and one.dropped for one in captured),
        f"broker {name}: each event is sent or counted as dropped",
    )
    everything = [one for pair in pairs for one in pair]
    report.hold(
        all(one.failed == 0 and one.answered == one.asked for one in everything),
        f"broker {name}: each of the {sum(one.asked for one in everything)} requests is answered",
    )


async def _measure(away: _Away | None, folder: Path) -> _Measured:
    """Put a service under load, take its broker away, and measure from then on."""
    config: dict[str, str | int] = {}
    if away is not None:
        away.come()
        config = {"kafka": away.broker.bootstrap, "prefix": _PREFIX, "buffer": _BUFFER}
    arguments = ["-m", "tests.chaos.watched_service", json.dumps(config)]
    with started_command(arguments, folder / "service.log") as service:
        url = (await service.says("serving ")).split()[1]
        asking = ["-m", "tests.chaos.request_load", url]
        asking += ["--rate", str(_RATE), "--warm", str(_WARM), "--seconds", str(_SECONDS)]
        with started_command(asking, folder / "load.log") as load:
            await load.says("asking")
            await asyncio.sleep(_WARM / 2)
            if away is not None:
                away.go()
            await load.done()
            times = json.loads(load.output.splitlines()[-1])
        service.tell(signal.SIGTERM)
        await service.ended()
        account = json.loads(service.output.splitlines()[-1])
    return _Measured(
        p50_ms=times["p50_ms"],
        p99_ms=times["p99_ms"],
        asked=times["asked"],
        answered=times["answered"],
        failed=times["failed"],
        cpu_us=account["cpu_seconds"] * 1e6 / account["answered"],
        logged=account["logged"],
        sent=account.get("sent", 0),
        dropped=account.get("dropped", 0),
        refused=account.get("failed", 0),
    )


ROW: Final = Row(
    fault="capture under load with the broker dead or frozen",
    dose=f"{_RATE:,} requests a second; {_ROUNDS} alternating rounds of (without capture, with "
    "capture and the broker dead) and (without, with it frozen), each of "
    f"{_SECONDS:.0f} s in which the buffer fills and overflows",
    holds=f"p99 as without capture: the interval of the median ratio of the rounds' p99 reaches "
    f"{_BOUND} or less; each event is sent or counted as dropped",
    run=run,
)
