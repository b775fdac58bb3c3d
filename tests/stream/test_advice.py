"""What an alert says to do: a step that a person can take, and never harm."""

from __future__ import annotations

from typing import Any

import hypothesis
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.records import (
    JOINT_SIGNAL,
    Alert,
    AlertSignal,
    AlertStatus,
    Because,
    BinShare,
    Cause,
    Decision,
    FaultKind,
    Onset,
    Severity,
)
from stream.advice import advice
from tests.stream.incident_run import run
from tests.stream.verdict_factory import DRIFT, OK, signal, verdict

UNTIMED = hypothesis.settings(deadline=None)
ACCEPT = "If it is the new usual: driftlog reference accept late@2 --alert cafe01"
LABELS = (
    "Check the answers against labels; if they are worse, retrain on rows from after the onset."
)


def moved(name: str, series: str = "late@2/*", **more: Any) -> AlertSignal:
    plain: dict[str, Any] = {
        "series": series,
        "signal": name,
        "state": "drift",
        "detector": "psi",
        "scores": {},
        "psi": 0.3,
        "effect_sd": 1.0,
        "direction": 1,
        "onset": Onset(ts_ms=1),
        "rows": 100,
    }
    return AlertSignal(**(plain | more))


def alert(*signals: AlertSignal, decision: Decision = Decision.INVESTIGATE, **more: Any) -> Alert:
    plain: dict[str, Any] = {
        "alert_id": "cafe01",
        "status": AlertStatus.FIRING,
        "severity": Severity.WARNING,
        "model": "late",
        "versions": ("2",),
        "series": ("late@2/*",),
        "title": "",
        "signals": signals,
        "onset": Onset(ts_ms=1),
        "opened_ms": 2,
        "pane_end_ms": 2,
        "window_ms": (0, 2),
        "offsets": {},
        "decision": decision,
        "because": Because(rule="", drift_share=0.1, output_drifted=False, threshold=0.2),
        "reference_id": "ref",
        "config": "conf",
    }
    return Alert(**(plain | more))


UNSEEN = (BinShare(bin="unseen", before=0.0, after=0.1, part=0.9),)
CASES: dict[str, tuple[Alert, str]] = {
    "an input": (
        alert(moved("distance")),
        f"Ask upstream what changed about distance. {ACCEPT}",
    ),
    "an input, little of the model": (
        alert(moved("distance"), decision=Decision.NO_ACTION),
        f"No hurry. Ask upstream what changed about distance. {ACCEPT}",
    ),
    "an input and the answers": (
        alert(moved("confidence"), moved("distance"), decision=Decision.RETRAIN),
        f"Ask upstream what changed about distance. {LABELS} {ACCEPT}",
    ),
    "the answers alone": (
        alert(moved("prediction"), moved("latency"), decision=Decision.RETRAIN),
        "No input has moved: compare the release of the model with the one before. "
        f"{LABELS} {ACCEPT}",
    ),
    "new values of a category": (
        alert(moved("carrier", moved=UNSEEN)),
        f"Ask upstream where the new values of carrier come from. {ACCEPT}",
    ),
    "one segment": (
        alert(moved("distance", "late@2/JFK")),
        f"Only JFK: ask upstream what changed about distance. {ACCEPT}",
    ),
    "many segments": (
        alert(*(moved("distance", f"late@2/{at}") for at in ("A", "B", "C", "D", "E"))),
        f"Only A, B, C and 2 more: ask upstream what changed about distance. {ACCEPT}",
    ),
    "segments, and all rows with them": (
        alert(moved("distance", "late@2/JFK"), moved("distance")),
        f"Ask upstream what changed about distance. {ACCEPT}",
    ),
    "inputs that no longer go together": (
        alert(moved(JOINT_SIGNAL)),
        f"Ask upstream whether inputs are still joined as they were. {ACCEPT}",
    ),
    "free text": (
        alert(moved("input.note.unknown_words")),
        f"Ask upstream what changed about note. {ACCEPT}",
    ),
    "errors": (
        alert(moved("error"), decision=Decision.RETRAIN),
        "Look at the service: requests fail; compare the release with the one before. " + LABELS,
    ),
    "latency": (
        alert(moved("latency"), decision=Decision.NO_ACTION),
        "No hurry. Look at the service: compare the release, the host and what it calls.",
    ),
    "another version that is back": (
        alert(moved("x", "late@2/*"), moved("x", "late@1/*", cleared_ms=9)),
        f"Ask upstream what changed about x. {ACCEPT}",
    ),
    "a name that a shell would take apart": (
        alert(moved("x", "my model@2/*")),
        "Ask upstream what changed about x. If it is the new usual: "
        "driftlog reference accept 'my model@2' --alert cafe01",
    ),
    "a fault": (
        alert(
            moved("distance"),
            cause=Cause(kind=FaultKind.UNIT, words="", signals=("distance",), onset_ms=1),
        ),
        "Ask who changed the unit of distance, and convert it at the source. "
        "Do not retrain on these rows.",
    ),
    "no rows": (
        alert(
            moved("(volume)"),
            cause=Cause(kind=FaultKind.SILENCE, words="", signals=("(volume)",), onset_ms=1),
        ),
        "Check that requests still arrive, and are still logged.",
    ),
    "nothing heard": (
        alert(moved("x", state="stale"), moved("y", cleared_ms=4), status=AlertStatus.UPDATED),
        "Check that the model still gets requests, and still logs them.",
    ),
    "over": (
        alert(moved("x", cleared_ms=4), status=AlertStatus.RESOLVED),
        "Nothing to do: it is back to usual.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_alert_says_the_next_step(case: str) -> None:
    told, words = CASES[case]
    assert advice(told) == words


@pytest.mark.parametrize("kind", FaultKind)
def test_every_fault_has_its_mend_and_none_is_accepted_or_retrained_on(kind: FaultKind) -> None:
    cause = Cause(kind=kind, words="", signals=("distance",), onset_ms=1)
    said = advice(alert(moved("distance"), decision=Decision.RETRAIN, cause=cause))
    assert said.endswith(".") and "{}" not in said
    assert "accept" not in said
    assert "retrain" not in said.replace("Do not retrain", "")


@UNTIMED
@given(
    st.lists(st.sampled_from(["x", "confidence", "error", "latency", JOINT_SIGNAL, "a" * 500])),
    st.lists(st.sampled_from(["drift", "stale", "insufficient"]), min_size=6),
    st.sampled_from(Decision),
    st.sampled_from(AlertStatus),
)
def test_there_is_advice_for_whatever_an_alert_holds(
    names: list[str], states: list[str], decision: Decision, status: AlertStatus
) -> None:
    signals = [moved(name, state=state) for name, state in zip(names, states, strict=False)]
    said = advice(alert(*signals, decision=decision, status=status))
    assert len(said) < 500
    assert bool(said) or not signals
    assert "None" not in said


def test_an_incident_is_told_with_its_advice_from_the_first_record_to_the_last() -> None:
    panes = [[verdict(0, [signal("x", DRIFT), signal("y")])]]
    panes += [[verdict(pane, [signal("x", OK), signal("y")])] for pane in range(1, 4)]
    alerts = run(panes)
    assert "driftlog reference accept late@1 --alert " + alerts[0].alert_id in alerts[0].advice
    assert alerts[-1].advice == "Nothing to do: it is back to usual."


def test_an_alert_without_advice_is_read_as_before() -> None:
    told = alert(moved("x"))
    assert b"advice" not in msgspec.json.encode(told)
