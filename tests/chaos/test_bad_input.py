"""Bad input costs itself alone."""

from __future__ import annotations

from rich.console import Console

from tests.chaos.bad_input import ROW
from tests.chaos.row import Report


async def test_bad_input_costs_itself_alone() -> None:
    report = Report("bad_input", Console(soft_wrap=True))
    await ROW.run(report, short=True)
    assert report.failed == []
