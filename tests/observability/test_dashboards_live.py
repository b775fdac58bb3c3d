"""A real Prometheus scrapes a real worker and the example service while the data drift.

Every panel, variable and annotation of every dashboard must be answered, and what ought to move
must have moved.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from api.flights import months
from api.model import FlightModel, Parameters, train
from api.service import create_app
from demo.flights import quiet_rows, reference
from driftlog.capture import Capture
from driftlog.records import Decision, SignalState
from driftlog.serving import running
from driftlog.testing.embedded import EmbeddedBroker
from driftlog.testing.events import EventFactory
from tests.e2e.deployment import deployed
from tests.e2e.event_log import writing
from tests.e2e.requests import Requests
from tests.e2e.waiting import eventually
from tests.observability.board_check import BoardCheck
from tests.observability.boards import BOARDS, panels
from tests.observability.prometheus_process import Prometheus, prometheus

RATE = 120.0  # flights a second
PATIENCE_S = 120.0  # for what follows from the drift: rules, scrapes, panes


@pytest.fixture(scope="module")
def model() -> FlightModel:
    return train(months(1, 2), Parameters(trees=5, leaf=50, rows=4_000))


def address(url: str) -> str:
    return url.removeprefix("http://")


@pytest.mark.prometheus
async def test_every_question_of_the_dashboards_is_answered_while_the_data_drift(
    driftlog_broker: EmbeddedBroker, tmp_path: Path, model: FlightModel
) -> None:
    profile = reference(model, RATE)
    flights = [row.event.inputs for row in quiet_rows(model)]
    start = time.time()
    async with deployed(
        driftlog_broker,
        tmp_path,
        [profile],
        MODELS_SHARD_SIGNALS="100",
        DETECTION_EXPECTED_RATE=str(RATE),
    ) as deployment:
        told = deployment.told
        worker = await deployment.start()
        capture = Capture(deployment.settings, model=model.name, version=model.version)
        async with (
            capture,
            running(create_app(model, capture)) as service,
            prometheus(
                tmp_path, {"driftlog": [address(worker.url)], "service": [address(service)]}
            ) as server,
            writing(deployment.settings) as events,
            writing(deployment.settings, "columns") as columns,
            Requests(service, flights, RATE) as requests,
        ):
            requests.phase("quiet")
            await told.until(lambda: len(told.verdicts) >= 8, "eight quiet panes")

            async def quiet() -> bool:
                ratio = 'max(signal:driftlog_score_ratio:current{signal="temp"})'
                found = await server.now(ratio)
                return bool(found) and found[0].values[0][1] < 1

            await eventually(quiet, "a ratio below 1 in Prometheus")
            # A version that is not known yet, for the learning; and a record that is none.
            unknown = EventFactory("unknown", "1", start_ms=int(time.time() * 1000), step_ms=1)
            await events.write([(0, unknown.json()) for _ in range(50)])
            await columns.write([(0, b"no Arrow stream")])

            requests.phase("warm", warmer=40.0)
            await told.until(lambda: bool(told.alerts), "an alert")
            wanted = {"model": model.name, "version": model.version, "segment": "*"}
            check = BoardCheck(server, start, wanted | {"signal": "temp"})
            for name in BOARDS:
                await answered(check, name)
            await eventually(lambda: moved(server, check), "what ought to move", PATIENCE_S)
            await exemplars_lead_to_requests(server, check, start, requests)
        assert not requests.refused


async def answered(check: BoardCheck, name: str) -> None:
    """Wait until a dashboard is answered in all its parts; say what is not."""
    complaints = ["not asked yet"]

    async def all_of_it() -> bool:
        complaints[:] = await check.complaints(BOARDS[name])
        return not complaints

    try:
        await eventually(all_of_it, f"answers to all of {name}", PATIENCE_S)
    except AssertionError as exc:
        raise AssertionError("\n".join(complaints)) from exc


async def moved(server: Prometheus, check: BoardCheck) -> bool:
    """Whether the drift that was injected is seen where somebody would look for it."""
    for board in BOARDS.values():
        await check.complaints(board)

    def highest(title: str, letter: str = "A", **labels: str) -> float:
        return max(
            value
            for one in check.answers[title, letter]
            if labels.items() <= one.labels.items()
            for _, value in one.values
        )

    def lowest(title: str, **labels: str) -> float:
        return min(
            value
            for one in check.answers[title, "A"]
            if labels.items() <= one.labels.items()
            for _, value in one.values
        )

    ratio = "Score against threshold"
    return (
        highest(ratio) > 1 > lowest(ratio)
        and highest("State of each signal", signal="temp") == SignalState.DRIFT.code
        and lowest("State of each signal", signal="temp") < SignalState.PENDING.code
        and highest("State of each model") == SignalState.DRIFT.code
        and highest("Decision") >= list(Decision).index(Decision.INVESTIGATE)
        and highest("Signals in drift") >= 1
        and highest("Worst ratio") > 1
        and highest("Models, worst first") > 1
        and highest("Ten worst signals", signal="temp") > 1
        and highest("Open incidents") >= 1
        and highest("Drifted share") > 0
        and highest("Shift of the mean") > 0.5
        and highest("Events read") > 0
        and highest("Rate") > 0
        and highest("Predictions a day") > 0
        and highest("Workers up") == 1
        and highest("Judged by nobody") == 0
        and highest("Judged twice") == 0
        and highest("What should not be", stage="monitor", why="damaged") > 0
    )


async def exemplars_lead_to_requests(
    server: Prometheus, check: BoardCheck, start: float, requests: Requests
) -> None:
    """Assert that panels with exemplars show ids of requests that were sent."""
    sent = {own_id for ids in requests.sent.values() for own_id in ids}
    shown = 0
    for board in BOARDS.values():
        await check.complaints(board)  # chooses its variables
        for panel in panels(board):
            for target in panel["targets"]:
                if target.get("exemplar"):
                    (inside,) = re.findall(r"rate\((.*)\[", target["expr"])
                    labels = await server.exemplars(check.expanded(inside), start, time.time())
                    ids = {one["correlation_id"] for one in labels}
                    assert ids & sent, f"{panel['title']}: {ids}"
                    shown += 1
    assert shown == 3
