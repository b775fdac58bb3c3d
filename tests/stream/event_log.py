"""An event log in memory: several models and versions, segments, ties, and drift at its half."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from driftlog.records import EVENT, Event, Outputs, ReferenceProfile
from driftlog.settings import ModelSettings, Settings, load_settings
from stream.profile import profile_of_events

SEGMENTS = ("EWR", "JFK", "LGA")
PANE_MS = 1_000


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A record as a broker gives it."""

    partition: int
    offset: int
    value: bytes | None
    timestamp: int = 0
    topic: str = "events"
    timestamp_type: int = 0
    key: bytes | None = None


def settings(**changes: Any) -> Settings:
    """Small windows, so that short logs hold incidents; keys with ``__`` for the dot."""
    small: dict[str, Any] = {
        "stream.pane": "1s",
        "stream.window_panes": 12,
        "stream.allowed_lateness": "4s",
        "detection.min_rows": 30,
        "detection.resolve_panes": 4,
        "detection.alarm_budget": 100.0,
        "models.learn_rows": 200,
    }
    small |= {key.replace("__", "."): value for key, value in changes.items()}
    return load_settings(environ={}, overrides=small)


@dataclass(frozen=True)
class World:
    """What makes the events of one model version.

    Args:
        model: its name.
        version: its version.
        rate: events a second.
        shift: sd by which ``distance`` moves in the drifted part.
        wide: further numbers ``x0`` ...
    """

    model: str = "late"
    version: str = "1"
    rate: int = 25
    shift: float = 2.0
    wide: int = 0
    seed: int = 0

    def events(self, seconds: float, since_s: float = 0.0, drift_at_s: float = 1e9) -> list[Event]:
        """Return events in order of time; every fourth has the time of the one before."""
        rng = np.random.default_rng([self.seed, len(self.model), int(self.version)])
        count = int(seconds * self.rate)
        times = np.sort(rng.integers(0, int(seconds * 1000), count)) + int(since_s * 1000)
        times[3::4] = times[2::4][: len(times[3::4])]
        made = []
        for i, ts_ms in enumerate(times.tolist()):
            drifted = ts_ms >= drift_at_s * 1000
            distance = float(rng.normal(1000, 200)) + (self.shift * 200 if drifted else 0.0)
            late = bool(rng.random() < 0.3)
            made.append(
                Event(
                    event_id=f"{self.model}-{self.version}-{since_s:.0f}-{i}",
                    correlation_id=f"req-{self.model}-{self.version}-{since_s:.0f}-{i}",
                    ts_ms=ts_ms,
                    model=self.model,
                    version=self.version,
                    inputs={
                        "distance": round(distance, 1),
                        "temp": None if rng.random() < 0.05 else round(float(rng.normal(15, 8)), 1),
                        "carrier": str(rng.choice(["UA", "AA", "DL"], p=[0.5, 0.3, 0.2])),
                        "holiday": bool(rng.random() < 0.1),
                        **{
                            f"x{k}": round(float(rng.normal()) + (k % 3) * drifted, 3)
                            for k in range(self.wide)
                        },
                    },
                    segment=str(rng.choice([*SEGMENTS, "BOS"], p=[0.4, 0.3, 0.2, 0.1])),
                    outputs=Outputs(
                        prediction="late" if late else "on_time",
                        confidence=round(float(rng.beta(5, 2 + 2 * drifted)), 4),
                    ),
                    latency_ms=round(float(rng.lognormal(1.0, 0.4)), 3),
                )
            )
        return made

    def profile(self, models: ModelSettings, seconds: float = 24.0) -> ReferenceProfile:
        """Return the reference: of further quiet events."""
        return profile_of_events(
            World(self.model, self.version, self.rate, 0.0, self.wide, self.seed + 1).events(
                seconds
            ),
            model=self.model,
            version=self.version,
            origin="file",
            models=models,
        )


def merged(*parts: Sequence[Event]) -> list[Event]:
    """Return all events in order of time, those of equal time in the order given."""
    return sorted((event for part in parts for event in part), key=lambda event: event.ts_ms)


def records(events: Sequence[Event], partition: int = 0) -> list[LogEntry]:
    """Return the events as one partition of the log, in the order given."""
    return [
        LogEntry(partition, offset, EVENT.encode(event), timestamp=event.ts_ms)
        for offset, event in enumerate(events)
    ]


def spread(events: Sequence[Event], partitions: int) -> list[list[LogEntry]]:
    """Return the events as a log of several partitions, each in the order given."""
    parts: list[list[Event]] = [[] for _ in range(partitions)]
    for event in events:
        parts[sum(event.event_id.encode()) % partitions].append(event)
    return [records(part, partition) for partition, part in enumerate(parts)]


def batches(entries: Sequence[LogEntry], size: int) -> Iterator[list[LogEntry]]:
    """Cut a partition."""
    for at in range(0, len(entries), size):
        yield list(entries[at : at + size])
