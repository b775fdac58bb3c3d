"""The short form of the shutdown row."""

from __future__ import annotations

from rich.console import Console

from tests.chaos.row import Report
from tests.chaos.shutdown import ROW


async def test_told_to_end_at_any_moment_it_ends_in_order_and_nothing_is_lost() -> None:
    report = Report("shutdown", Console(stderr=True, soft_wrap=True))
    await ROW.run(report, short=True)
    assert report.failed == []
