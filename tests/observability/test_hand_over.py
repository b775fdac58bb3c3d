"""Two workers on a real Apache Kafka, one of which is killed while a signal is in drift.

A real Prometheus looks every second. While the other worker takes over, no recorded value may be
doubled or drop to zero, and no alert of a drift may resolve.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import orjson
import pytest

from driftlog.records import ReferenceProfile, SignalState
from driftlog.testing.cluster import KafkaCluster
from driftlog.testing.events import EventFactory
from tests.e2e.deployment import deployed
from tests.e2e.event_log import EventLog, writing
from tests.e2e.synthetic import NAMES, PARTITIONS, references
from tests.e2e.test_two_workers import shared
from tests.e2e.waiting import eventually
from tests.e2e.worker_process import WorkerProcess
from tests.observability.prometheus_process import Prometheus, Sample, prometheus

MODEL: Final = 'model="flight-delay", version="2", segment="*"'
SIGNAL: Final = f'{MODEL}, signal="distance"'
STATE: Final = f"signal:driftlog_state:current{{{SIGNAL}}}"
OWNER: Final = f"signal_instance:driftlog_owner:current{{{SIGNAL}}}"
FIRING: Final = 'ALERTS{alertname=~"SignalDrift|DriftIncident.+", alertstate="firing"}'
_STEP_MS: Final = 50  # between two events of a model
_DRIFTING: Final = NAMES[1]
WINDOW: Final = 60  # panes of a second; a slow machine may stand still for some of them
BATCH_S: Final = 0.2
WINDOW_ROWS: Final = WINDOW * 1000 // _STEP_MS  # of a model


@asynccontextmanager
async def traffic(events: EventLog) -> AsyncIterator[None]:
    """Write events of all models as time goes by; one signal of one version has drifted."""
    made = [EventFactory(*name, seed=9, step_ms=_STEP_MS) for name in NAMES]

    async def write() -> None:
        due_ms = int(time.time() * 1000)
        for number in range(1_000_000):
            await asyncio.sleep(BATCH_S)
            rows: list[tuple[int, bytes | None]] = []
            while due_ms <= time.time() * 1000:
                # By the plan and not by the clock: who writes late writes no less.
                for name, factory in zip(NAMES, made, strict=True):
                    event = factory.event(ts_ms=due_ms)
                    if name == _DRIFTING:
                        event["inputs"]["distance"] += 400.0
                    partition = (number + len(rows)) % PARTITIONS
                    rows.append((partition, orjson.dumps(event)))
                due_ms += _STEP_MS
            await events.write(rows)

    writing_on = asyncio.create_task(write())
    try:
        yield
    finally:
        writing_on.cancel()
        with suppress(asyncio.CancelledError):
            await writing_on


@pytest.fixture
def usual() -> list[ReferenceProfile]:
    return references(step_ms=_STEP_MS)


@pytest.mark.kafka
@pytest.mark.prometheus
async def test_a_hand_over_doubles_nothing_drops_nothing_to_zero_and_resolves_no_drift(
    driftlog_kafka: KafkaCluster, tmp_path: Path, usual: list[ReferenceProfile]
) -> None:
    async with (
        deployed(
            driftlog_kafka,
            tmp_path,
            usual,
            DETECTION_EXPECTED_RATE="20",
            STREAM_WINDOW_PANES=str(WINDOW),
            WORKER_SESSION_TIMEOUT="8s",  # one that stands still for a while is not dead
        ) as deployment,
        writing(deployment.settings) as events,
        prometheus(tmp_path, {}) as server,
    ):
        first = await deployment.start()
        server.watch("driftlog", [address(first)])
        async with traffic(events):
            await eventually(lambda: drifts(server), "a drift, and its alerts")
            start = time.time()
            fired = {name(one) for one in await server.now(FIRING)}

            second = await deployment.start()
            server.watch("driftlog", [address(first), address(second)])
            await shared([first, second])
            # Both of them tell of some signals now, and the moved ones were handed over.
            joined = time.time()
            await eventually(lambda: judged(server, joined, 2), "two owners")

            (owner,) = await server.now(OWNER)
            killed = next(w for w in (first, second) if address(w) == owner.labels["instance"])
            assert await deployment.end(killed, signal.SIGKILL) == -signal.SIGKILL
            ended = time.time()
            await eventually(lambda: judged(server, ended, 1), "a new owner")
            end = time.time()

        (owner,) = await server.now(OWNER)
        assert owner.labels["instance"] != address(killed)
        await nothing_lied(server, start, end)
        await nothing_resolved(server, fired, start, end)


async def drifts(server: Prometheus) -> bool:
    """Whether the drift is told by state, incident, share and alerts."""
    state = await server.now(STATE)
    firing = {one.labels["alertname"] for one in await server.now(FIRING)}
    return (
        bool(state)
        and state[0].values[0][1] == SignalState.DRIFT.code
        and "SignalDrift" in firing
        and any(one.startswith("DriftIncident") for one in firing)
    )


async def judged(server: Prometheus, since: float, owners: int) -> bool:
    """Whether so many workers own signals, and every signal was judged since a time."""
    held = await server.now("count(count by (instance) (signal_instance:driftlog_owner:current))")
    oldest = await server.now("min(signal:driftlog_evaluation_timestamp_seconds:current)")
    nobody = await server.now(
        "driftlog_configured_signal "
        "unless on (model, version, signal) signal:driftlog_state:current"
    )
    return (
        bool(held and oldest and not nobody)
        and held[0].values[0][1] == owners
        and oldest[0].values[0][1] > since
    )


async def nothing_lied(server: Prometheus, start: float, end: float) -> None:
    """Assert what is recorded of the drift at every second; where nobody told there is nothing."""

    async def course(expr: str) -> list[float]:
        (found,) = await server.over(expr, start, end, 1.0)
        return [value for _, value in found.values]

    assert set(await course(STATE)) == {SignalState.DRIFT.code}
    share = await course(f"series:driftlog_drift_share:current{{{MODEL}}}")
    assert 0 < min(share) <= max(share) <= 1
    incidents = 'sum(model:driftlog_open_incidents:current{model="flight-delay"})'
    assert set(await course(incidents)) == {1}, "one incident, told once"
    decision = await course('model:driftlog_decision:current{model="flight-delay"}')
    assert set(decision) == {0}, "one signal of ten is no reason to act"
    assert max(await course("max(signal:driftlog_rows:current)")) < 2 * WINDOW_ROWS
    assert min(await course("min(signal:driftlog_rows:current)")) > 0
    assert min(await course("min(signal:driftlog_threshold:current)")) > 0
    per_signal = "max(count by (model, version, segment, signal) (signal:driftlog_state:current))"
    assert set(await course(per_signal)) == {1}


async def nothing_resolved(server: Prometheus, fired: set[str], start: float, end: float) -> None:
    """Assert that each alert that fired at first fires at every second."""
    seconds = len(range(int(end - start) + 1))
    courses = {name(one): one.values for one in await server.over(FIRING, start, end, 1.0)}
    assert fired <= set(courses)
    for alert in fired:
        assert len(courses[alert]) == seconds, f"{alert} was not firing all the while"


def address(worker: WorkerProcess) -> str:
    """Return host and port as a label ``instance`` has them."""
    return worker.url.removeprefix("http://")


def name(alert: Sample) -> str:
    """Return an alert's labels as one text."""
    return " ".join(f"{key}={value}" for key, value in sorted(alert.labels.items()))
