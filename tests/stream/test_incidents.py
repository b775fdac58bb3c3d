"""What becomes of drifted signals: one incident, its updates, its end."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.records import (
    ALERT,
    AlertStatus,
    Decision,
    Severity,
    SignalState,
    Verdict,
)
from stream.incident_state import dump_incidents
from stream.incidents import MAX_MEMBERS, MAX_SEGMENT_MEMBERS, ModelIncidents
from tests.stream.incident_run import USUAL, apply, run, told
from tests.stream.verdict_factory import (
    DRIFT,
    INSUFFICIENT,
    MINOR,
    MODEL,
    OK,
    PANE,
    PENDING,
    settings,
    signal,
    states,
    verdict,
)

UNTIMED = hypothesis.settings(deadline=None, max_examples=15)
FIRING, UPDATED, RESOLVED = AlertStatus


def test_a_drift_fires_once_and_resolves_once() -> None:
    course = [OK, PENDING, DRIFT, DRIFT, DRIFT, OK, OK]
    alerts = run([states(i, {"x": s, "y": OK})] for i, s in enumerate(course))
    assert [(a.status, a.pane_end_ms // PANE - 1) for a in alerts] == [(FIRING, 2), (RESOLVED, 5)]
    assert alerts[0].alert_id == alerts[1].alert_id
    assert alerts[1].resolved_ms == 6 * PANE
    assert alerts[0].resolved_ms is None


def test_an_alert_says_what_since_when_and_how_bad() -> None:
    drifted = signal("x", DRIFT, pane=40, onset=37, sd=2.0)
    (alert,) = run([[verdict(40, [drifted, signal("y")])]])
    assert alert.title == "x up 10 → 14 (2.0 sd) (1 of 2 signals)"
    assert alert.onset.ts_ms == 37 * PANE
    assert alert.signals[0].detector == "psi"
    assert alert.signals[0].scores == drifted.scores
    assert alert.window_ms == (31 * PANE, 41 * PANE)
    assert alert.offsets == {"0": (37 * PANE - 5, 40 * PANE + 19)}
    assert (alert.samples_before, alert.samples_after) == (("before-40",), ("after-40",))
    assert (alert.decision, alert.because.drift_share) == (Decision.RETRAIN, 0.5)
    assert alert.severity is Severity.CRITICAL
    assert (alert.reference_id, alert.config, alert.versions) == ("ref", "conf", ("1",))


def test_a_drift_in_fifty_segments_is_one_incident() -> None:
    panes = [
        [
            states(pane, {"x": OK if pane < at % 7 else DRIFT, "y": OK}, segment=f"s{at:02d}")
            for at in range(50)
        ]
        for pane in range(10)
    ]
    alerts = run(panes)
    assert {a.alert_id for a in alerts} == {alerts[0].alert_id}
    assert [a.status for a in alerts] == [FIRING, UPDATED]
    assert len(alerts[-1].series) == 50


def test_drifts_that_begin_together_are_one_incident_and_an_unrelated_later_one_is_another() -> (
    None
):
    reach = USUAL.detection.group_panes
    late = 2 * reach
    together = [signal("x", DRIFT, pane=9, onset=5), signal("y", DRIFT, pane=9, onset=5 + reach)]
    later = signal("z", DRIFT, pane=late, onset=late)
    alerts = run([[verdict(9, together)], [verdict(late, [*together, later])]])
    assert [a.status for a in alerts if a.pane_end_ms == (late + 1) * PANE][-1] is FIRING
    assert len({a.alert_id for a in alerts}) == 2
    assert alerts[0].onset.ts_ms == 5 * PANE


def test_two_drifts_found_at_one_pane_that_began_far_apart_are_two_incidents() -> None:
    reach = USUAL.detection.group_panes
    slow, sudden = signal("x", DRIFT, onset=0), signal("y", DRIFT, onset=reach + 1)
    alerts = run([[verdict(reach + 3, [slow, sudden])]])
    assert [a.status for a in alerts] == [FIRING, FIRING]
    assert len({a.alert_id for a in alerts}) == 2


def test_the_same_signal_joins_its_incident_however_late() -> None:
    panes = [[states(0, {"x": DRIFT})]]
    panes += [[states(i, {"x": DRIFT})] for i in range(1, 200)]
    panes += [[states(200, {"x": DRIFT}), states(200, {"x": DRIFT}, version="2")]]
    alerts = run(panes)
    assert len({a.alert_id for a in alerts}) == 1
    assert alerts[-1].versions == ("1", "2")


def test_an_id_is_a_hash_of_model_configuration_opening_pane_and_signals() -> None:
    def first(**more: str) -> str:
        return run([[states(3, {"x": DRIFT}, **more)]])[0].alert_id

    assert first() == first() == first(reference_id="another")
    others = {
        first(config="other"),
        first(segment="JFK"),
        first(version="2"),
        run([[states(4, {"x": DRIFT})]])[0].alert_id,
        run([[states(3, {"y": DRIFT})]])[0].alert_id,
        run([[states(3, {"x": DRIFT, "y": DRIFT})]])[0].alert_id,
        ModelIncidents("b")
        .apply(4 * PANE, [states(3, {"x": DRIFT}, model="b")], USUAL)[0]
        .alert_id,
    }
    assert len(others) == 7
    assert first() not in others


@UNTIMED
@given(st.permutations(range(12)))
def test_the_order_of_the_verdicts_of_a_pane_makes_no_difference(order: list[int]) -> None:
    verdicts = [
        states(5, {"x": DRIFT, "y": OK}, version=v, segment=s, shard=shard, shards=2)
        for v in "12"
        for s in ("*", "JFK", "LGA")
        for shard in (0, 1)
    ]
    expected = [ALERT.encode(a) for a in run([verdicts])]
    assert [ALERT.encode(a) for a in run([[verdicts[i] for i in order]])] == expected


def test_a_share_below_the_first_threshold_is_recorded_as_no_action() -> None:
    named = {"x": DRIFT} | {f"y{i}": OK for i in range(5)}
    (alert,) = run([[states(0, named)]])
    assert alert.decision is Decision.NO_ACTION
    assert alert.because.rule == "drift_share < investigate_share"
    assert alert.because.drift_share == pytest.approx(1 / 6)


def test_a_lasting_drift_is_told_when_it_grows_and_not_while_it_stays() -> None:
    effects = [0.3, *[0.31] * 20, *[0.9] * 20]
    alerts = run(
        [verdict(i, [signal("x", DRIFT, pane=i, onset=0, sd=sd), *map(signal, "abcdef")])]
        for i, sd in enumerate(effects)
    )
    assert told(alerts)[:1] == [(FIRING, 0)]
    assert (UPDATED, 21) in told(alerts)
    assert len(alerts) <= 3


def test_a_slow_growth_is_told_though_no_pane_grew_much() -> None:
    alerts = run(
        [
            verdict(
                i, [signal("x", DRIFT, pane=i, onset=0, sd=0.3 + i / 100), *map(signal, "abcdef")]
            )
        ]
        for i in range(40)
    )
    assert alerts[-1].status is UPDATED
    assert alerts[-1].signals[0].effect_sd > 0.45


def test_what_happened_between_two_updates_is_told_in_the_next() -> None:
    """A signal that joins while it is too early to tell again must not be forgotten."""
    quiet = {"a": OK, "b": OK, "c": OK, "d": OK, "e": OK, "f": OK, "g": OK, "h": OK}
    panes = [[states(0, {"x": DRIFT, "y": OK} | quiet)]]
    panes += [[states(i, {"x": DRIFT, "y": DRIFT if i >= 2 else OK} | quiet)] for i in range(1, 8)]
    alerts = run(panes, settings(resolve_panes=6))
    assert {s.signal for s in alerts[-1].signals} == {"x", "y"}


def test_severity_never_falls_and_rises_with_an_output() -> None:
    panes = [[states(0, {"x": DRIFT, "confidence": OK, "z": OK, "w": OK})]]
    panes += [[states(1, {"x": DRIFT, "confidence": DRIFT, "z": OK, "w": OK})]]
    panes += [[states(i, {"x": DRIFT, "confidence": OK, "z": OK, "w": OK})] for i in range(2, 30)]
    panes += [[states(30, {"x": OK, "confidence": OK, "z": OK, "w": OK})]]
    alerts = run(panes)
    ranks = [a.severity.rank for a in alerts]
    assert ranks == sorted(ranks)
    assert alerts[1].pane_end_ms == 2 * PANE
    assert (alerts[1].decision, alerts[1].because.rule) == (Decision.RETRAIN, "output_drifted")
    assert alerts[-1].decision is Decision.NO_ACTION


def test_one_signal_that_is_back_does_not_end_the_incident_of_another() -> None:
    panes = [[states(i, {"x": DRIFT, "y": DRIFT if i < 3 else OK})] for i in range(10)]
    panes += [[states(10, {"x": OK, "y": OK})]]
    alerts = run(panes)
    assert [a.status for a in alerts] == [FIRING, UPDATED, RESOLVED]
    by_name = {s.signal: s.cleared_ms for s in alerts[1].signals}
    assert by_name == {"x": None, "y": 4 * PANE}
    assert [s.signal for s in alerts[1].signals] == ["x", "y"]  # what drifts comes first
    assert alerts[1].title == "x up 10 → 11 (0.5 sd) (1 of 2 signals)"
    assert alerts[2].title.startswith("back to usual, was: ")


def test_the_drift_share_is_of_all_shards_of_a_wide_model() -> None:
    def pane(at: int) -> list[Verdict]:
        first = {f"a{i}": DRIFT if i < 2 else OK for i in range(6)}
        second = {f"b{i}": OK for i in range(4)}
        return [
            states(at, first, shard=0, shards=2),
            states(at, second, shard=1, shards=2),
        ]

    (alert,) = run([pane(0)])
    assert alert.because.drift_share == 0.2
    assert alert.decision is Decision.INVESTIGATE
    assert alert.title.endswith("(2 of 10 signals)")


def test_signals_that_cannot_be_judged_are_no_part_of_the_share() -> None:
    named = {"x": DRIFT, "a": OK, "b": MINOR, "c": PENDING, "d": INSUFFICIENT}
    (alert,) = run([[states(0, named | {"e": SignalState.LEARNING})]])
    assert alert.because.drift_share == 0.25


def test_a_heavy_signal_weighs_more_in_the_share() -> None:
    (alert,) = run([[verdict(0, [signal("x", DRIFT, weight=3.0), signal("y", weight=1.0)])]])
    assert alert.because.drift_share == 0.75


def test_names_of_any_kind_are_kept_apart() -> None:
    """A separator inside a name must not make two signals one."""
    odd = [
        states(0, {"b c": DRIFT}, segment="a"),
        states(0, {"c": DRIFT}, segment="a b"),
        states(0, {"*#x": DRIFT}, segment="a#"),
        states(0, {"x": DRIFT}, segment="a#*"),
    ]
    (alert,) = run([odd])
    assert len(alert.signals) == 4


def test_what_is_kept_of_a_wide_model_is_bounded_and_its_alert_too() -> None:
    state = ModelIncidents(MODEL)
    wide = {f"feature_number_{i:05d}_of_the_model": DRIFT for i in range(MAX_MEMBERS + 1000)}
    few = {f"feature_number_{i:05d}_of_the_model": DRIFT for i in range(40)}
    segments = [states(0, few, segment=f"segment-{i}") for i in range(100)]
    alerts = apply(state, [states(0, few | {"only": DRIFT}), *segments])
    assert len(state.open[0].members) == MAX_SEGMENT_MEMBERS
    alerts += apply(state, [states(1, wide)])
    assert sum(len(i.members) for i in state.open) == MAX_MEMBERS
    assert {a.alert_id for a in alerts} == {alerts[0].alert_id}
    assert all(len(a.signals) <= 50 for a in alerts)
    assert len(dump_incidents(state)) < 900_000
    assert max(len(ALERT.encode(a)) for a in alerts) < 900_000


def test_of_quiet_series_nothing_is_kept() -> None:
    state = ModelIncidents(MODEL)
    for pane in range(5):
        apply(state, [states(pane, {"x": OK}, segment=f"s{i}") for i in range(100)])
    assert (state.shares.of, state.cooling, state.open) == ({}, {}, [])


def test_a_pane_read_again_changes_nothing() -> None:
    state = ModelIncidents(MODEL)
    assert apply(state, [states(3, {"x": DRIFT})])
    assert apply(state, [states(3, {"x": DRIFT})]) == []
    assert apply(state, [states(2, {"x": OK})]) == []
