"""A broker that is killed, restarted and frozen leaves no trace in what is told."""

from __future__ import annotations

import pytest
from rich.console import Console

from tests.chaos.outages import ROW
from tests.chaos.row import Report


@pytest.mark.kafka
async def test_a_broker_that_goes_and_freezes_leaves_no_trace_in_what_is_told() -> None:
    # On a broker of its own: what is done to it would hit every other test.
    report = Report("outages", Console(soft_wrap=True))
    await ROW.run(report, short=True)
    assert report.failed == []
