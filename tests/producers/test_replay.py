"""A replay sends each row once, when it is due, and can be ended and resumed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlog.errors import BrokerError, InputError
from producers.journal import Journal, Progress
from producers.outgoing import Tally
from producers.pacing import Pacing
from producers.replay import Replay
from producers.scenario import Injector, joined, measure, parse_scenario
from tests.producers.file_rows import made_rows
from tests.producers.recording import RecordingSink

ROWS = made_rows(200)
NOW = 1_700_000_000.0
MAX = Pacing(speed=None)


def replay(sink: RecordingSink, **options: Any) -> Replay:
    return Replay(rows=lambda: ROWS, sink=sink, **{"pacing": MAX, **options})


def injector(*injections: dict[str, Any], seed: int = 3) -> Injector:
    scenario = parse_scenario({"injections": list(injections)}, "test")
    return Injector(scenario.injections, measure(ROWS), seed)


async def test_asked_to_end_while_it_looks_for_the_broker_it_ends_with_nothing_sent() -> None:
    class Nowhere(RecordingSink):
        async def open(self) -> None:
            started.stop.set()
            await asyncio.Event().wait()

    started = replay(Nowhere())
    async with asyncio.timeout(10):
        tally = await started.run()
    assert (tally.sent, tally.failed.total()) == (0, 0)


async def test_every_row_is_sent_once_and_in_order() -> None:
    sink = RecordingSink()
    tally = await replay(sink).run()
    assert [item.event.event_id for item in sink.events] == [r.event.event_id for r in ROWS]
    assert (tally.sent, tally.failed.total(), sink.is_closed) == (200, 0, True)


async def test_kept_times_are_the_files_and_others_begin_now() -> None:
    kept = RecordingSink()
    await replay(kept, pacing=Pacing(speed=None, keep_time=True)).run()
    assert [item.event for item in kept.events] == [row.event for row in ROWS]
    fresh = RecordingSink()
    started = replay(fresh, pacing=Pacing(speed=1e6), clock=lambda: NOW + 10)
    await asyncio.wait_for(_with_frozen_clock(started), 10)
    assert fresh.events[0].event.ts_ms == int((NOW + 10) * 1000)


async def _with_frozen_clock(started: Replay) -> None:
    started.limit = 1  # later rows would wait for a clock that stands still
    await started.run()


@given(st.floats(0.1, 1e4), st.integers(0, 10**6), st.integers(0, 10**9))
def test_gaps_are_scaled_by_the_speed_and_a_rate_is_even(
    factor: float, index: int, elapsed_ms: int
) -> None:
    fast = Pacing(speed=factor)
    due_ms = fast.due_ms(index, elapsed_ms)
    assert due_ms == elapsed_ms / factor
    assert fast.ts_ms(5, due_ms, 1e12, 2e12) == int(1e12 + elapsed_ms / factor)
    assert Pacing(rate=factor).due_ms(index, elapsed_ms) == index * 1000 / factor


@pytest.mark.parametrize("held", [0.0, -1.0, float("inf"), float("nan")])
def test_a_speed_or_rate_that_is_none_is_refused(held: float) -> None:
    with pytest.raises(InputError, match="--speed holds"):
        Pacing(speed=held)
    with pytest.raises(InputError, match="--rate holds"):
        Pacing(rate=held)


async def test_a_limit_ends_a_pass_and_a_loop_makes_new_events_of_later_times() -> None:
    def after(count: int) -> None:
        if count >= 30:
            started.stop.set()

    sink = RecordingSink(after=after)
    started = replay(sink, limit=10, loop=True, pacing=Pacing(speed=None, keep_time=True))
    await started.run()
    events = [item.event for item in sink.events][:30]
    assert [event.event_id for event in events[9:12]] == ["file-9", "file-0-1", "file-1-1"]
    assert [event.ts_ms for event in events] == [1_000_000 + 100 * i for i in range(30)]
    assert len({item.event.event_id for item in sink.events}) == len(sink.events)


async def test_labels_follow_their_events_with_what_spares_a_join() -> None:
    sink = RecordingSink()
    await replay(sink, labels=True, label_delay_ms=20).run()
    assert len(sink.labels) == 200
    for row, item in zip(ROWS, sink.labels, strict=True):
        label, event = item.label, sink.events[item.position].event
        assert (label.event_id, label.label) == (row.event.event_id, row.label)
        assert label.ts_ms == event.ts_ms + 20
        assert (label.model, label.prediction) == ("m", event.outputs and event.outputs.prediction)
        assert sink.log.index(label.event_id) < sink.log.index(f"label of {label.event_id}")


async def test_labels_that_were_not_due_are_counted_when_somebody_ends_the_replay() -> None:
    sink = RecordingSink(after=lambda count: started.stop.set())
    started = replay(sink, labels=True, label_delay_ms=3_600_000)
    tally = await started.run()
    assert tally.labels_failed == {"not due": 200}


async def test_the_last_panes_are_closed_by_the_last_event_time() -> None:
    sink = RecordingSink()
    await replay(sink, pacing=Pacing(speed=None, keep_time=True)).run(lambda ms: ms + 7)
    assert sink.closed_through == ROWS[-1].event.ts_ms + 7


async def test_an_outage_is_a_gap_and_the_truth_is_in_times_as_sent() -> None:
    sink = RecordingSink()
    started = replay(
        sink,
        injector=injector(
            {"kind": "outage", "start": 50, "end": 80},
            {"kind": "sudden", "signals": ["distance"], "start": 100},
        ),
        pacing=Pacing(rate=1000.0),
    )
    tally = await started.run()
    assert (tally.sent, tally.held_back) == (170, 30)
    outage, sudden = started.truth
    first = sink.events[0].event.ts_ms
    assert [outage.start_ms - first, outage.end_ms - first] == pytest.approx([50, 80], abs=1)
    assert sudden.start_ms == sink.events[70].event.ts_ms
    assert sudden.end_ms == sink.events[-1].event.ts_ms + 1


async def test_each_pass_of_a_loop_has_its_own_truth() -> None:
    sink = RecordingSink(after=lambda count: started.stop.set() if count >= 400 else None)
    errors = injector({"kind": "errors", "strength": 1})
    kept = Pacing(speed=None, keep_time=True)
    started = replay(sink, loop=True, injector=errors, pacing=kept)
    await started.run()
    spans = [(one.pass_number, one.start_ms, one.end_ms) for one in started.truth[:2]]
    # Rows 100 to 200 of each pass of 200 rows, 100 ms apart.
    assert spans == [(0, 1_010_000, 1_019_901), (1, 1_030_000, 1_039_901)]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 150), max_size=4), st.sets(st.integers(0, 199), max_size=20))
def test_a_replay_resumed_after_any_ends_sends_each_row_once(
    ends: list[int], refused: set[int]
) -> None:
    """Rows that failed are sent by the next run; rows that arrived are not sent again."""
    arrived: list[str] = []
    labelled: list[str] = []
    journal = Journal()
    last = len(ends)

    async def run(number: int) -> None:
        sink = RecordingSink(refuses=lambda position: number < last and position in refused)
        taken = 0

        def rows() -> Any:
            nonlocal taken
            for row in ROWS:
                taken += 1
                if number < last and taken > ends[number]:
                    started.stop.set()
                yield row

        started = Replay(rows=rows, sink=sink, pacing=MAX, labels=True, tally=Tally(journal))
        await started.run()
        arrived.extend(item.event.event_id for item in sink.events)
        labelled.extend(item.label.event_id for item in sink.labels)

    for number in range(last + 1):
        asyncio.run(run(number))
    names = sorted(row.event.event_id for row in ROWS)
    assert sorted(arrived) == names
    assert sorted(labelled) == names


async def test_a_journal_is_read_back_and_one_of_another_replay_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    tally = Tally(Journal.read(path, "this"))
    sink = RecordingSink(refuses=lambda position: position == 7)
    await replay(sink, tally=tally).run()
    again = Journal.read(path, "this")
    assert again.events == Progress(200, {7})
    assert not path.with_name(path.name + ".part").exists()
    with pytest.raises(InputError, match="of another file"):
        Journal.read(path, "that")
    rest = RecordingSink()
    await replay(rest, tally=Tally(again)).run()
    assert [item.position for item in rest.events] == [7]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"of":"x","events":{"begun":-1,"open":[]}}'])
def test_a_damaged_journal_is_said(tmp_path: Path, content: str) -> None:
    path = tmp_path / "journal.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"journal\.json cannot be read.*delete it"):
        Journal.read(path, "x")


async def test_a_resumed_injection_is_one_in_the_truth() -> None:
    asked = {"kind": "sudden", "signals": ["distance"], "start": 50, "end": 150}
    journal = Journal()
    taken = 0

    def some() -> Any:
        nonlocal taken
        for row in ROWS:
            taken += 1
            if taken > 100:
                first.stop.set()
            yield row

    first = Replay(
        rows=some, sink=RecordingSink(), pacing=Pacing(rate=1e5), injector=injector(asked),
        tally=Tally(journal),
    )  # fmt: skip
    await first.run()
    second = replay(RecordingSink(), injector=injector(asked), tally=Tally(journal))
    await second.run()
    (whole,) = joined(first.truth, second.truth)
    assert whole.start_ms == first.truth[0].start_ms
    assert whole.end_ms == second.truth[0].end_ms


async def test_nothing_arriving_ends_the_replay_with_the_reason() -> None:
    sink = RecordingSink(refuses=lambda position: True)
    with pytest.raises(BrokerError, match="all failed, mostly with Refused: by the test"):
        await Replay(rows=lambda: made_rows(3000), sink=sink, pacing=MAX).run()
    assert sink.is_closed


async def test_cancelling_closes_the_sink_and_keeps_the_journal(tmp_path: Path) -> None:
    begun = asyncio.Event()
    sink = RecordingSink(after=lambda count: begun.set())
    journal = Journal.read(tmp_path / "journal.json", "x")
    started = replay(sink, pacing=Pacing(rate=20.0), tally=Tally(journal))
    task = asyncio.create_task(started.run())
    await asyncio.wait_for(begun.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sink.is_closed
    assert Journal.read(tmp_path / "journal.json", "x").events.begun == len(sink.events)
