"""What becomes of drifted signals: one incident, its updates, its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from random import Random

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.records import (
    ALERT,
    Alert,
    AlertStatus,
    Decision,
    Severity,
    SignalState,
    Verdict,
)
from driftlog.settings import Settings
from stream.incident_state import dump_incidents
from stream.incidents import FORGET_WINDOWS, MAX_MEMBERS, MAX_SEGMENT_MEMBERS, ModelIncidents
from stream.lifecycle import Lifecycle
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
USUAL = settings()
FIRING, UPDATED, RESOLVED = AlertStatus


def apply(
    state: ModelIncidents, verdicts: Sequence[Verdict], chosen: Settings = USUAL
) -> list[Alert]:
    return state.apply(verdicts[0].pane_end_ms, verdicts, chosen)


def run(panes: Iterable[Sequence[Verdict]], chosen: Settings = USUAL) -> list[Alert]:
    state = ModelIncidents(MODEL)
    return [alert for verdicts in panes for alert in apply(state, verdicts, chosen)]


def told(alerts: Iterable[Alert]) -> list[tuple[str, AlertStatus, int]]:
    """Id, status and the number of the pane."""
    return [(a.alert_id, a.status, a.pane_end_ms // PANE - 1) for a in alerts]


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


@UNTIMED
@given(st.integers(0, 2**32).map(Random), st.floats(0, 1))
def test_a_signal_at_its_threshold_for_a_thousand_panes_is_one_incident_at_most(
    chance: Random, often: float
) -> None:
    """An effect around the smallest that matters is never well below it, so it never is back."""
    life, state = Lifecycle.fresh(1), ModelIncidents(MODEL)
    alerts: list[Alert] = []
    no = np.array([False])
    for pane in range(1000):
        beyond = np.array([chance.random() < often])
        life.step(
            alarmed=beyond,
            important=beyond,
            insufficient=no,
            clear=no,
            end_ms=(pane + 1) * PANE,
            settings=USUAL.detection,
        )
        said = verdict(pane, [signal("x", life.of(0), pane=pane), signal("y")])
        alerts += apply(state, [said])
    assert [a.status for a in alerts if a.status is not UPDATED] in ([], [FIRING])
    assert len(alerts) <= 2  # and nothing else to tell but that it lasts


@UNTIMED
@given(st.integers(0, 2**32).map(Random), st.floats(0, 1))
def test_a_share_around_its_threshold_does_not_flap_the_decision(
    chance: Random, often: float
) -> None:
    """A stronger decision is told at once, a milder one when it has held for resolve_panes."""
    high = [False, *(chance.random() < often for _ in range(150))]
    names = [f"s{i}" for i in range(10)]
    alerts = run(
        [verdict(at, [signal(n, DRIFT if i <= flag else OK, onset=0) for i, n in enumerate(names)])]
        for at, flag in enumerate(high)
    )
    assert alerts[0].decision is Decision.NO_ACTION
    quiet = USUAL.detection.resolve_panes
    for before, after in pairwise(alerts):
        at = after.pane_end_ms // PANE - 1
        if before.decision is after.decision:
            assert after.pane_end_ms - before.pane_end_ms >= quiet * PANE or (
                after.severity.rank > before.severity.rank
            )
        elif after.decision is Decision.NO_ACTION:
            assert not any(high[at - quiet : at + 1])
        else:
            assert high[at]


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
    assert [(s, pane) for _, s, pane in told(alerts)][:1] == [(FIRING, 0)]
    assert (UPDATED, 21) in [(s, pane) for _, s, pane in told(alerts)]
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


def test_after_an_incident_its_signals_open_no_other_until_they_have_cooled_down() -> None:
    panes = [[states(0, {"x": DRIFT})], [states(1, {"x": OK})]]
    panes += [[states(i, {"x": DRIFT})] for i in range(2, 12)]
    alerts = run(panes, settings(cool_down_panes=4))
    assert [(s, p) for _, s, p in told(alerts)] == [(FIRING, 0), (RESOLVED, 1), (FIRING, 5)]
    assert alerts[0].alert_id != alerts[2].alert_id
    another = run([*panes[:2], [states(2, {"x": DRIFT, "z": DRIFT})]], settings(cool_down_panes=4))
    assert another[-1].status is FIRING
    assert [s.signal for s in another[-1].signals] == ["z"]


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


def test_a_new_reference_ends_an_incident_when_it_has_looked_usual_for_long_enough() -> None:
    panes = [[states(i, {"x": DRIFT}, reference_id="old")] for i in range(3)]
    panes += [[states(i, {"x": INSUFFICIENT}, reference_id="new")] for i in range(3, 8)]
    panes += [[states(i, {"x": OK}, reference_id="new")] for i in range(8, 20)]
    alerts = run(panes, settings(resolve_panes=6))
    assert [(s, p) for _, s, p in told(alerts)] == [(FIRING, 0), (RESOLVED, 13)]


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
