"""Lateness and watermark, the worked example and the laws behind it."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream.lateness import Lateness
from stream.watermark import Watermark


def test_the_worked_example_of_lateness_and_watermark() -> None:
    # Allowed lateness 5 s, pane 10 s, two source partitions; times in ms.
    partitions = {0: Lateness(5_000), 1: Lateness(5_000)}
    watermark = Watermark(2)
    steps = [  # partition, time, late?, watermark of the partition after
        (0, 12.0, False, 7.0),
        (0, 14.0, False, 9.0),
        (0, 8.5, True, 9.0),
        (1, 9.0, False, 4.0),
        (0, 21.0, False, 16.0),
        (0, 15.5, True, 16.0),
        (1, 11.0, False, 6.0),
        (1, 16.0, False, 11.0),
    ]
    least: list[int | None] = []
    for partition, time, late, after in steps:
        judged = partitions[partition].judge(np.array([int(time * 1000)]))
        assert bool(judged[0]) is late
        assert partitions[partition].watermark_ms == after * 1000
        watermark.advance(partition, partitions[partition].watermark_ms)
        least.append(watermark.now_ms())
    assert least[-2:] == [6_000, 11_000]  # pane [0, 10) closes at the last row, not before

    watermark.advance(1, None, idle=True)  # partition 1 falls silent
    assert watermark.now_ms() == 16_000  # pane [10, 20) is still open
    assert not partitions[1].judge(np.array([12_000]))[0]  # so 1:3 is taken
    partitions[0].judge(np.array([26_000]))
    watermark.advance(0, partitions[0].watermark_ms)
    assert watermark.now_ms() == 21_000  # now the pane is closed: 1:3 would be late by idleness


@given(
    st.lists(st.integers(0, 60), max_size=60),
    st.lists(st.integers(0, 60), max_size=8),
    st.integers(0, 20),
)
def test_lateness_does_not_depend_on_how_the_log_is_cut_into_batches(
    times: list[int], cuts: list[int], allowed: int
) -> None:
    whole, batched, single = Lateness(allowed), Lateness(allowed), Lateness(allowed)
    array = np.array(times, dtype=np.int64)
    at_once = whole.judge(array)
    edges = sorted({0, len(times), *(min(c, len(times)) for c in cuts)})
    parts = [batched.judge(array[a:b]) for a, b in itertools.pairwise(edges)]
    rows = [single.judge(array[i : i + 1]) for i in range(len(times))]
    assert at_once.tolist() == [bool(x) for part in parts for x in part]
    assert at_once.tolist() == [bool(row[0]) for row in rows]
    assert whole.max_ms == batched.max_ms == single.max_ms


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 60)), max_size=60))
def test_a_row_that_is_not_late_never_falls_below_the_watermark(
    rows: list[tuple[int, int]],
) -> None:
    partitions = {p: Lateness(5) for p in range(3)}
    watermark = Watermark(3)
    for partition, time in rows:
        now = watermark.now_ms()
        if not partitions[partition].judge(np.array([time]))[0] and now is not None:
            assert time >= now
        watermark.advance(partition, partitions[partition].watermark_ms)


def test_the_order_in_which_partitions_fall_idle_does_not_matter() -> None:
    ends = []
    for order in ([0, 1], [1, 0]):
        watermark = Watermark(2)
        watermark.advance(0, 21)
        watermark.advance(1, 11)
        for partition in order:
            watermark.advance(partition, None, idle=True)
        ends.append(watermark.now_ms())
    assert ends == [21, 21]


def test_a_partition_never_heard_of_holds_everything_up() -> None:
    watermark = Watermark(2)
    watermark.advance(0, 21)
    assert watermark.now_ms() is None
    watermark.advance(1, None, idle=True)
    assert watermark.now_ms() == 21


def test_a_tick_moves_the_watermark_and_makes_what_is_older_late() -> None:
    lateness = Lateness(5)
    lateness.judge(np.array([12]))
    lateness.tick(20)
    assert lateness.watermark_ms == 20
    assert lateness.judge(np.array([19, 20])).tolist() == [True, False]
