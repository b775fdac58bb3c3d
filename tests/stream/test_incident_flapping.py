"""A score or a share around its threshold does not flap."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import hypothesis
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftlog.records import (
    Alert,
    AlertStatus,
    Decision,
)
from stream.incidents import ModelIncidents
from stream.lifecycle import Lifecycle
from tests.stream.incident_run import USUAL, apply, run, told
from tests.stream.verdict_factory import (
    DRIFT,
    MODEL,
    OK,
    PANE,
    settings,
    signal,
    states,
    verdict,
)

UNTIMED = hypothesis.settings(deadline=None, max_examples=15)
FIRING, UPDATED, RESOLVED = AlertStatus


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


def test_after_an_incident_its_signals_open_no_other_until_they_have_cooled_down() -> None:
    panes = [[states(0, {"x": DRIFT})], [states(1, {"x": OK})]]
    panes += [[states(i, {"x": DRIFT})] for i in range(2, 12)]
    alerts = run(panes, settings(cool_down_panes=4))
    assert told(alerts) == [(FIRING, 0), (RESOLVED, 1), (FIRING, 5)]
    assert alerts[0].alert_id != alerts[2].alert_id
    another = run([*panes[:2], [states(2, {"x": DRIFT, "z": DRIFT})]], settings(cool_down_panes=4))
    assert another[-1].status is FIRING
    assert [s.signal for s in another[-1].signals] == ["z"]
