"""Rows wait for their pane: none is lost, none changed, and the order is that of event time."""

from __future__ import annotations

import hypothesis
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream.panes import OpenPanes, in_order, pane_end
from stream.rows import CategoryColumn, Rows, event_hash

UNTIMED = hypothesis.settings(deadline=None)
PANE = 10
TIMES = st.lists(st.integers(0, 100), min_size=1, max_size=30)


def rows(times: list[int], version: str = "1", first: int = 0, raw: bool = False) -> Rows:
    count = len(times)
    ids = [f"{version}-{first + i}" for i in range(count)]
    return Rows(
        model="m",
        version=version,
        ts_ms=np.array(times, dtype=np.int64),
        key=np.array([event_hash(i) for i in ids], dtype=np.uint64),
        partition=np.zeros(count, dtype=np.int32),
        offset=np.arange(first, first + count),
        correlation_id=ids,
        segment=CategoryColumn((), np.full(count, -1, dtype=np.int32)),
        numbers={} if raw else {"x": np.arange(first, first + count, dtype=np.float64)},
        categories={},
        raw=[i.encode() for i in ids] if raw else None,
    )


@UNTIMED
@given(st.integers(0, 2**53), st.integers(1, 10**9))
def test_a_pane_holds_its_start_and_not_its_end(ts_ms: int, pane: int) -> None:
    end = pane_end(ts_ms, pane)
    assert end % pane == 0
    assert end - pane <= ts_ms < end


@UNTIMED
@given(st.lists(TIMES, min_size=1, max_size=6), st.integers(0, 12))
def test_closed_and_open_panes_together_hold_every_row_once(
    batches: list[list[int]], panes: int
) -> None:
    held = OpenPanes(PANE)
    first = 0
    for batch in batches:
        version = str(first % 2)
        last = held.hold(rows(batch, version, first))
        assert last == max(pane_end(ts, PANE) for ts in batch)
        first += len(batch)
    found = []
    ends = []
    for through in (panes * PANE, 1000):
        for end, groups in held.close(through):
            ends.append(end)
            for group in groups:
                assert set(group.ts_ms - group.ts_ms % PANE + PANE) == {end}
                assert {i.partition("-")[0] for i in group.correlation_id} == {group.version}
                assert list(group.numbers["x"]) == list(group.offset)
                found += list(group.offset)
        assert held.rows == first - len(found)
    assert sorted(found) == list(range(first))
    assert ends == sorted(set(ends))


@UNTIMED
@given(TIMES, st.integers(1, 2**32))
def test_the_order_of_rows_does_not_depend_on_how_they_came(times: list[int], seed: int) -> None:
    whole = rows(times)
    shuffled = np.random.default_rng(seed).permutation(len(times))
    assert list(in_order(whole.take(shuffled)).offset) == list(in_order(whole).offset)
    assert list(in_order(whole).ts_ms) == sorted(times)


def test_rows_with_and_without_raw_events_stay_apart() -> None:
    held = OpenPanes(PANE)
    held.hold(rows([1, 2], raw=True))
    held.hold(rows([3], first=2))
    ((_, groups),) = held.close(PANE)
    assert [(len(group), group.raw is not None) for group in groups] == [(2, True), (1, False)]
