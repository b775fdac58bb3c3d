"""A broker that is away does not fill the disk with one line."""

from __future__ import annotations

import logging

from driftlog.flood import FloodFilter
from driftlog.testing.clock import ManualClock


def _lines(limited: FloodFilter, clock: ManualClock, seconds: int, a_second: int) -> list[str]:
    written = []
    for n in range(seconds * a_second):
        record = logging.LogRecord(
            "aiokafka.conn", logging.ERROR, "f", 1, "no node %s", (n % 3,), None
        )
        if limited.filter(record):
            written.append(record.getMessage())
        clock.advance(seconds=1 / a_second)
    return written


def test_equal_lines_are_bounded_a_second_and_the_rest_is_counted() -> None:
    clock = ManualClock()
    lines = _lines(FloodFilter(2, clock), clock, seconds=3, a_second=8)
    assert lines == [
        "no node 0",
        "no node 1",
        "no node 2 (and 6 equal lines left out)",
        "no node 0",
        "no node 1 (and 6 equal lines left out)",
        "no node 2",
    ]


def test_different_lines_and_levels_do_not_share_a_bound() -> None:
    limited = FloodFilter(1, ManualClock())
    records = [
        logging.LogRecord(name, level, "f", 1, text, (), None)
        for name in ("aiokafka", "aiokafka.conn")
        for level in (logging.WARNING, logging.ERROR)
        for text in ("a", "b")
    ]
    assert all(limited.filter(record) for record in records)
    assert not any(limited.filter(record) for record in records)


def test_the_memory_of_lines_is_bounded() -> None:
    limited = FloodFilter(1, ManualClock())
    for n in range(5000):
        limited.filter(logging.LogRecord("aiokafka", logging.INFO, "f", 1, f"line {n}", (), None))
    assert len(limited._seen) <= 1024


def test_children_that_exist_are_bounded_too() -> None:
    child = logging.getLogger("flood_test.child")
    root = logging.getLogger("flood_test")
    limited = FloodFilter(1)
    limited.attach(root)
    limited.attach(root)
    assert root.filters == child.filters == [limited]


def test_lines_of_other_threads_are_not_touched_where_one_is_named() -> None:
    limited = FloodFilter(1, ManualClock(), thread="ours")
    record = logging.LogRecord("aiokafka", logging.ERROR, "f", 1, "no node", (), None)
    assert [limited.filter(record) for _ in range(3)] == [True, True, True]
    record.threadName = "ours"
    assert [limited.filter(record) for _ in range(3)] == [True, False, False]


def test_a_filter_of_a_thread_takes_the_place_of_the_one_before_and_no_others() -> None:
    logger = logging.getLogger("flooded")
    everybodys = FloodFilter()
    first, second = FloodFilter(thread="ours"), FloodFilter(thread="ours")
    for limited in (everybodys, first, second, FloodFilter()):
        limited.attach(logger)
    assert logger.filters == [everybodys, second]
    logger.filters.clear()
