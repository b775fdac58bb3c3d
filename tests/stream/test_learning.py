"""Rows kept until a reference can be learned: nothing lost, nothing twice, whatever is cut."""

from __future__ import annotations

import hypothesis
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.errors import StateError
from stream.learning import Learner
from stream.runner import MAX_STATE_BYTES
from stream.sealed import seal

UNTIMED = hypothesis.settings(deadline=None, max_examples=50)
SIZES = st.lists(st.integers(0, 1500), min_size=1, max_size=6)


def pane(number: int, rows: int) -> list[bytes]:
    return [b"%d/%d" % (number, row) for row in range(rows)]


@UNTIMED
@given(SIZES, st.data())
def test_whatever_parts_a_crash_leaves_the_rows_are_those_of_whole_checkpoints(
    sizes: list[int], data: st.DataObject
) -> None:
    """A crash loses parts of the last checkpoint; the log gives their panes again."""
    stored: dict[int, bytes] = {}
    learner = Learner("m", "1")
    expected: list[bytes] = []
    for number, rows in enumerate(sizes):
        learner.add(pane(number, rows), number + 1)
        parts = learner.new_parts()
        kept = data.draw(st.integers(0, len(parts)))
        stored |= dict(parts[:kept])
        if kept == len(parts):
            expected = list(learner.raw)
            continue
        learner = Learner("m", "1")
        learner.restore([stored[n] for n in sorted(stored)])
        assert learner.raw == expected
        for again in range(learner.closed_through_ms, number + 1):
            learner.add(pane(again, sizes[again]), again + 1)
        stored |= dict(learner.new_parts())
        expected = list(learner.raw)
    assert learner.raw == [row for n, rows in enumerate(sizes) for row in pane(n, rows)]
    resumed = Learner("m", "1")
    resumed.restore([stored[n] for n in sorted(stored)])
    assert resumed.raw == learner.raw
    assert resumed.new_parts() == []


def test_no_part_outgrows_a_state_record_however_large_the_events_are() -> None:
    learner = Learner("m", "1")
    incompressible = msgspec.json.encode(list(range(70_000)))
    learner.add([incompressible] * 40, 1)
    parts = learner.new_parts()
    assert all(len(part) < MAX_STATE_BYTES for _, part in parts)
    resumed = Learner("m", "1")
    resumed.restore([part for _, part in parts])
    assert resumed.raw == learner.raw
    assert len(resumed.raw) == 40


def test_an_event_that_fits_into_no_part_is_left_out_and_counted() -> None:
    learner = Learner("m", "1")
    learner.add([b"a", b"x" * 700_000, b"b"], 1)
    assert learner.raw == [b"a", b"b"]
    assert learner.oversize == 1


@given(st.binary(max_size=60))
def test_a_damaged_part_is_refused(noise: bytes) -> None:
    learner = Learner("m", "1")
    with pytest.raises(StateError):
        learner.restore([noise])


def test_a_part_of_a_later_version_is_refused() -> None:
    body = {"closed_through_ms": 1, "last": True, "rows": []}
    part = seal("learned rows", 3, msgspec.msgpack.encode(body))
    with pytest.raises(StateError, match="version 3"):
        Learner("m", "1").restore([part])
