"""Workers that join and leave leave no trace in what is told."""

from __future__ import annotations

import pytest

from tests.chaos.conftest import ShortForm
from tests.chaos.rebalances import ROW


@pytest.mark.kafka
async def test_joins_and_leaves_leave_no_trace_in_what_is_told(short_form: ShortForm) -> None:
    assert (await short_form("rebalances", ROW)).failed == []
