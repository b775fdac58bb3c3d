"""Fixtures of the stream's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.stream.scripted_kafka import Bench, MakeBench


@pytest.fixture
async def make_bench() -> AsyncIterator[MakeBench]:
    """Return a maker of benches: a Faust consumer each, on a scripted broker."""
    made: list[Bench] = []

    def make(*args: Any, **kwargs: Any) -> Bench:
        made.append(Bench(*args, **kwargs))
        return made[-1]

    yield make
    for bench in made:
        await bench.close()
