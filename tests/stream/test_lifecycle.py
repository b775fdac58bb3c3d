"""The states of signals: laws that hold whatever the detectors say."""

import hypothesis
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.errors import StateError
from driftlog.records import SignalState
from driftlog.settings import DetectionSettings
from stream.lifecycle import Lifecycle

UNTIMED = hypothesis.settings(deadline=None)
Pane = tuple[bool, bool, bool, bool]  # alarmed, important, insufficient, clear
PANES = st.lists(st.tuples(*[st.booleans()] * 4), min_size=1, max_size=60)
# Long runs of one kind, which is what leads through all states.
RUNS = st.lists(
    st.tuples(st.tuples(*[st.booleans()] * 4), st.integers(1, 8)), min_size=1, max_size=15
).map(lambda runs: [pane for pane, times in runs for _ in range(times)])
SETTINGS = st.builds(
    DetectionSettings, pending_panes=st.integers(1, 5), resolve_panes=st.integers(1, 12)
)


def run(panes: list[Pane], settings: DetectionSettings) -> list[SignalState]:
    life = Lifecycle.fresh(1)
    found = []
    for at, pane in enumerate(panes):
        step(life, pane, at, settings)
        found.append(life.of(0))
    return found


def step(life: Lifecycle, pane: Pane, at: int, settings: DetectionSettings) -> bool:
    alarmed, important, insufficient, clear = (np.array([flag]) for flag in pane)
    back = life.step(
        alarmed=alarmed,
        important=important,
        insufficient=insufficient,
        clear=clear,
        end_ms=(at + 1) * 1000,
        settings=settings,
    )
    return bool(back[0])


@UNTIMED
@given(RUNS | PANES, SETTINGS)
def test_a_signal_drifts_only_after_so_many_panes_in_a_row(
    panes: list[Pane], settings: DetectionSettings
) -> None:
    states = run(panes, settings)
    before = [SignalState.INSUFFICIENT, *states]
    for at, state in enumerate(states):
        if state is SignalState.DRIFT and before[at] is not SignalState.DRIFT:
            needed = settings.pending_panes
            assert at + 1 >= needed
            last = panes[at + 1 - needed : at + 1]
            assert all(alarmed and important and not few for alarmed, important, few, _ in last)
            assert (before[at] is SignalState.PENDING) == (needed > 1)


@UNTIMED
@given(RUNS | PANES, SETTINGS)
def test_a_signal_leaves_drift_only_by_a_run_of_panes_that_look_usual(
    panes: list[Pane], settings: DetectionSettings
) -> None:
    states = run(panes, settings)
    needed = max(1, settings.resolve_panes // 2)
    for at in range(1, len(states)):
        if states[at - 1] is SignalState.DRIFT and states[at] is not SignalState.DRIFT:
            assert states[at] is SignalState.OK
            judged = [clear for _, _, few, clear in panes[: at + 1] if not few]
            assert judged[-needed:] == [True] * needed


@UNTIMED
@given(RUNS | PANES, SETTINGS)
def test_what_cannot_be_judged_is_never_green(
    panes: list[Pane], settings: DetectionSettings
) -> None:
    for (_, _, few, _), state in zip(panes, run(panes, settings), strict=True):
        if few:
            assert state in (SignalState.INSUFFICIENT, SignalState.DRIFT)
        else:
            assert state is not SignalState.INSUFFICIENT


@UNTIMED
@given(PANES, SETTINGS)
def test_an_effect_too_small_to_matter_is_minor_and_never_drifts(
    panes: list[Pane], settings: DetectionSettings
) -> None:
    small = [(alarmed, False, few, clear) for alarmed, _, few, clear in panes]
    for (alarmed, _, few, _), state in zip(small, run(small, settings), strict=True):
        if not few:
            assert state is (SignalState.MINOR if alarmed else SignalState.OK)


@UNTIMED
@given(RUNS, SETTINGS)
def test_since_is_the_end_of_the_pane_at_which_the_state_began(
    panes: list[Pane], settings: DetectionSettings
) -> None:
    life, began, last = Lifecycle.fresh(1), 0, SignalState.INSUFFICIENT
    for at, pane in enumerate(panes):
        step(life, pane, at, settings)
        if life.of(0) is not last:
            began, last = (at + 1) * 1000, life.of(0)
        assert life.since_ms[0] == began


@UNTIMED
@given(RUNS, SETTINGS, st.integers(0, 119))
def test_a_state_stored_at_any_pane_goes_on_as_if_nothing_had_happened(
    panes: list[Pane], settings: DetectionSettings, cut: int
) -> None:
    through, resumed = Lifecycle.fresh(1), Lifecycle.fresh(1)
    for at, pane in enumerate(panes):
        if at == cut:
            stored = msgspec.msgpack.decode(msgspec.msgpack.encode(resumed.dump()))
            resumed = Lifecycle.load(stored)
        assert step(through, pane, at, settings) == step(resumed, pane, at, settings)
        assert through.dump() == resumed.dump()


@UNTIMED
@given(RUNS, SETTINGS)
def test_signals_do_not_touch_one_another(panes: list[Pane], settings: DetectionSettings) -> None:
    both = Lifecycle.fresh(2)
    alone = run(panes, settings)
    for at, (pane, state) in enumerate(zip(panes, alone, strict=True)):
        flags = [np.array([flag, False]) for flag in pane]
        both.step(
            alarmed=flags[0],
            important=flags[1],
            insufficient=flags[2],
            clear=flags[3],
            end_ms=at,
            settings=settings,
        )
        assert both.of(0) is state
        assert both.of(1) is SignalState.OK


@pytest.mark.parametrize(
    "change",
    [
        {"state": [99]},
        {"state": [0, 0]},
        {"state": [[0]], "since_ms": [[0]], "pending": [[0]], "clear": [[0]]},
        {"state": ["ok"]},
        {"since_ms": None},
        {"pending": [2**40]},
    ],
)
def test_a_damaged_state_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(StateError):
        Lifecycle.load(Lifecycle.fresh(1).dump() | change)


def test_a_state_that_lacks_a_part_is_refused() -> None:
    with pytest.raises(StateError):
        Lifecycle.load({"state": [0]})


def test_one_pane_suffices_where_the_settings_say_so() -> None:
    settings = DetectionSettings(pending_panes=1, resolve_panes=1)
    assert run([(True, True, False, False)], settings) == [SignalState.DRIFT]


def test_a_signal_that_waits_does_not_drift_before_one_that_is_pending() -> None:
    settings = DetectionSettings(pending_panes=2)
    life = Lifecycle.fresh(2)
    waits = np.array([False, True])
    states = []
    # The one that waits is beyond from the start, the other from the second pane on.
    for at, other in enumerate([False, True, True, True]):
        beyond = np.array([other, True])
        life.step(
            alarmed=beyond,
            important=beyond,
            insufficient=np.zeros(2, dtype=np.bool_),
            clear=np.zeros(2, dtype=np.bool_),
            end_ms=at,
            settings=settings,
            waits=waits,
        )
        states.append((life.of(0), life.of(1)))
    ok, pending, drift = SignalState.OK, SignalState.PENDING, SignalState.DRIFT
    assert states == [(ok, pending), (pending, pending), (drift, drift), (drift, drift)]
