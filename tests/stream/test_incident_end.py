"""How incidents end: by verdicts under a new reference, and never by silence."""

from __future__ import annotations

from driftlog.records import Alert, AlertStatus
from driftlog.settings import Settings
from stream.incidents import FORGET_WINDOWS, ModelIncidents
from tests.stream.incident_run import USUAL, apply, run, told
from tests.stream.verdict_factory import (
    DRIFT,
    INSUFFICIENT,
    MODEL,
    OK,
    PANE,
    PENDING,
    settings,
    states,
)

FIRING, UPDATED, RESOLVED = AlertStatus


def test_a_new_reference_ends_an_incident_when_it_has_looked_usual_for_long_enough() -> None:
    panes = [[states(i, {"x": DRIFT}, reference_id="old")] for i in range(3)]
    panes += [[states(i, {"x": INSUFFICIENT}, reference_id="new")] for i in range(3, 8)]
    panes += [[states(i, {"x": OK}, reference_id="new")] for i in range(8, 20)]
    alerts = run(panes, settings(resolve_panes=6))
    assert told(alerts) == [(FIRING, 0), (RESOLVED, 13)]


def test_a_drift_that_the_new_reference_sees_too_goes_on_as_the_same_incident() -> None:
    panes = [[states(i, {"x": DRIFT}, reference_id="old")] for i in range(3)]
    panes += [[states(i, {"x": INSUFFICIENT}, reference_id="new")] for i in range(3, 8)]
    panes += [[states(8, {"x": OK}, reference_id="new")]]
    panes += [[states(9, {"x": PENDING}, reference_id="new")]]
    panes += [[states(i, {"x": DRIFT}, reference_id="new")] for i in range(10, 20)]
    panes += [[states(20, {"x": OK}, reference_id="new")]]
    alerts = run(panes)
    assert [alerts[0].status, alerts[-1].status] == [FIRING, RESOLVED]
    assert len({a.alert_id for a in alerts}) == 1
    assert (alerts[0].reference_id, alerts[-1].reference_id) == ("old", "new")


def silent(state: ModelIncidents, chosen: Settings = USUAL) -> list[Alert]:
    """Let time pass, without any verdict, until there is nothing more to look at."""
    alerts = []
    while state.wake_ms:
        alerts += state.apply(state.wake_ms, [], chosen)
    return alerts


def test_silence_is_told_once_and_resolves_nothing() -> None:
    state = ModelIncidents(MODEL)
    (firing,) = apply(state, [states(0, {"x": DRIFT, "y": OK})])
    (stale,) = silent(state)
    assert (stale.status, stale.alert_id) == (UPDATED, firing.alert_id)
    assert stale.pane_end_ms == 11 * PANE  # a window after the last verdict
    assert (
        stale.title == "no more data to judge by, last seen: x up 10 → 11 (0.5 sd) (1 of 2 signals)"
    )
    assert stale.signals[0].state == "stale"
    assert (stale.severity, stale.decision) == (firing.severity, firing.decision)
    assert state.open == []  # and after long enough it is let go


def test_a_version_that_comes_back_in_time_goes_on_with_its_incident() -> None:
    state = ModelIncidents(MODEL)
    alerts = apply(state, [states(0, {"x": DRIFT})])
    alerts += state.apply(state.wake_ms, [], USUAL)
    alerts += apply(state, [states(20, {"x": DRIFT})])
    alerts += apply(state, [states(21, {"x": OK})])
    assert [a.status for a in alerts] == [FIRING, UPDATED, UPDATED, RESOLVED]
    assert len({a.alert_id for a in alerts}) == 1
    assert alerts[2].signals[0].state == "drift"


def test_a_silent_incident_is_let_go_after_a_time_that_the_log_alone_decides() -> None:
    state = ModelIncidents(MODEL)
    apply(state, [states(0, {"x": DRIFT})])
    end = (1 + FORGET_WINDOWS * USUAL.stream.window_panes) * PANE
    other = {"z": OK}
    state.apply(end - PANE, [states(end // PANE - 2, other, version="2")], USUAL)
    assert len(state.open) == 1
    state.apply(end, [states(end // PANE - 1, other, version="2")], USUAL)
    assert state.open == []
    assert state.shares.of == {}


def test_another_version_that_goes_on_does_not_speak_for_the_silent_one() -> None:
    panes = [[states(0, {"x": DRIFT}), states(0, {"x": DRIFT}, version="2")]]
    panes += [[states(i, {"x": DRIFT if i < 20 else OK}, version="2")] for i in range(1, 40)]
    alerts = run(panes)
    assert RESOLVED not in [a.status for a in alerts]
    assert alerts[-1].title.startswith("no more data")


def test_a_segment_without_rows_is_spoken_for_by_the_series_of_all_rows() -> None:
    both = [states(0, {"x": DRIFT}), states(0, {"x": DRIFT}, segment="JFK")]
    panes = [both] + [[states(i, {"x": DRIFT if i < 20 else OK})] for i in range(1, 40)]
    alerts = run(panes)
    assert (alerts[-1].status, alerts[-1].pane_end_ms) == (RESOLVED, 21 * PANE)
    states_told = {s.series: s.state for s in alerts[-1].signals}
    assert states_told == {"late@1/*": "ok", "late@1/JFK": "stale"}


def test_a_segment_that_alone_had_drifted_is_not_resolved_by_its_silence() -> None:
    both = [states(0, {"x": OK}), states(0, {"x": DRIFT}, segment="JFK")]
    alerts = run([both] + [[states(i, {"x": OK})] for i in range(1, 40)])
    assert [a.status for a in alerts] == [FIRING, UPDATED]


def test_a_signal_that_is_no_longer_watched_becomes_stale_while_its_series_goes_on() -> None:
    panes = [[states(0, {"x": DRIFT, "y": OK})]] + [[states(i, {"y": OK})] for i in range(1, 30)]
    alerts = run(panes)
    assert [a.status for a in alerts] == [FIRING, UPDATED]
    assert alerts[-1].signals[0].state == "stale"
