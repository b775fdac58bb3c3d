"""What the monitor says where its end is not the orderly one."""

from __future__ import annotations

import asyncio
import logging

import pytest

from driftlog.errors import StateError
from driftlog.settings import Duration, Settings, StreamSettings
from stream.app import Monitor
from stream.judging import Judging
from stream.topics import Topics


@pytest.fixture
def monitor(monkeypatch: pytest.MonkeyPatch) -> Monitor:
    """A monitor whose app neither starts nor ends anything."""

    async def nothing() -> None: ...

    settings = Settings(stream=StreamSettings(checkpoint_interval=Duration(1)))
    found = Monitor(settings, Topics.of(settings), Judging(settings), lambda _: None)
    for name in ("start", "stop"):
        monkeypatch.setattr(found.app, name, nothing)
    return found


async def test_a_last_checkpoint_that_fails_is_said_and_not_passed_over(
    monitor: Monitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refused() -> None:
        raise RuntimeError("an earlier record was lost")

    monkeypatch.setattr(monitor, "checkpoint", refused)
    async with monitor.running():
        pass
    assert "ended without a last checkpoint: an earlier record was lost" in caplog.text


async def test_an_end_in_a_rebalance_says_that_there_was_no_checkpoint(
    monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with monitor.running():
        monitor.app.rebalancing = True
    assert "no last checkpoint: told to end in a rebalance" in caplog.text


async def test_told_to_end_while_it_writes_a_checkpoint_it_writes_a_last_one(
    monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[int] = []
    writing, done = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        began.append(len(began))
        writing.set()
        await done.wait()

    monkeypatch.setattr(monitor, "checkpoint", slow)
    async with monitor.running():
        await writing.wait()
        asyncio.get_running_loop().call_soon(done.set)
    assert len(began) == 2


async def test_records_of_a_partition_without_its_state_are_refused(monitor: Monitor) -> None:
    with pytest.raises(StateError, match=r"partition 5 of \S*columns .* before its state is there"):
        monitor._runner("monitor", 5)
