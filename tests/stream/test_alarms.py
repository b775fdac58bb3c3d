"""What is remembered of alarms: how long they count, and where a change began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.contract import Detector, Reading
from stream.alarms import AlarmMemory

UNTIMED = hypothesis.settings(deadline=None)
HOLD = 3
PANE_MS = 100


@dataclass
class Kind:
    momentary: bool


def memory(*momentary: bool, signals: int = 1) -> AlarmMemory:
    return AlarmMemory([cast(Detector, Kind(m)) for m in momentary], signals, HOLD)


def reading(alarm: bool, onset: int = -1, row: int | None = None) -> Reading:
    """Of one signal; the row of the onset has its time as its offset; it alarms at a row."""
    return Reading(
        score=np.array([float(alarm)]),
        threshold=np.ones(1),
        alarm=np.array([alarm]),
        direction=np.zeros(1, dtype=np.int8),
        onset=np.array([[onset], [0 if onset >= 0 else -1], [onset]], dtype=np.int64),
        hits=() if row is None or not alarm else ((0, row),),
    )


def step(
    alarms: AlarmMemory, pane: int, *readings: Reading, drifting: bool = False
) -> tuple[bool, list[bool], int]:
    """Whether it is beyond, by which detector, and the time of its onset."""
    alarmed, beyond = alarms.step(readings, np.array([drifting]), pane, pane * PANE_MS)
    return bool(alarmed[0]), beyond[:, 0].tolist(), int(alarms.onset[0, 0])


QUIET = reading(False)


def test_a_steady_alarm_counts_while_it_lasts() -> None:
    alarms = memory(False)
    assert step(alarms, 0, reading(True, 7)) == (True, [True], 7)
    assert step(alarms, 1, reading(True, 7)) == (True, [True], 7)
    assert step(alarms, 2, QUIET) == (False, [False], -1)


def test_a_momentary_alarm_counts_for_some_panes_more_and_keeps_its_onset() -> None:
    alarms = memory(True)
    step(alarms, 0, reading(True, 7))
    for pane in range(1, 1 + HOLD):
        assert step(alarms, pane, QUIET) == (True, [True], 7)
    assert step(alarms, 1 + HOLD, QUIET) == (False, [False], -1)


def test_the_first_detector_that_knows_where_it_began_is_believed() -> None:
    alarms = memory(False, False)
    assert step(alarms, 5, reading(True), reading(True, 480))[2] == 480
    assert step(alarms, 6, reading(True, 450), reading(True, 480))[2] == 450


def test_the_one_that_alarmed_first_is_believed_as_long_as_it_alarms() -> None:
    alarms = memory(False, False)
    both = reading(True, 480, row=30), reading(True, 450, row=20)
    assert step(alarms, 5, *both)[2] == 450
    assert alarms.lead.tolist() == [1]
    assert step(alarms, 6, *both)[2] == 450
    assert step(alarms, 7, reading(True, 480), QUIET)[2] == 480
    assert alarms.lead.tolist() == [0]
    # It comes back, but now it is the later one.
    assert step(alarms, 8, reading(True, 480), reading(True, 700, row=1))[2] == 480
    assert step(alarms, 9, QUIET, QUIET)[2] == -1
    assert alarms.lead.tolist() == [-1]


def test_of_two_that_alarm_on_the_same_row_the_first_in_the_order_is_believed() -> None:
    alarms = memory(False, False)
    assert step(alarms, 5, reading(True, 480, row=20), reading(True, 450, row=20))[2] == 480


def test_a_steady_alarm_is_believed_before_a_momentary_one_that_came_first() -> None:
    alarms = memory(True, False)
    assert step(alarms, 5, reading(True, 480, row=10), QUIET)[2] == 480
    assert step(alarms, 6, QUIET, reading(True, 450, row=20))[2] == 450


def test_where_no_row_is_known_the_first_pane_of_the_alarm_must_do() -> None:
    alarms = memory(False)
    assert step(alarms, 5, reading(True))[2] == 500
    assert step(alarms, 6, reading(True))[2] == 500
    assert alarms.onset[1:, 0].tolist() == [-1, -1]


def test_the_onset_of_what_drifts_does_not_move() -> None:
    alarms = memory(False, True)
    step(alarms, 5, reading(True, 480), QUIET)
    assert step(alarms, 6, reading(True, 590), reading(True, 600), drifting=True)[2] == 480
    assert step(alarms, 7, QUIET, QUIET, drifting=True)[2] == 480
    assert step(alarms, 60, QUIET, QUIET, drifting=True) == (False, [False, False], 480)


def test_only_what_begins_without_a_row_is_vague_and_only_at_first() -> None:
    alarms = memory(False)
    step(alarms, 5, reading(True))
    assert alarms.vague.tolist() == [True]
    alarms.place(0, 300)
    alarms.bound(0, 200, 400)
    step(alarms, 6, reading(True))
    assert alarms.vague.tolist() == [False]
    assert (alarms.onset[0, 0], alarms.bounds[:, 0].tolist()) == (300, [200, 400])
    step(alarms, 7, reading(True, 250))
    assert (alarms.lead[0], alarms.bounds[0, 0]) == (0, -1)
    step(alarms, 8, QUIET)
    assert (alarms.lead[0], alarms.onset[0, 0]) == (-1, -1)


def test_the_interval_of_what_drifts_does_not_move() -> None:
    alarms = memory(False, True)
    step(alarms, 5, reading(True, 480), QUIET)
    alarms.bound(0, 400, 500)
    for pane, told in ((6, reading(True, 590)), (7, QUIET), (60, QUIET)):
        step(alarms, pane, told, QUIET, drifting=True)
        assert alarms.bounds[:, 0].tolist() == [400, 500]
    step(alarms, 61, QUIET, QUIET)
    assert alarms.bounds[:, 0].tolist() == [-1, -1]


def test_what_is_forgotten_leaves_nothing_and_its_neighbour_stays() -> None:
    alarms = memory(True, signals=2)
    both = Reading(
        score=np.ones(2),
        threshold=np.ones(2),
        alarm=np.ones(2, dtype=np.bool_),
        direction=np.zeros(2, dtype=np.int8),
        onset=np.full((3, 2), 7, dtype=np.int64),
        hits=(),
    )
    none = np.zeros(2, dtype=np.bool_)
    alarms.step([both], none, 0, 0)
    alarms.bound(0, 1, 9)
    alarms.bound(1, 2, 8)
    alarms.forget(np.array([True, False]))
    assert alarms.bounds[:, 0].tolist() == [-1, -1]
    assert alarms.bounds[:, 1].tolist() == [2, 8]
    quiet = Reading(
        both.score, both.threshold, none, both.direction, np.full((3, 2), -1, dtype=np.int64), ()
    )
    alarmed, _ = alarms.step([quiet], none, 1, PANE_MS)
    assert alarmed.tolist() == [False, True]
    assert alarms.onset[0].tolist() == [-1, 7]


ONE = st.tuples(st.booleans(), st.sampled_from([-1, 3, 40]), st.sampled_from([None, 0, 7]))
PANE = st.tuples(ONE, ONE, ONE, st.booleans())


@UNTIMED
@given(st.lists(PANE, max_size=12), st.integers(0, 12))
def test_taken_up_anywhere_it_goes_on_as_if_nothing_had_been(panes: list[Any], cut: int) -> None:
    kinds = False, False, True
    whole, other = memory(*kinds), memory(*kinds)
    for pane, (*each, drifting) in enumerate(panes):
        if pane == cut:
            stored, other = other.dump(), memory(*kinds)
            other.load(stored)
        told = [reading(*one) for one in each]
        assert step(whole, pane, *told, drifting=drifting) == step(
            other, pane, *told, drifting=drifting
        )
    assert whole.dump() == other.dump()


@pytest.mark.parametrize("damage", [{}, {"held": [[1, 2]]}, {"held": [[None]]}, {"onset": "x"}])
def test_what_is_no_memory_of_these_signals_is_refused(damage: dict[str, Any]) -> None:
    sound = memory(True).dump()
    plain = sound | damage if damage else {}
    with pytest.raises((KeyError, TypeError, ValueError)):
        memory(True).load(plain)
