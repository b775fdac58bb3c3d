"""What pages show of the story in `samples`, at the moment it is told."""

from __future__ import annotations

import msgspec
import pytest

from api.console import links
from api.console.feed import events
from api.console.fleet import fleet
from api.console.history import History
from api.console.incident import incident, incidents
from api.console.known import Known, Watched
from api.console.model import model
from api.console.pipeline import pipeline
from api.console.signal import signal
from api.console.views import Fleet
from driftlog.records import AlertStatus
from driftlog.settings import ConsoleSettings, Settings
from tests.api.console.samples import (
    ALERT_ID,
    MODEL,
    NOW_MS,
    PANE_MS,
    START_MS,
    Sample,
    action,
    alert,
    known,
    marker,
    quiet,
    story,
    verdict,
)


def test_the_worst_model_comes_first_and_says_what_moved() -> None:
    view = fleet(known())
    assert [(row.model, row.state) for row in view.rows] == [(MODEL, "drift"), ("fares", "stale")]
    first = view.rows[0]
    assert first.words == "temp up 20 → 30.5 (2.1 sd)"
    assert (first.drifted, first.judged, first.signal) == (1, 5, "temp")
    assert first.since_ms == START_MS + 41 * PANE_MS
    assert (first.open_incidents, first.severity, first.decision) == (1, "critical", "INVESTIGATE")


def test_the_bar_is_the_worst_of_everything() -> None:
    bar = fleet(known()).bar
    assert bar.state == "drift"
    assert bar.words == "1 of 6 signals has drifted, in 1 of 2 models"
    assert bar.freshness.state == "live"
    assert bar.open_incidents == 1


@pytest.mark.parametrize(("late_s", "state"), [(1, "live"), (23, "live"), (25, "stale")])
def test_what_is_not_heard_of_within_two_panes_and_the_bound_is_stale(
    late_s: int, state: str
) -> None:
    last = START_MS + 60 * PANE_MS + 500
    view = fleet(known(now_ms=last + late_s * 1_000))
    assert view.bar.freshness.state == state
    assert view.rows[0].freshness.state == state


def test_quiet_models_turn_stale_and_not_green() -> None:
    def told(panes: int, later_ms: int = 0) -> Fleet:
        quiet = [one for one in story(panes) if b"fares" in one.key or b"marker" in one.key]
        return fleet(known(quiet, now_ms=START_MS + panes * PANE_MS + 1_000 + later_ms))

    assert [row.state for row in told(40).rows] == ["ok"]  # no rows for less than a window
    assert [row.state for row in told(60).rows] == ["stale"]
    view = told(40, 60_000)
    assert [row.state for row in view.rows] == ["stale"]
    assert view.bar.state == "stale"


def test_a_model_that_is_retired_while_it_drifts_is_stale_when_its_incident_is_over() -> None:
    goes_on = [verdict(pane, (quiet("x", pane),), model="other") for pane in range(60, 100)]
    markers = [marker(number, pane) for pane in range(60, 100) for number in range(2)]
    at = START_MS + 100 * PANE_MS + 1_000

    def told(*more: Sample) -> dict[str, str]:
        rows = fleet(known([*story(), *goes_on, *markers, *more], now_ms=at)).rows
        return {row.model: row.state for row in rows}

    assert told()[MODEL] == "drift"  # its incident is open
    over = alert(99, AlertStatus.RESOLVED, resolved_ms=at)
    assert told(over) == {MODEL: "stale", "fares": "stale", "other": "ok"}


def test_nothing_known_is_no_data() -> None:
    view = fleet(known([]))
    assert (view.bar.state, view.rows) == ("no data", ())
    assert view.bar.freshness.state == "no data"


def test_workers_that_live_without_any_model_learn() -> None:
    markers = [one for one in story() if one.key.startswith(b"marker")]
    assert fleet(known(markers)).bar.state == "learning"


def test_a_partition_that_falls_silent_is_named() -> None:
    without = [one for one in story() if one.key != b"marker 1" or one.at_ms < START_MS + 300_000]
    bar = fleet(known(without)).bar
    assert bar.freshness.state == "stale"
    assert bar.freshness.words.startswith("partition 1 of columns is silent")


def test_a_partition_that_nobody_holds_is_no_good_state() -> None:
    watched = Watched(
        told=True, ends={("driftlog.columns", 0): 10}, read_by={"driftlog.columns": "worker"}
    )
    quiet = [one for one in story(30) if b"fares" not in one.key]
    at = START_MS + 30 * PANE_MS + 1_000
    assert fleet(known(quiet, now_ms=at)).bar.state == "ok"
    assert fleet(known(quiet, now_ms=at, watched=watched)).bar.state == "unowned"
    shown = pipeline(known(quiet, now_ms=at, watched=watched)).partitions[0]
    assert (shown.state, shown.owner, shown.lag) == ("unowned", None, 10)


def test_the_fleet_is_filtered_and_paged() -> None:
    assert [row.model for row in fleet(known(), "FARES").rows] == ["fares"]
    assert fleet(known(), "nobody").total == 0
    assert fleet(known(), page=9).page == 1


def test_signals_are_ranked_by_state_and_then_by_how_far_they_are() -> None:
    view = model(known(), MODEL, "3")
    assert view is not None
    assert [row.signal for row in view.signals[:2]] == ["temp", "carrier"]
    assert [row.state for row in view.signals] == ["drift", "minor", "ok", "ok", "ok"]
    ratios = [row.ratio or 0 for row in view.signals[2:]]
    assert ratios == sorted(ratios, reverse=True)
    assert view.signals[0].type == "number"
    assert view.signals[0].smallest_sd == pytest.approx(0.145, abs=1e-3)
    assert len(view.signals[0].recent) == 60


def test_the_timeline_tells_since_when_and_leaves_gaps_where_nothing_was_judged() -> None:
    gap = [one for one in story() if not START_MS + 100_000 < one.at_ms < START_MS + 200_000]
    view = model(known(gap), MODEL, "3")
    assert view is not None
    runs = view.signals[0].timeline
    assert [run.state for run in runs] == ["ok", "ok", "pending", "drift"]
    assert runs[1].from_ms - runs[0].to_ms == 100_000
    assert runs[-1].from_ms == START_MS + 41 * PANE_MS


def test_a_signal_is_shown_with_its_scores_over_time() -> None:
    view = signal(known(), MODEL, "3", "*", "temp")
    assert view is not None
    assert len(view.points.pane_end_ms) == 60
    assert view.points.scores["page_hinkley"][-1] == 23.7 + 3.0 * 19
    assert set(view.points.thresholds["page_hinkley"]) == {23.7}
    assert view.detectors[0].detector == "psi"
    assert [mark.kind for mark in view.marks] == ["onset", "opened", "action"]
    assert view.samples_after == ("req-59",)
    assert view.advice.startswith("Look for what changed temp")
    assert view.runbook_link == "/runbooks/DriftIncidentCritical"


def test_versions_that_came_in_are_marked_and_those_there_at_first_are_not() -> None:
    came = [verdict(pane, (quiet("temp", pane),), version="4") for pane in range(30, 60)]
    records = sorted([*story(), *came], key=lambda one: one.at_ms)
    for view in (
        signal(known(records), MODEL, "3", "*", "temp"),
        model(known(records), MODEL, "4"),
    ):
        assert view is not None
        (mark,) = [mark for mark in view.marks if mark.kind == "deployment"]
        assert mark.words == "version 4 comes in"
        assert mark.ts_ms == START_MS + 30 * PANE_MS
        assert mark.link == f"/models/{MODEL}/4"


def test_the_bin_that_made_it_is_named() -> None:
    view = signal(known(), MODEL, "3", "*", "temp")
    assert view is not None
    assert view.bins_words == "68% of the change lies in 30 and more: 25% → 55% of rows"


def test_an_incident_has_its_course_and_what_people_did() -> None:
    view = incident(known(), ALERT_ID)
    assert view is not None
    assert [step.status for step in view.course] == ["firing", "updated"]
    assert [(one.action, one.by) for one in view.actions] == [("acknowledge", "ada")]
    assert view.incident.acknowledged_by == "ada"
    assert view.signals[0].link == f"/models/{MODEL}/3/*/signals/temp"


def test_a_silence_ends_by_the_clock_and_by_a_later_one() -> None:
    silence = action("silence", NOW_MS - 5_000, until_ms=NOW_MS + 5_000)
    during = incidents(known([*story(), silence])).rows[0]
    assert (during.silenced_until_ms, during.silenced_by) == (NOW_MS + 5_000, "ada")
    after = incidents(known([*story(), silence], now_ms=NOW_MS + 6_000)).rows[0]
    assert after.silenced_until_ms is None
    ended = action("silence", NOW_MS - 1_000, until_ms=NOW_MS - 1_000)
    assert incidents(known([*story(), silence, ended])).rows[0].silenced_until_ms is None


def test_the_feed_tells_the_newest_first() -> None:
    rows = events(known()).rows
    assert [row.kind for row in rows] == ["acknowledge", "firing", "reference", "reference"]
    assert rows[1].correlation_ids == ("req-9a02", "req-9a07")
    assert len({row.id for row in rows}) == len(rows)


def test_what_is_unknown_has_no_view() -> None:
    assert model(known(), "nobody", "1") is None
    assert signal(known(), MODEL, "3", "*", "nothing") is None
    assert incident(known(), "0000") is None


def test_every_view_is_json() -> None:
    told = known()
    for view in (
        fleet(told),
        model(told, MODEL, "3"),
        signal(told, MODEL, "3", "*", "temp"),
        incidents(told),
        incident(told, ALERT_ID),
        pipeline(told),
        events(told),
    ):
        assert msgspec.json.decode(msgspec.json.encode(view), type=type(view)) == view


def test_damaged_records_are_counted_and_passed_over() -> None:
    history = History(ConsoleSettings())
    for topic in ("verdicts", "alerts", "actions", "references"):
        history.take(topic, b"key", b"{]", 0)
    assert history.counts == {"records": 4, "damaged": 4}
    told = Known(history, NOW_MS, Settings())
    assert pipeline(told).damaged == 4
    assert links.api(pipeline(told).link) == pipeline(told).api_link
