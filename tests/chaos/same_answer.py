"""Whether what a disturbed fleet has told is what an undisturbed worker tells of the same log."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from driftlog.records import SignalState
from driftlog.testing.cluster import Broker
from stream.verify import verify
from tests.chaos.fleet import PATIENCE, Fleet
from tests.chaos.row import Report
from tests.chaos.sightings import COUNTERS, OWNED
from tests.e2e.deployment import Deployment, deployed
from tests.e2e.gauges import Gauges

__all__ = ["same_answer"]


async def same_answer(
    report: Report, broker: Broker, fleet: Fleet, *, verified: bool = True
) -> None:
    """Hold a fleet that has finished against one worker that reads the same log in peace.

    Verdicts and alerts must be equal byte for byte, once each; the gauges must be those of the
    undisturbed worker, each told by one worker; what `driftlog verify` finds when it reads
    ``columns`` and ``events`` again must be nothing.

    Args:
        report: told of it all.
        broker: where the fleet is.
        fleet: after `Fleet.finish`, workers running.
        verified: whether to run `driftlog verify` too, which takes as long again.
    """
    told, sightings = fleet.deployment.told, fleet.sightings
    gauges = await sightings.scrape()
    report.figure("events", fleet.written)
    report.figure("verdicts", len(told.verdicts))
    report.figure("verdicts told again", told.repeated)
    report.figure("alerts", len(told.alerts))
    if sightings.spells:
        spells = sorted(sightings.spells)
        report.figure(
            "seconds with a partition unattended, median and longest",
            f"{statistics.median(spells):.1f} and {spells[-1]:.1f}",
        )
    for name in COUNTERS:
        report.hold(sightings.counted[name] == 0, f"{name} is 0")
    report.hold(
        not sightings.twice,
        f"no gauge is told by two workers at once, in {sightings.scrapes} looks at all of them"
        + (f": {dict(sightings.twice)}" if sightings.twice else ""),
    )
    # The same log, another prefix: a worker that never heard of the others.
    settings = {
        **fleet.deployment.overrides,
        "KAFKA_EVENTS_TOPIC": f"{fleet.deployment.settings.kafka.prefix}events",
    }
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="driftlog-chaos-") as folder:
        profiles = fleet.log.references()
        async with deployed(broker, Path(folder), profiles, **settings) as alone:
            worker = await alone.start()
            await alone.closed(fleet.log.end_ms, PATIENCE)
            report.say(f"an undisturbed worker took {time.monotonic() - began:.0f} s")
            _equal(report, "verdicts", told.verdicts, alone.told.verdicts)
            _equal(report, "alerts", told.alerts, alone.told.alerts)
            report.hold(len(alone.told.alerts) >= 2, "there were alerts to compare")
            _same_gauges(report, gauges, await worker.gauges())
            await alone.end(worker)
    if verified:
        await _verified(report, fleet.deployment)


def _equal(
    report: Report, what: str, ours: Mapping[Any, bytes], theirs: Mapping[Any, bytes]
) -> None:
    missing = sorted(theirs.keys() - ours.keys())
    more = sorted(ours.keys() - theirs.keys())
    differ = sorted(name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name])
    report.hold(
        not (missing or more or differ),
        f"{what} equal those of an undisturbed worker byte for byte",
    )
    for kind, names in (("missing", missing), ("too many", more), ("different", differ)):
        if names:
            report.say(f"{len(names)} {what} {kind}, the first {names[0]}")
    for name in differ[:1]:
        report.say(f"ours:   {ours[name]!r}")
        report.say(f"theirs: {theirs[name]!r}")


def _same_gauges(report: Report, ours: list[Gauges], theirs: Gauges) -> None:
    for name in OWNED:
        mine, other = _told(ours, name), _told([theirs], name)
        if name == "driftlog_state":  # where a log ends, a series is stale by the clock of scrapes
            mine = [one for one in mine if one[1] != SignalState.STALE.code]
        wrong = sorted(one for one in mine if one not in other)
        # A series that was taken over after its last pane has no gauges until the next one.
        report.say(f"{name}: {len(mine)} told of {len(other)}")
        report.hold(
            bool(other) and not wrong,
            f"every {name} is as undisturbed" + "".join(f"; {one}" for one in wrong[:1]),
        )


def _told(found: list[Gauges], name: str) -> list[tuple[list[tuple[str, str]], float]]:
    return [(sorted(labels.items()), value) for one in found for labels, value in one.all(name)]


async def _verified(report: Report, deployment: Deployment) -> None:
    wanted = len(deployment.told.verdicts) + len(deployment.told.alerts)
    for source in ("columns", "events"):
        began = time.monotonic()
        found = await verify(deployment.settings, source)
        report.say(f"driftlog verify of {source} took {time.monotonic() - began:.0f} s")
        report.hold(
            found.same == wanted and not found.differences and not found.doubts,
            f"driftlog verify tells the same again from {source}"
            + "".join(f"; {one}" for one in found.differences[:3] + found.doubts),
        )
