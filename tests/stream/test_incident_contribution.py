"""Who moved most: the order of an incident's signals, and what each adds."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.records import JOINT_SIGNAL, Alert, SignalVerdict
from driftlog.settings import DetectionSettings
from stream.importance import times_smallest
from tests.stream.incident_run import run
from tests.stream.verdict_factory import DRIFT, OK, PANE, settings, signal, verdict

UNTIMED = hypothesis.settings(deadline=None)
USUAL = DetectionSettings()

# Each moved in its own measure: by so many times the smallest effect that matters.
MOVED: dict[str, tuple[dict[str, Any], float]] = {
    "a number, half an sd": ({"sd": 0.5, "psi": 0.22}, 2.0),
    "a number, three sd": ({"sd": -3.0, "psi": 4.1}, 12.0),
    "a category": ({"sd": 0.1, "psi": 0.9}, 3.0),
    "a category turned over": ({"sd": 0.0, "psi": 6.4}, 8.0),
    "nulls in a fifth": ({"sd": 0.0, "psi": 0.3, "effect_rate": 0.2}, 4.0),
    "a column gone": ({"sd": 0.0, "psi": 6.0, "effect_rate": 1.0}, 20.0),
    "a flag, 10 points less": ({"sd": -0.3, "psi": 0.1, "effect_rate": -0.1}, 2.0),
}


def drifted(name: str, **more: Any) -> SignalVerdict:
    return signal(name, DRIFT, **({"sd": 0.0, "psi": 0.0} | more))


def told(*signals: SignalVerdict, **more: Any) -> Alert:
    (alert,) = run([[verdict(0, signals, **more)]])
    return alert


@pytest.mark.parametrize("case", MOVED)
def test_how_far_a_signal_moved_is_counted_in_its_own_measure(case: str) -> None:
    measures, times = MOVED[case]
    assert times_smallest(drifted("x", **measures), USUAL) == pytest.approx(times)


@UNTIMED
@given(st.permutations(sorted(MOVED)))
def test_what_moved_most_in_its_own_measure_comes_first_whatever_its_type(names: list[str]) -> None:
    alert = told(*(drifted(name, **MOVED[name][0]) for name in names))
    times = [MOVED[one.signal][1] for one in alert.signals]
    assert times == sorted(times, reverse=True)
    assert alert.signals[0].signal == "a column gone"


def test_what_moves_by_itself_weighs_less() -> None:
    chosen = settings(effect_factors={"noisy": 4.0})
    signals = [drifted("noisy", sd=3.0), drifted("steady", sd=1.0)]
    (alert,) = run([[verdict(0, signals)]], chosen)
    assert [one.signal for one in alert.signals] == ["steady", "noisy"]
    assert [one.contribution for one in alert.signals] == pytest.approx([4 / 7, 3 / 7])


def test_a_signal_adds_its_share_of_all_that_moved() -> None:
    alert = told(drifted("x", sd=1.5), drifted("y", sd=0.5), signal("z", OK))
    assert {one.signal: one.contribution for one in alert.signals} == {"x": 0.75, "y": 0.25}


SIGNALS = st.lists(
    st.tuples(st.floats(0.25, 20), st.floats(0, 9), st.floats(-1, 1)), min_size=1, max_size=8
)


@UNTIMED
@given(SIGNALS, SIGNALS)
def test_contributions_follow_the_order_and_sum_to_one_over_the_series_of_all_rows(
    whole: list[Any], part: list[Any]
) -> None:
    def all_of(measures: list[Any]) -> list[SignalVerdict]:
        return [
            drifted(f"s{i}", sd=sd, psi=psi, effect_rate=rate)
            for i, (sd, psi, rate) in enumerate(measures)
        ]

    (alert,) = run([[verdict(0, all_of(whole)), verdict(0, all_of(part), segment="JFK")]])
    shares = [one.contribution for one in alert.signals if one.series.endswith("/*")]
    assert sum(shares) == pytest.approx(1.0, abs=1e-6)
    assert shares == sorted(shares, reverse=True)
    assert {one.contribution for one in alert.signals if not one.series.endswith("/*")} == {0.0}


def test_a_drift_of_one_segment_alone_is_counted_there() -> None:
    alert = told(drifted("x", sd=0.75), drifted("y", sd=0.25), segment="JFK")
    assert [one.contribution for one in alert.signals] == [0.75, 0.25]


def test_what_is_back_adds_nothing_and_what_is_over_adds_what_it_did() -> None:
    both = [drifted("x", sd=1.5), drifted("y", sd=0.5)]
    panes = [[verdict(pane, both)] for pane in range(3)]
    panes += [[verdict(pane, [signal("x", OK), both[1]])] for pane in range(3, 20)]
    panes += [[verdict(20, [signal("x", OK), signal("y", OK)])]]
    alerts = run(panes)
    updated, resolved = alerts[-2], alerts[-1]
    assert {one.signal: one.contribution for one in updated.signals} == {"x": 0.0, "y": 1.0}
    assert {one.signal: one.contribution for one in resolved.signals} == {"x": 0.75, "y": 0.25}


def test_the_joint_signal_repeats_what_the_inputs_say_and_counts_where_it_is_alone() -> None:
    alert = told(drifted("x", sd=0.5), drifted(JOINT_SIGNAL, sd=5.0))
    assert [(one.signal, one.contribution) for one in alert.signals] == [
        ("x", 1.0),
        (JOINT_SIGNAL, 0.0),
    ]
    assert told(drifted(JOINT_SIGNAL, sd=5.0)).signals[0].contribution == 1.0


def test_a_signal_found_late_that_began_first_moves_the_onset_and_its_samples() -> None:
    quick = drifted("quick", sd=2.0, pane=40, onset=39)
    slow = signal("slow", DRIFT, pane=55, onset=31, sd=0.3)
    panes = [[verdict(pane, [quick, signal("slow", OK)])] for pane in range(40, 55)]
    panes += [[verdict(pane, [quick, slow])] for pane in range(55, 75)]
    alerts = run(panes)
    assert len({one.alert_id for one in alerts}) == 1
    first, last = alerts[0], alerts[-1]
    assert (first.onset.ts_ms, first.samples_before) == (39 * PANE, ("before-40",))
    assert (last.onset.ts_ms, last.samples_before) == (31 * PANE, ("before-55",))


def test_the_onset_of_an_incident_is_that_of_a_signal_with_its_interval() -> None:
    alert = told(drifted("x", pane=9, onset=7), drifted("y", pane=9, onset=5))
    assert alert.onset in [one.onset for one in alert.signals]
    assert alert.onset.ts_ms == 5 * PANE
