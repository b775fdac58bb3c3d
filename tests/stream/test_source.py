"""What ingest keeps of a source partition: its running maximum, its quiet, who must wait."""

from __future__ import annotations

import contextlib

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.errors import DriftlogError
from stream.lateness import Lateness
from stream.source import Source, leaders, read_metadata

UNTIMED = hypothesis.settings(deadline=None)


@UNTIMED
@given(st.none() | st.integers(0, 2**53))
def test_the_running_maximum_travels_with_the_committed_offset(max_ms: int | None) -> None:
    assert read_metadata(Source(Lateness(1000, max_ms), 0).metadata()) == max_ms


@pytest.mark.parametrize("nothing", [None, ""])
def test_an_offset_without_metadata_has_no_maximum(nothing: str | None) -> None:
    assert read_metadata(nothing) is None


@pytest.mark.parametrize(
    "text",
    ["x", "{}", '["2", 1]', '["1"]', '["1", "a"]', '["1", true]', "[" * 4000, "1", '"1a"', "NaN"],
)
def test_metadata_of_another_program_are_named_with_the_mend(text: str) -> None:
    with pytest.raises(DriftlogError, match=r"worker\.group"):
        read_metadata(text)


@given(st.text())
def test_no_metadata_bring_anything_but_a_maximum_or_a_clear_error(text: str) -> None:
    with contextlib.suppress(DriftlogError):
        assert isinstance(read_metadata(text), int | None)


def test_a_partition_is_idle_after_being_at_its_end_for_long_enough() -> None:
    source = Source(Lateness(1000), 0)
    told = [
        source.note_quiet(at_end=at_end, now=now, idle_after_ms=2000)
        for at_end, now in [(True, 0.0), (True, 1.9), (True, 2.0), (True, 9.0), (False, 9.1)]
    ]
    assert told == [False, False, True, False, True]
    assert not source.idle


def test_a_row_in_between_begins_the_quiet_anew() -> None:
    source = Source(Lateness(1000), 0)
    for at_end, now in [(True, 0.0), (False, 1.0), (True, 1.5), (True, 3.0)]:
        source.note_quiet(at_end=at_end, now=now, idle_after_ms=2000)
    assert not source.idle


@UNTIMED
@given(
    st.dictionaries(st.integers(0, 9), st.none() | st.integers(0, 1000), max_size=6),
    st.sets(st.integers(0, 9)),
    st.integers(0, 300),
)
def test_whoever_is_too_far_ahead_waits_and_somebody_always_goes_on(
    maxima: dict[int, int | None], caught_up: set[int], skew: int
) -> None:
    wait = leaders(maxima, caught_up, skew)
    behind = {p: ms for p, ms in maxima.items() if p not in caught_up}
    assert not behind or behind.keys() - wait, "somebody goes on"
    known = [ms for ms in behind.values() if ms is not None]
    for partition, ms in maxima.items():
        ahead = None in behind.values() or (
            bool(known) and ms is not None and ms > min(known) + skew
        )
        assert (partition in wait) == (ms is not None and ahead)


def test_all_wait_for_a_partition_that_nobody_has_read_yet() -> None:
    # It may hold the oldest event of all: rows of the others would be held in memory until then.
    assert leaders({0: 1_000, 1: 2_000, 2: None}, set(), 60_000) == {0, 1}
    assert leaders({0: 1_000, 1: 2_000, 2: None}, {2}, 60_000) == set()
