"""What retention took is told exactly; offsets that were never a record are no loss."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaConnectionError

from stream.gaps import lost_between, reading_position

EVENTS = TopicPartition("events", 0)


class Log:
    """A consumer of a log that begins at an offset, or says an error."""

    def __init__(self, begins_at: int = 0, error: Exception | None = None) -> None:
        self.begins_at = begins_at
        self.error = error

    async def beginning_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        if self.error is not None:
            raise self.error
        return dict.fromkeys(tps, self.begins_at)

    async def position(self, _: TopicPartition) -> int:
        if self.error is not None:
            raise self.error
        return self.begins_at


@pytest.mark.parametrize(
    ("begins_at", "expected", "found", "lost"),
    [
        (100, 40, 100, 60),  # retention
        (0, 40, 41, 0),  # a transaction's marker
        (40, 40, 45, 0),  # compaction
        (42, 40, 45, 2),  # both
        (90, 40, 60, 20),  # more is gone by now, but what was found was read
    ],
)
async def test_lost_is_what_lies_before_the_start_of_the_log(
    begins_at: int, expected: int, found: int, lost: int
) -> None:
    assert await lost_between(Log(begins_at), EVENTS, expected, found) == lost


async def test_a_broker_that_does_not_say_leaves_the_worst_to_be_assumed() -> None:
    log = Log(error=KafkaConnectionError())
    assert await lost_between(log, EVENTS, 40, 45) == 5


@pytest.mark.parametrize("error", [KafkaConnectionError(), IllegalStateError()])
async def test_a_position_that_is_not_known_is_none(error: Exception) -> None:
    assert await reading_position(Log(7), EVENTS) == 7
    assert await reading_position(Log(error=error), EVENTS) is None


async def test_a_position_that_is_being_found_is_not_waited_for() -> None:
    class Silent(Log):
        async def position(self, _: TopicPartition) -> int:
            await asyncio.Event().wait()
            raise AssertionError("never")

    unanswering: Any = Silent()
    assert await reading_position(unanswering, EVENTS) is None
