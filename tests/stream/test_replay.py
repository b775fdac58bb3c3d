"""Requests that come a second time are told, and those that are alike by nature are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from driftlog.records import AlertStatus, Decision, FaultKind, SignalState, SignalVerdict
from driftlog.settings import Settings
from stream.book import ReferenceBook
from stream.faults import ReplayWatch, contents
from stream.pipeline import Pipeline
from tests.stream.event_log import World, records, settings

Hashes = NDArray[np.uint64]


def fresh(rng: np.random.Generator, rows: int) -> Hashes:
    return rng.integers(0, 2**64, rows, dtype=np.uint64)


def told(watch: ReplayWatch, panes: list[Hashes], first: int = 0) -> list[SignalState | None]:
    found = [watch.step(first + at, hashes) for at, hashes in enumerate(panes)]
    return [one.state if one else None for one in found]


def watch(repeated: float = 0.0, rows: int = 10_000) -> ReplayWatch:
    return ReplayWatch(repeated, rows, Settings())


@pytest.mark.parametrize("rows", [20, 200, 5_000])
def test_a_replay_is_told_within_a_few_panes_and_is_over_when_it_is(rows: int) -> None:
    rng = np.random.default_rng(1)
    panes = [fresh(rng, rows) for _ in range(60)]
    again = panes[20:50]
    after = [fresh(rng, rows) for _ in range(60)]
    states = told(watch(), [*panes, *again, *after])
    assert states[:60] == [None] * 60
    first = states.index(SignalState.DRIFT)
    assert first < 60 + 12
    over = states.index(SignalState.OK)
    assert 90 <= over < 115
    assert set(states[over + 1 :]) == {None}


def test_one_request_asked_again_and_again_is_no_replay() -> None:
    rng = np.random.default_rng(2)
    panes = [np.concatenate((fresh(rng, 50), np.full(150, 7, dtype=np.uint64))) for _ in range(90)]
    assert set(told(watch(), panes)) == {None}


def test_inputs_that_are_alike_by_nature_say_nothing() -> None:
    rng = np.random.default_rng(3)
    few = fresh(rng, 3_000)  # all that can be asked
    panes = [rng.choice(few, 200) for _ in range(200)]
    assert set(told(watch(repeated=0.7), panes)) == {None}
    # The same without a reference that knows of it: it would be told.
    assert SignalState.DRIFT in told(watch(), panes)


def test_what_is_remembered_is_bounded_however_many_rows_come() -> None:
    rng = np.random.default_rng(4)
    one = watch()
    for pane in range(40):
        one.step(pane, fresh(rng, 20_000))
    _, hashes, panes, latest, *_ = one.state()
    assert len(hashes) <= 8 * 1_024 and len(panes) <= 8 * 1_024 and len(latest) <= 30


@hypothesis_settings(deadline=None, max_examples=25)
@given(cut=st.integers(1, 79), seed=st.integers(0, 50))
def test_a_restart_changes_nothing(cut: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    panes = [fresh(rng, 100) for _ in range(40)]
    panes += panes[5:25] + [fresh(rng, 100) for _ in range(20)]
    whole, before, after = watch(), watch(), watch()
    expected = told(whole, panes)
    found = told(before, panes[:cut])
    after.restore(before.state())
    assert found + told(after, panes[cut:], cut) == expected
    assert after.state() == whole.state()


def test_equal_rows_have_equal_hashes_and_others_have_not() -> None:
    chosen = settings()
    world = World(wide=4)
    profile = world.profile(chosen.models)
    assert profile.repeated is not None and profile.repeated < 0.01
    book = ReferenceBook([profile])
    pipeline = Pipeline(chosen, book)
    decoded = pipeline.decoder.decode_batch(records(world.events(20)))
    (rows,) = (one.rows for one in decoded.rows)
    prepared = pipeline.judging.prepare(profile, rows)
    inputs = np.flatnonzero([one.role == "input" for one in profile.signals]).astype(np.intp)
    found = contents(prepared, inputs)
    assert len(np.unique(found)) == len(found)
    twice = pipeline.judging.prepare(profile, rows.take(slice(None, None, -1)))
    assert (contents(twice, inputs)[::-1] == found).all()


# -- through the pipeline -------------------------------------------------------------------------


def replayed(new_ids: bool) -> list[SignalVerdict | None]:
    """What is told of replays, pane by pane: 20 s that come again."""
    chosen = settings()
    world = World(wide=4)
    first = world.events(20)
    shift = 20_000
    again = [
        one.__class__(
            **{
                name: getattr(one, name)
                for name in one.__struct_fields__
                if name not in ("ts_ms", "event_id")
            },
            ts_ms=one.ts_ms + (shift if new_ids else 0),
            event_id=f"again-{one.event_id}" if new_ids else one.event_id,
        )
        for one in first
    ]
    log = first + again if new_ids else sorted(first + again, key=lambda one: one.ts_ms)
    pipeline = Pipeline(chosen, ReferenceBook([world.profile(chosen.models)]))
    verdicts = [*pipeline.feed(records(log)).verdicts, *pipeline.close().verdicts]
    if not new_ids:
        assert sum(one.rows for one in verdicts) == len(first)
        assert pipeline.columns.counts["doubled"] == len(again)
    return [
        next((s for s in verdict.signals if s.signal == "(replay)"), None) for verdict in verdicts
    ]


def test_a_replay_opens_an_incident_of_its_own_kind() -> None:
    found = replayed(new_ids=True)
    assert not any(found[:20])
    loud = [one for one in found if one is not None]
    assert loud and loud[0].state is SignalState.DRIFT
    fault = loud[0].fault
    assert fault is not None and fault.kind is FaultKind.REPLAY
    assert "come a second time" in fault.words
    assert loud[0].weight == 0.0


def test_an_event_sent_twice_under_the_same_id_counts_once() -> None:
    assert not any(replayed(new_ids=False))


def test_the_alert_says_so_in_plain_words() -> None:
    chosen = settings()
    world = World(wide=4)
    events = world.events(20)
    again = [
        one.__class__(
            **{
                name: getattr(one, name)
                for name in one.__struct_fields__
                if name not in ("ts_ms", "event_id")
            },
            ts_ms=one.ts_ms + 20_000,
            event_id=f"again-{one.event_id}",
        )
        for one in events
    ]
    pipeline = Pipeline(chosen, ReferenceBook([world.profile(chosen.models)]))
    told = pipeline.feed(records(events + again))
    alerts = [*told.alerts, *pipeline.close().alerts]
    (first, *_) = [one for one in alerts if one.cause and one.cause.kind is FaultKind.REPLAY]
    assert first.status is AlertStatus.FIRING
    assert first.title.startswith("requests come a second time: the inputs of ")
    assert first.decision is Decision.INVESTIGATE
