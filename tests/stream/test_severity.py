"""The tables of severity and decision."""

from __future__ import annotations

from dataclasses import replace

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.records import Decision, Severity
from driftlog.settings import DecisionSettings
from stream.severity import Evidence, decide, rate

UNTIMED = hypothesis.settings(deadline=None)
USUAL = DecisionSettings()
LONG = 60
EVIDENCE = st.builds(
    Evidence,
    drift_share=st.floats(0, 1) | st.sampled_from([0.2, 0.3, 0.5]),
    output_drifted=st.booleans(),
    largest_sd=st.floats(0, 10),
    largest_psi=st.floats(0, 10),
    panes_open=st.integers(0, 1000),
)


def evidence(
    share: float = 0.1,
    *,
    output: bool = False,
    sd: float = 0.3,
    psi: float = 0.1,
    panes: int = 0,
) -> Evidence:
    return Evidence(share, output, sd, psi, panes)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (evidence(), Severity.INFO),
        (evidence(sd=1.0), Severity.WARNING),
        (evidence(psi=0.5), Severity.WARNING),
        (evidence(output=True), Severity.WARNING),
        (evidence(share=0.3), Severity.WARNING),
        (evidence(panes=LONG), Severity.INFO),
        (evidence(panes=LONG + 1), Severity.WARNING),
        (evidence(sd=1.0, output=True), Severity.CRITICAL),
        (evidence(share=0.4, sd=1.0, output=True), Severity.CRITICAL),
        (evidence(share=0.5, sd=1.0, output=True), Severity.EMERGENCY),
        (evidence(share=1.0, sd=1.0, panes=LONG + 1), Severity.CRITICAL),
    ],
)
def test_each_of_four_facts_is_a_step_of_severity(held: Evidence, expected: Severity) -> None:
    assert rate(held, USUAL, LONG) is expected


DUE = "drift_share >= investigate_share"


@pytest.mark.parametrize(
    ("held", "decision", "rule"),
    [
        (evidence(0.0), Decision.NO_ACTION, "drift_share < investigate_share"),
        (evidence(0.199), Decision.NO_ACTION, "drift_share < investigate_share"),
        (evidence(0.2), Decision.INVESTIGATE, DUE),
        (evidence(0.3), Decision.RETRAIN, "drift_share >= retrain_share"),
        (evidence(0.01, output=True), Decision.RETRAIN, "output_drifted"),
        (replace(evidence(0.0), joint_drifted=True), Decision.INVESTIGATE, "joint_drifted"),
        (
            replace(evidence(0.3), joint_drifted=True),
            Decision.RETRAIN,
            "drift_share >= retrain_share",
        ),
    ],
)
def test_a_decision_names_its_rule_and_what_it_was_fed(
    held: Evidence, decision: Decision, rule: str
) -> None:
    decided, because = decide(held, USUAL)
    assert (decided, because.rule) == (decision, rule)
    assert (because.drift_share, because.output_drifted) == (held.drift_share, held.output_drifted)


@UNTIMED
@given(EVIDENCE, EVIDENCE)
def test_more_evidence_never_makes_it_milder(one: Evidence, other: Evidence) -> None:
    worse = Evidence(
        max(one.drift_share, other.drift_share),
        one.output_drifted or other.output_drifted,
        max(one.largest_sd, other.largest_sd),
        max(one.largest_psi, other.largest_psi),
        max(one.panes_open, other.panes_open),
    )
    assert rate(worse, USUAL, LONG).rank >= rate(one, USUAL, LONG).rank
    ranks = list(Decision)
    assert ranks.index(decide(worse, USUAL)[0]) >= ranks.index(decide(one, USUAL)[0])
