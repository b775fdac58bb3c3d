"""Told to end at any moment: workers, a service under capture, and the commands of a terminal."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from driftlog.logs import quiet_clients
from driftlog.testing.apache import ApacheKafka
from driftlog.testing.cluster import Broker
from driftlog.testing.embedded import EmbeddedBroker
from tests.chaos.ended_services import SERVICE_MOMENTS, end_service
from tests.chaos.ending_moments import MOMENTS, Frozen, Moment, Outage, Refusing, Stage
from tests.chaos.ingest_account import IngestAccount
from tests.chaos.interrupted_commands import COMMANDS, interrupt
from tests.chaos.row import Report, Row
from tests.chaos.started_command import started_command
from tests.e2e.deployment import Deployment, deployed
from tests.e2e.event_log import EventLog, writing
from tests.e2e.expected import expected, placeless
from tests.e2e.synthetic import SyntheticLog, references
from tests.e2e.told import Told

__all__ = ["ROW"]

_WITHIN_S: Final = 10.0
_SHORT_WITHIN_S: Final = 40.0  # beside other tests: that it ends by itself is told, not how fast
_SEED: Final = 20
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
# Before a worker has come to listen for signals it ends as any Python program does.
_EARLY: Final = {0, -signal.SIGTERM, -signal.SIGINT, 130}
_SHORT: Final = (
    "while it writes a checkpoint",
    "when the broker has gone",
)
_TIMES: Final = 3  # each moment, service and command, in the long form
_PANES: Final = 20  # of the log for each moment


async def run(report: Report, *, short: bool) -> None:
    """Tell everything to end, at moments drawn with a seed."""
    draw = Random(_SEED)
    within_s = _SHORT_WITHIN_S if short else _WITHIN_S
    with quiet_clients("aiokafka"), TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with _broker(short=short) as (broker, outage):
            for what, slowest in (
                ("worker", await _workers(report, broker, outage, folder, draw, short=short)),
                ("service", await _services(report, broker, outage, folder, draw, short=short)),
                ("command", await _commands(report, broker, folder, draw, short=short)),
            ):
                report.figure(f"slowest end of a {what} (s)", round(slowest, 1))
                report.hold(slowest <= within_s, f"each {what} is out within {within_s:.0f} s")


@contextmanager
def _broker(*, short: bool) -> Iterator[tuple[EmbeddedBroker | ApacheKafka, Outage]]:
    if short:
        with EmbeddedBroker() as embedded:
            yield embedded, Refusing(embedded)
    else:
        with ApacheKafka() as kafka:
            yield kafka, Frozen(kafka)


async def _workers(
    report: Report,
    broker: EmbeddedBroker | ApacheKafka,
    outage: Outage,
    folder: Path,
    draw: Random,
    *,
    short: bool,
) -> float:
    names = list(_SHORT) if short else [name for name in MOMENTS for _ in range(_TIMES)]
    if not short:
        draw.shuffle(names)
    log = SyntheticLog(panes=len(names) * (8 if short else _PANES) + 10)
    profiles = references()
    async with deployed(broker, folder, profiles) as deployment:
        account = IngestAccount(deployment.settings)
        slowest = 0.0
        async with writing(deployment.settings) as events:
            for at, name in enumerate(names):
                each = (log.panes - 10) // len(names)
                await events.write(log.records(at * each, (at + 1) * each))
                seconds = await _moment(report, name, deployment, outage, folder, draw)
                slowest = max(slowest, seconds)
                await account.note(name)
            await _rest(report, deployment, events, log, len(names) * each)
        told = deployment.told
        again = await account.read_again()
    for name, count in again:
        if MOMENTS[name].orderly:
            report.hold(count == 0, f"all that was read is committed: {name}")
    report.figure("moments at which a worker was told to end", len(names))
    report.figure(
        "events read again after an orderly end, and after any other",
        f"{sum(n for name, n in again if MOMENTS[name].orderly)}, "
        f"{sum(n for name, n in again if not MOMENTS[name].orderly)}",
    )
    report.figure("verdicts told again", told.repeated)
    if short:
        wanted = expected(log.punctual(), profiles, deployment.settings)
        same = {name: placeless(one) for name, one in told.decoded().items()} == {
            name: placeless(one) for name, one in wanted.verdicts.items()
        }
        report.hold(same, f"{len(wanted.verdicts)} verdicts equal those of the log in one go")
        return slowest
    undisturbed = await _undisturbed(broker, folder, log)
    report.hold(
        told.verdicts == undisturbed.verdicts and told.alerts == undisturbed.alerts,
        f"{len(undisturbed.verdicts)} verdicts and {len(undisturbed.alerts)} alerts equal those "
        "of an undisturbed run, byte for byte",
    )
    return slowest


async def _rest(
    report: Report, deployment: Deployment, events: EventLog, log: SyntheticLog, first_pane: int
) -> None:
    """Let one worker come to the end of the log, undisturbed."""
    await events.write(log.records(first_pane))
    await events.close(log.end_ms)
    worker = await deployment.start()
    await deployment.closed(log.end_ms)
    gauges = await worker.gauges()
    for what in ("late_idle", "lost", "state_discarded"):
        report.hold(gauges.total(f"driftlog_{what}_total") == 0, f"{what} is 0 in the end")
    await deployment.end(worker)


async def _undisturbed(
    broker: EmbeddedBroker | ApacheKafka, folder: Path, log: SyntheticLog
) -> Told:
    async with deployed(broker, folder, references()) as deployment:
        async with writing(deployment.settings) as events:
            await events.write(log.records())
            await events.close(log.end_ms)
        worker = await deployment.start()
        await deployment.closed(log.end_ms)
        await deployment.end(worker)
        return deployment.told


async def _moment(
    report: Report,
    name: str,
    deployment: Deployment,
    outage: Outage,
    folder: Path,
    draw: Random,
) -> float:
    """Start a worker, tell it to end at the moment, and look how it does."""
    moment: Moment = MOMENTS[name]
    number = draw.choice(_SIGNALS)
    if moment.away:
        outage.away()
    environment = {**deployment.environment, **(moment.environment or {})}
    log = folder / "moment.log"
    try:
        with started_command(["-m", "driftlog", "worker"], log, environment) as worker:
            await moment.tell(Stage(worker, deployment, outage, draw), number)
            code, seconds = await worker.ended()
            left = worker.others()
            said = worker.output
    finally:
        outage.back()
    report.say(f"{name}, {number.name}: out with {code} after {seconds:.1f} s")
    allowed = _EARLY if name == "while it starts" else {0}
    well = code in allowed and not left
    well = well and (name == "while it starts" or "Traceback" not in said)
    if not well:
        report.say(f"it said:\n{said[-6000:]}")
    report.hold(well, f"an orderly end, {name}: code {code}, {seconds:.1f} s")
    return seconds


async def _services(
    report: Report,
    broker: EmbeddedBroker | ApacheKafka,
    outage: Outage,
    folder: Path,
    draw: Random,
    *,
    short: bool,
) -> float:
    names = ["under load"] if short else [one for one in SERVICE_MOMENTS for _ in range(_TIMES)]
    logged = slowest = 0.0
    for name in names:
        ended = await end_service(
            name, broker, outage, folder, draw.choice(_SIGNALS), draw.uniform(0.5, 3.0)
        )
        report.say(f"service {name}: out with {ended.code} after {ended.seconds:.1f} s, {ended}")
        report.hold(
            ended.accounted and ended.code == 0,
            f"a service {name} accounts for each event",
        )
        logged += ended.logged
        slowest = max(slowest, ended.seconds)
    report.figure("ends of a service under capture", len(names))
    report.figure("events that it logged, each of them accounted for", int(logged))
    return slowest


async def _commands(
    report: Report, broker: Broker, folder: Path, draw: Random, *, short: bool
) -> float:
    names = ["scan"] if short else [one for one in COMMANDS for _ in range(_TIMES)]
    slowest = 0.0
    for name in names:
        code, seconds, said, left = await interrupt(name, broker, folder, draw)
        report.say(f"driftlog {name}: out with {code} after {seconds:.1f} s")
        well = code == 130 and "Traceback" not in said and not left
        if not well:
            report.say(f"it said:\n{said[-6000:]}\nleft: {left}")
        report.hold(well, f"driftlog {name} ends with 130 on Ctrl-C, quietly, leaving no process")
        slowest = max(slowest, seconds)
    report.figure("commands ended by Ctrl-C", len(names))
    return slowest


ROW: Final = Row(
    fault="SIGTERM and Ctrl-C at any moment, once and twice",
    dose=f"{len(MOMENTS) * _TIMES} ends of a worker at random moments of ten kinds (starting, "
    "joining, recovering, in a backlog, in a checkpoint, idle, broker frozen); a service under "
    "load with the broker there, frozen, or never there; `demo`, `replay` and `alerts tail` "
    "with and without their topics, `scan`",
    holds="out within 10 s; what was read is committed; the next worker's verdicts and alerts "
    "equal those of an undisturbed run; of a service sent + dropped + refused = logged; commands "
    "end with 130, without a traceback, and leave no process",
    run=run,
)
