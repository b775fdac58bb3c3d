"""What the capture client writes to the log of the service that it is in."""

from __future__ import annotations

import logging

import pytest

from driftlog.capture.warning import Warnings
from tests.hostile_names import HOSTILE, harmless


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_no_name_forges_a_line_in_the_log_of_the_service(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    warn = Warnings()
    with caplog.at_level(logging.WARNING):
        warn("failed", "a record could not be made: %s", ValueError(name))
        warn("dropped", "100% of the buffer is full")
    first, second = (record.getMessage() for record in caplog.records)
    assert "\n" not in harmless(first)
    assert first.startswith("a record could not be made: ")
    assert second == "100% of the buffer is full"
