"""Short forms of the rows, as tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from rich.console import Console

from driftlog.testing.cluster import KafkaCluster
from tests.chaos.row import Report, Row

ShortForm = Callable[[str, Row], Awaitable[Report]]


@pytest.fixture
def short_form(driftlog_kafka: KafkaCluster, monkeypatch: pytest.MonkeyPatch) -> ShortForm:
    """Run a row in its short form on the Kafka that all tests share; what it says is printed."""
    monkeypatch.setenv("DRIFTLOG_KAFKA", driftlog_kafka.bootstrap)

    async def run(name: str, row: Row) -> Report:
        report = Report(name, Console(soft_wrap=True))
        await row.run(report, short=True)
        return report

    return run
