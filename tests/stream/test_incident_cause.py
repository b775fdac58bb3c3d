"""What broke is the story of its incident: told first, with what came of it, never retrained on."""

from __future__ import annotations

from driftlog.records import AlertStatus, Decision, Fault, FaultKind, SignalVerdict
from tests.stream.incident_run import run, told
from tests.stream.verdict_factory import DRIFT, OK, signal, verdict

UNIT = Fault(kind=FaultKind.UNIT, words="is 100 times larger than usual: unit changed?")
NULLS = Fault(kind=FaultKind.NULLS, words="is null in 0% → 30% of rows")
PANES = 60


def broken(pane: int, name: str = "distance", fault: Fault | None = UNIT) -> SignalVerdict:
    return signal(name, DRIFT, pane=pane, onset=1, fault=fault)


def quiet(pane: int, *names: str) -> list[SignalVerdict]:
    return [signal(name, OK, pane=pane) for name in names]


def test_the_title_begins_with_the_fault_and_ends_with_what_came_of_it() -> None:
    (alert,) = run(
        [[verdict(2, [broken(2), signal("confidence", DRIFT, pane=2, onset=2), *quiet(2, "x")])]]
    )
    assert alert.title == (
        "distance is 100 times larger than usual: unit changed?; "
        "with it confidence up 10 → 11 (0.5 sd) (2 of 3 signals)"
    )
    assert alert.cause is not None
    assert (alert.cause.kind, alert.cause.signals) == (FaultKind.UNIT, ("distance",))
    assert alert.cause.onset_ms == 1_000


def test_a_fault_asks_for_a_look_and_never_for_a_new_model() -> None:
    drifted = [signal(name, DRIFT, pane=2) for name in ("confidence", "a", "b")]
    (plain,) = run([[verdict(2, drifted)]])
    assert plain.decision is Decision.RETRAIN and plain.cause is None
    (alert,) = run([[verdict(2, [broken(2), *drifted])]])
    assert (alert.decision, alert.because.rule) == (Decision.INVESTIGATE, "fault")
    (alone,) = run([[verdict(2, [broken(2), *quiet(2, *"abcdefghij")])]])
    assert alone.decision is Decision.INVESTIGATE


def test_several_signals_with_the_same_fault_are_one_story() -> None:
    names = ("a", "b", "c", "d")
    (alert,) = run([[verdict(2, [broken(2, name, NULLS) for name in names])]])
    assert alert.title == "a is null in 0% → 30% of rows; likewise b, c and 1 more (4 of 4 signals)"
    assert alert.cause is not None and alert.cause.signals == names


def test_an_input_is_the_cause_of_an_answer_that_is_broken_too() -> None:
    # The answer's own trouble began a little earlier, as far as can be told.
    answer = signal("prediction", DRIFT, pane=3, onset=0, fault=NULLS)
    (alert,) = run([[verdict(3, [answer, broken(3)])]])
    assert alert.cause is not None and alert.cause.signals == ("distance",)


def test_what_follows_from_a_fault_joins_its_incident_however_late() -> None:
    panes = []
    for pane in range(2, PANES):
        late = pane >= 50  # far beyond group_panes
        answer = signal("confidence", DRIFT if late else OK, pane=pane, onset=50)
        panes.append([verdict(pane, [broken(pane), answer])])
    alerts = run(panes)
    assert len({alert.alert_id for alert in alerts}) == 1
    assert [one.signal for one in alerts[-1].signals] == ["confidence", "distance"]
    # Without a fault they are two stories.
    plain = [
        [
            verdict(
                p,
                [
                    broken(p, fault=None),
                    signal("confidence", DRIFT if p >= 50 else OK, pane=p, onset=50),
                ],
            )
        ]
        for p in range(2, PANES)
    ]
    assert len({alert.alert_id for alert in run(plain)}) == 2


def test_another_input_and_another_version_are_stories_of_their_own() -> None:
    for name, version in (("airtime", "1"), ("confidence", "2")):
        panes = []
        for pane in range(2, PANES):
            other = signal(name, DRIFT if pane >= 50 else OK, pane=pane, onset=50)
            panes.append([verdict(pane, [broken(pane)]), verdict(pane, [other], version=version)])
        assert len({alert.alert_id for alert in run(panes)}) == 2


def test_a_fault_found_later_is_told_at_once_and_takes_the_decision_back() -> None:
    panes = [
        [verdict(p, [signal("confidence", DRIFT, pane=p, onset=2), *quiet(p, "distance")])]
        for p in range(2, 5)
    ]
    panes += [
        [verdict(p, [signal("confidence", DRIFT, pane=p, onset=2), broken(p)])] for p in range(5, 8)
    ]
    alerts = run(panes)
    assert told(alerts) == [("firing", 2), ("updated", 5)]
    assert [alert.decision for alert in alerts] == [Decision.RETRAIN, Decision.INVESTIGATE]
    assert alerts[1].title.startswith("distance is 100 times larger")


def test_until_the_windows_have_passed_a_mended_fault_still_explains_what_it_led_to() -> None:
    panes = []
    for pane in range(2, 30):
        first = broken(pane) if pane < 6 else signal("distance", OK, pane=pane)
        answer = signal("confidence", DRIFT if pane < 12 else OK, pane=pane, onset=3)
        panes.append([verdict(pane, [first, answer])])
    alerts = run(panes)
    assert alerts[-1].status is AlertStatus.RESOLVED
    assert Decision.RETRAIN not in {alert.decision for alert in alerts}
    assert alerts[-1].decision is Decision.NO_ACTION
    assert alerts[-1].title.startswith("back to usual, was: distance is 100 times larger")
