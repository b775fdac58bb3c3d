"""A log with everything that makes the same answer twice hard, and what is known of it.

Four partitions, three model versions, ties, rows out of order, rows that are late, one partition
that lags behind the others. Which rows are late is found here row by row from the definition, and
not by the code under test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any, Final

import orjson

from driftlog.decode import decode_event
from driftlog.records import Event, ReferenceProfile
from driftlog.settings import ModelSettings
from driftlog.testing.events import EventFactory
from stream.profile import profile_of_events

__all__ = ["NAMES", "PARTITIONS", "PER_SECOND", "START_MS", "Row", "SyntheticLog", "references"]

PARTITIONS: Final = 4
NAMES: Final = (("flight-delay", "1"), ("flight-delay", "2"), ("fares", "1"))
PER_SECOND: Final = 20  # rows of each of them
START_MS: Final = 1_732_100_000_000
_TIE_MS: Final = 50  # times are multiples of it, so that most rows share theirs with another
_JITTER_MS: Final = 800  # how far a punctual row may come out of order
_STRAGGLERS: Final = 0.06  # share of rows that come long after their time
_LAGGING: Final = 3  # partition
_LAG_MS: Final = 2_500


@dataclass(frozen=True, slots=True)
class Row:
    """One record of the log: where it is, and what is in it."""

    partition: int
    offset: int
    ts_ms: int
    model: str
    version: str
    value: bytes
    event_id: str


class SyntheticLog:
    """The log, in the order of writing; the same arguments make the same bytes.

    From a third to two thirds of it ``distance`` of flight-delay 2 lies 2 sd too high, and from
    its middle on a third of the fares has a carrier nobody knows. flight-delay 1 stays as it was.

    Args:
        panes: how many seconds of event time it covers.
        seed: of everything drawn.
    """

    def __init__(self, panes: int = 30, seed: int = 5) -> None:
        self.panes = panes
        self.end_ms = START_MS + panes * 1000
        draw = Random(f"log {seed}")
        arrivals: list[tuple[float, int, int, dict[str, Any]]] = []
        for event in self._events(seed, draw):
            ts_ms = event["ts_ms"]
            delay = draw.random() * _JITTER_MS
            if draw.random() < _STRAGGLERS:
                delay += 1_200 + draw.random() * 3_000
            partition = draw.randrange(PARTITIONS)
            lag = _LAG_MS if partition == _LAGGING else 0
            arrivals.append((ts_ms + delay + lag, len(arrivals), partition, event))
        self.rows: list[Row] = []
        offsets = dict.fromkeys(range(PARTITIONS), 0)
        for _, _, partition, event in sorted(arrivals, key=lambda one: one[:2]):
            self.rows.append(_row(partition, offsets[partition], event))
            offsets[partition] += 1

    def _events(self, seed: int, draw: Random) -> Iterator[dict[str, Any]]:
        for model, version in NAMES:
            factory = EventFactory(model, version, seed=seed)
            count = self.panes * PER_SECOND
            for number in range(count):
                exact = START_MS + number * 1000 // PER_SECOND
                event = factory.event(ts_ms=exact - exact % _TIE_MS)
                if (model, version) == NAMES[1] and count // 3 <= number < 2 * count // 3:
                    event["inputs"]["distance"] += 400.0
                if model == "fares" and number >= count // 2 and draw.random() < 1 / 3:
                    event["inputs"]["carrier"] = "ZZ"
                yield event

    @cached_property
    def _punctual(self) -> list[Row]:
        return self.punctual()

    def late(self, allowed_ms: int = 1_000) -> set[str]:
        """Return the ids of the late rows: earlier than the newest punctual one of their partition
        before them, less the allowed lateness."""
        newest: dict[int, int] = {}
        found = set()
        for row in self.rows:
            if row.ts_ms < newest.get(row.partition, row.ts_ms) - allowed_ms:
                found.add(row.event_id)
            else:
                newest[row.partition] = max(newest.get(row.partition, row.ts_ms), row.ts_ms)
        return found

    def punctual(self) -> list[Row]:
        """Return all other rows, as a file sorted by time has them."""
        late = self.late()
        kept = [row for row in self.rows if row.event_id not in late]
        return sorted(kept, key=lambda row: row.ts_ms)

    def places(self) -> dict[tuple[int, int], Row]:
        """Return the rows by partition and offset."""
        return {(row.partition, row.offset): row for row in self.rows}

    def spans(self, model: str, version: str, pane_ms: int) -> dict[str, tuple[int, int]]:
        """Return by partition the first and last offset of a pane's punctual rows.

        Args:
            model: of the rows.
            version: of the rows.
            pane_ms: start of the pane, one second long.
        """
        found: dict[int, list[int]] = {}
        for row in self._punctual:
            if (row.model, row.version, row.ts_ms // 1000 * 1000) == (model, version, pane_ms):
                found.setdefault(row.partition, []).append(row.offset)
        return {str(p): (min(held), max(held)) for p, held in sorted(found.items())}

    def records(self, first_pane: int = 0, last_pane: int | None = None) -> list[tuple[int, bytes]]:
        """Return (partition, value) of the rows in the order of writing, cut into equal parts.

        Args:
            first_pane: how many seconds' worth of rows to leave out at the beginning.
            last_pane: where to stop; none: at the end.
        """
        each = len(NAMES) * PER_SECOND
        stop = None if last_pane is None else last_pane * each
        return [(row.partition, row.value) for row in self.rows[first_pane * each : stop]]


def references(step_ms: int = 33) -> list[ReferenceProfile]:
    """Return what is usual for each of the model versions, learned from rows of their own.

    Args:
        step_ms: between two rows of one of them, which is their usual traffic.
    """
    return [
        profile_of_events(
            [
                _event(orjson.dumps(event))
                for event in EventFactory(model, version, seed=77, step_ms=step_ms).events(4_000)
            ],
            model=model,
            version=version,
            origin="file",
            models=ModelSettings(),
        )
        for model, version in NAMES
    ]


def _event(raw: bytes) -> Event:
    found = decode_event(raw)
    assert isinstance(found, Event), found
    return found


def _row(partition: int, offset: int, event: dict[str, Any]) -> Row:
    return Row(
        partition=partition,
        offset=offset,
        ts_ms=event["ts_ms"],
        model=event["model"],
        version=event["version"],
        value=orjson.dumps(event),
        event_id=event["event_id"],
    )
