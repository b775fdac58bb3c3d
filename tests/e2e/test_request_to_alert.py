"""A request goes in over HTTP; an alert comes out on the topic, and gauges on ``/metrics``."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from api.flights import months
from api.model import FlightModel, Parameters, train
from api.service import create_app
from demo.flights import quiet_rows, reference
from driftlog.capture import Capture
from driftlog.records import EVENT, Alert, AlertStatus, Decision, SignalState
from driftlog.serving import running
from driftlog.settings import Settings
from driftlog.testing.cluster import Broker
from stream.topic_end import read_to_end, reader
from tests.e2e.deployment import Deployment, deployed
from tests.e2e.requests import Requests
from tests.e2e.waiting import eventually
from tests.e2e.worker_process import WorkerProcess

RATE = 120.0  # flights a second over four partitions
PANE_MS = LATENESS_MS = 1_000


@pytest.fixture(scope="module")
def model() -> FlightModel:
    return train(months(1, 2), Parameters(trees=5, leaf=50, rows=4_000))


async def test_a_shift_in_the_requests_is_told_and_its_end_too(
    broker: Broker, tmp_path: Path, model: FlightModel
) -> None:
    profile = reference(model, RATE)
    flights = [row.event.inputs for row in quiet_rows(model)]
    async with deployed(
        broker, tmp_path, [profile], MODELS_SHARD_SIGNALS="100", DETECTION_EXPECTED_RATE=str(RATE)
    ) as deployment:
        told = deployment.told
        worker = await deployment.start()
        capture = Capture(deployment.settings, model=model.name, version=model.version)
        async with (
            capture,
            running(create_app(model, capture)) as service,
            Requests(service, flights, RATE) as requests,
        ):
            requests.phase("quiet")
            await told.until(lambda: len(told.verdicts) >= 8, "eight quiet panes")
            assert not told.alerts, "quiet traffic opens no incident"
            assert (await worker.gauges()).total("driftlog_state") > 0

            requests.phase("warm", warmer=40.0)
            await told.until(lambda: bool(told.alerts), "an alert")
            await gauges_show_it(worker, model)

            requests.phase("back")
            await told.until(
                lambda: bool(told.all_alerts(AlertStatus.RESOLVED)), "the end of the incident"
            )
        assert not requests.refused
        assert capture.counts.dropped == 0
        firing, *more = told.all_alerts(AlertStatus.FIRING)
        assert not more, "one drift is one incident"
        rows = await events_of(deployment.settings)
        alert_says_what_was_done(firing, requests, rows, model)
        told_soon_enough(deployment, firing, rows)
        (resolved,) = told.all_alerts(AlertStatus.RESOLVED)
        assert resolved.alert_id == firing.alert_id
        assert resolved.resolved_ms == resolved.pane_end_ms > requests.began_ms["back"]


async def gauges_show_it(worker: WorkerProcess, model: FlightModel) -> None:
    """Wait until the gauges of ``temp`` tell of its drift."""
    series = {"model": model.name, "version": model.version, "segment": "*"}

    async def drifting() -> bool:
        gauges = await worker.gauges()
        scores = {
            labels["detector"]: value
            for labels, value in gauges.all("driftlog_score", **series, signal="temp")
        }
        limits = {
            labels["detector"]: value
            for labels, value in gauges.all("driftlog_threshold", **series, signal="temp")
        }
        return (
            gauges.one("driftlog_state", **series, signal="temp") == SignalState.DRIFT.code == 5
            and any(scores[name] > limit for name, limit in limits.items())
            and (gauges.one("driftlog_drift_share", **series) or 0.0) > 0
            and gauges.total("driftlog_open_incidents", model=model.name) == 1
        )

    await eventually(drifting, "gauges of the drift")


Rows = dict[tuple[int, int], Any]  # partition and offset -> record and event


async def events_of(settings: Settings) -> Rows:
    """Return all events with the time at which their records were written."""
    found = {}
    async with reader(settings.kafka, f"{settings.kafka.prefix}events") as consumer:
        async for _, records in read_to_end(consumer):
            for record in records:
                found[record.partition, record.offset] = (record, EVENT.decode(record.value))
    return found


def alert_says_what_was_done(
    alert: Alert, requests: Requests, rows: Rows, model: FlightModel
) -> None:
    """Assert every part of the first record of the incident."""
    shifted_ms = requests.began_ms["warm"]
    worst = alert.signals[0]
    assert worst.signal == "temp"
    assert worst.direction == 1
    assert (alert.model, alert.versions) == (model.name, (model.version,))
    assert worst.scores[worst.detector].score > worst.scores[worst.detector].threshold
    assert worst.before is not None
    assert worst.after is not None
    assert worst.before.mean is not None
    assert worst.after.mean is not None
    assert worst.after.mean - worst.before.mean > 10.0
    assert worst.effect_sd > 0.5
    # The change point is estimated; of so large a shift it is found to a few rows.
    assert abs(alert.onset.ts_ms - shifted_ms) < PANE_MS
    assert shifted_ms < alert.opened_ms <= alert.pane_end_ms
    assert alert.window_ms[0] < shifted_ms < alert.window_ms[1] == alert.pane_end_ms
    _, first = rows[worst.onset.partition, worst.onset.offset]
    assert first.ts_ms == worst.onset.ts_ms
    assert alert.samples_before
    assert alert.samples_after
    assert set(alert.samples_before) <= set(requests.sent["quiet"])
    assert set(alert.samples_after) <= set(requests.sent["warm"])
    for partition, (low, high) in alert.offsets.items():
        times = [rows[int(partition), offset][1].ts_ms for offset in (low, high)]
        assert all(shifted_ms - 2 * PANE_MS <= at < alert.pane_end_ms for at in times)
    assert alert.decision in Decision
    assert 0 < alert.because.drift_share <= 1
    wanted = (
        alert.because.drift_share >= 0.2
        or alert.because.output_drifted
        or alert.because.rule == "joint_drifted"
    )
    assert (alert.decision is not Decision.NO_ACTION) == wanted


def told_soon_enough(deployment: Deployment, alert: Alert, rows: Rows) -> None:
    """Assert the bound on the delay that the design gives, by the times on the topics."""
    told = deployment.told
    drifting = [
        verdict.pane_end_ms
        for verdict in told.decoded().values()
        if any(one.state is SignalState.DRIFT for one in verdict.signals)
    ]
    assert alert.pane_end_ms == min(drifting), "the first pane that satisfies the pending rule"
    written: defaultdict[int, list[int]] = defaultdict(list)
    partitions: Counter[int] = Counter()
    for (partition, _), (record, event) in rows.items():
        end = event.ts_ms - event.ts_ms % PANE_MS + PANE_MS
        written[end].append(record.timestamp)
        partitions[partition] += 1
    seconds = len(written)
    assert min(partitions.values()) / seconds >= 20, "events a second and partition"
    delay_ms = told.first_ms(alert) - max(written[alert.pane_end_ms])
    print(f"alert {delay_ms} ms after the last row of its pane")
    assert 0 <= delay_ms < PANE_MS + LATENESS_MS + 2_000
