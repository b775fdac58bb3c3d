"""One log, one answer: however the log is cut into batches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from driftlog.records import ALERT, VERDICT, AlertStatus, Event, Reason
from driftlog.settings import Settings
from stream.book import ReferenceBook
from stream.pipeline import Pipeline, Told
from stream.profile import profile_of_events
from tests.stream.event_log import LogEntry, World, batches, merged, records, settings

SIZES = (1, 7, 100)  # against 10,000, which is the whole log at once


def run(
    entries: Sequence[LogEntry],
    size: int,
    chosen: Settings,
    book: ReferenceBook | None = None,
    *,
    close: bool = True,
) -> Told:
    """What the pipeline tells of a log, all of it."""
    pipeline = Pipeline(chosen, book)
    told = Told()
    late = 0
    steps = [pipeline.feed(batch) for batch in batches(entries, size)]
    if close:
        steps.append(pipeline.close())
    for step in steps:
        told.verdicts.extend(step.verdicts)
        told.alerts.extend(step.alerts)
        told.references.extend(step.references)
        told.dead.extend(step.dead)
        late += step.late
    return Told(told.verdicts, told.alerts, told.references, told.dead, late)


def told_bytes(told: Told) -> tuple[list[bytes], list[bytes]]:
    return [VERDICT.encode(one) for one in told.verdicts], [ALERT.encode(a) for a in told.alerts]


@cache
def busy_log() -> tuple[LogEntry, ...]:
    """Two models, two versions, ties, rows that came twice, late ones and ones that are none."""
    events: list[Event] = merged(
        World("late", "1", rate=16).events(32, drift_at_s=18),
        World("late", "2", rate=9).events(32),
        World("fraud", "7", rate=11, seed=3).events(32, drift_at_s=22),
    )
    shuffled = list(events)
    for at in range(0, len(shuffled) - 50, 50):  # a little out of order, within the lateness
        shuffled[at], shuffled[at + 20] = shuffled[at + 20], shuffled[at]
    for at in range(300, len(shuffled), 211):  # sent twice by a client that saw no answer
        shuffled.insert(at, shuffled[at - 5])
    for at in range(400, len(shuffled), 207):  # hopelessly late
        shuffled.insert(at, shuffled[at - 390])
    entries = records(shuffled)
    for at in range(350, len(entries), 333):
        entries[at] = LogEntry(
            0, entries[at].offset, b'{"v": 1, "event_id":', entries[at].timestamp
        )
    return tuple(entries)


@cache
def books(segments: bool) -> tuple[Settings, ReferenceBook]:
    chosen = settings(models__segments=["JFK", "EWR"]) if segments else settings()
    worlds = (World("late", "1"), World("late", "2"), World("fraud", "7", seed=3))
    return chosen, ReferenceBook([world.profile(chosen.models) for world in worlds])


@pytest.mark.parametrize("segments", [False, True])
def test_verdicts_and_alerts_are_the_same_bytes_at_any_batch_size(segments: bool) -> None:
    chosen, book = books(segments)
    whole = run(busy_log(), 10_000, chosen, book)
    expected = told_bytes(whole)
    assert whole.late > 3
    assert {letter.reason for letter in whole.dead} == {Reason.NOT_JSON}
    assert {(v.model, v.version) for v in whole.verdicts} == {
        ("late", "1"),
        ("late", "2"),
        ("fraud", "7"),
    }
    assert any(alert.status is AlertStatus.FIRING for alert in whole.alerts)
    assert len({v.segment for v in whole.verdicts}) == (4 if segments else 1)
    for size in SIZES:
        again = run(busy_log(), size, chosen, book)
        assert told_bytes(again) == expected, f"batches of {size}"
        assert again.late == whole.late


def test_a_learned_reference_and_all_that_follows_are_the_same_at_any_batch_size() -> None:
    chosen = settings(models__learn_rows=110)
    expected = run(busy_log(), 10_000, chosen)
    assert {(one.model, one.version) for one in expected.references} == {
        ("late", "1"),
        ("late", "2"),
        ("fraud", "7"),
    }
    for profile in expected.references:
        assert profile.rows == 110
        assert profile.effective_from_ms % 1_000 == 0
        judged = [v for v in expected.verdicts if v.reference_id == profile.reference_id]
        assert min(v.pane_ms for v in judged) == profile.effective_from_ms
    for size in SIZES:
        again = run(busy_log(), size, chosen)
        assert again.references == expected.references, f"batches of {size}"
        assert told_bytes(again) == told_bytes(expected), f"batches of {size}"


def test_every_row_that_is_not_late_is_judged_once() -> None:
    chosen, book = books(False)
    pipeline = Pipeline(chosen, book)
    steps = [*(pipeline.feed(batch) for batch in batches(busy_log(), 512)), pipeline.close()]
    judged = sum(verdict.rows for step in steps for verdict in step.verdicts)
    left_out = sum(step.late + len(step.dead) for step in steps)
    doubled = pipeline.columns.counts["doubled"]
    assert doubled > 0  # a client sent them twice, under one id
    assert judged + left_out + doubled == len(busy_log())


def test_the_segments_share_out_all_rows() -> None:
    chosen, book = books(True)
    told = run(busy_log(), 512, chosen, book)
    for model, version in {(v.model, v.version) for v in told.verdicts}:
        own = [v for v in told.verdicts if (v.model, v.version) == (model, version)]
        for end in {v.pane_end_ms for v in own}:
            by_segment = {v.segment: v.rows for v in own if v.pane_end_ms == end}
            assert by_segment.pop("*") == sum(by_segment.values())


def test_the_last_panes_stay_open_until_the_log_is_closed() -> None:
    chosen, book = books(False)
    left_open = run(busy_log(), 512, chosen, book, close=False)
    closed = run(busy_log(), 512, chosen, book)
    count = len(left_open.verdicts)
    assert 0 < len(closed.verdicts) - count <= 3 * (chosen.stream.allowed_lateness // 1_000 + 1)
    assert closed.verdicts[:count] == left_open.verdicts


@given(sizes=st.lists(st.integers(1, 200), min_size=1, max_size=30))
@hypothesis_settings(deadline=None, max_examples=12)
def test_cuts_of_any_kind_change_nothing(sizes: list[int]) -> None:
    chosen, book = books(False)
    entries = busy_log()[:700]
    pipeline = Pipeline(chosen, book)
    verdicts, at = [], 0
    for size in sizes:
        verdicts += pipeline.feed(entries[at : at + size]).verdicts
        at += size
    verdicts += pipeline.feed(entries[at:]).verdicts
    assert verdicts == at_once().verdicts


@cache
def at_once() -> Told:
    return run(busy_log()[:700], 10_000, *books(False), close=False)


def test_an_accepted_reference_takes_effect_at_its_pane_in_any_batch() -> None:
    chosen = settings()
    world = World("late", "1", shift=3.0)
    events = world.events(40, drift_at_s=12)
    before = world.profile(chosen.models)
    moved = [event for event in events if event.ts_ms >= 12_000]
    after = profile_of_events(
        moved[:400],
        model="late",
        version="1",
        origin="accepted",
        models=chosen.models,
        effective_from_ms=24_500,  # in the middle of a pane
    )
    book = ReferenceBook([before, after])
    expected = run(records(events), 10_000, chosen, book)
    ids = {v.pane_ms: v.reference_id for v in expected.verdicts}
    assert {at for at, own in ids.items() if own == after.reference_id} == set(
        range(25_000, 40_000, 1_000)
    )
    last = expected.verdicts[-1]
    assert {s.signal: s.state for s in last.signals}["distance"] == "ok"
    for size in (1, 7, 100):
        again = run(records(events), size, chosen, book)
        assert told_bytes(again) == told_bytes(expected)
