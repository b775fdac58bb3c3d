"""The watchdog sees both halves of a worker, and which groups have let it in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from stream import observing
from stream.observing import look
from stream.watchdog import Observation, Partition

READ = Partition(read=5, end=9, committed=5, committable=5)
JUDGED = Partition(read=7, end=7, committed=7, committable=7)


class _Ingest:
    ready = True
    away = False

    async def progress(self) -> dict[str, Partition]:
        if self.away:
            raise KafkaConnectionError
        return {"events-0": READ}


@pytest.fixture
def monitor(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A monitor whose app shows what the test sets."""
    made = SimpleNamespace(
        assignments=1, app=None, seen=Observation(at=3.0, partitions={"columns-0": JUDGED})
    )

    async def observe(*_: object) -> Observation:
        found: Observation = made.seen
        return found

    monkeypatch.setattr(observing, "observe", observe)
    return made


async def test_the_partitions_of_both_halves_are_seen(monitor: Any) -> None:
    ingest: Any = _Ingest()
    seen = await look(monitor, ingest, 3.0)
    assert seen.partitions == {"columns-0": JUDGED, "events-0": READ}
    assert seen.broker_answers and not seen.outside


async def test_a_half_alone_is_watched_too() -> None:
    ingest: Any = _Ingest()
    seen = await look(None, ingest, 3.0)
    assert seen == Observation(at=3.0, partitions={"events-0": READ})


async def test_a_broker_that_does_not_tell_ingest_is_away(monitor: Any) -> None:
    ingest: Any = _Ingest()
    ingest.away = True
    assert not (await look(monitor, ingest, 3.0)).broker_answers


async def test_what_waits_for_its_first_partitions_is_outside_and_does_not_recover(
    monitor: Any,
) -> None:
    """Faust calls it a rebalance; what mends it, and what to look at, is another thing."""
    ingest: Any = _Ingest()
    ingest.ready = False
    monitor.assignments = 0
    monitor.seen = Observation(at=3.0, recovering=True)
    seen = await look(monitor, ingest, 3.0)
    assert seen.outside == {"ingest", "the monitor"} and not seen.recovering
