"""Rows of a made-up file: two numbers, a category, a flag, outputs and a label."""

from __future__ import annotations

import random

from driftlog.files import FileRow
from driftlog.records import Event, Outputs

__all__ = ["made_rows"]


def made_rows(
    count: int, seed: int = 0, start_ms: int = 1_000_000, step_ms: int = 100
) -> list[FileRow]:
    """Return rows that are the same for the same seed."""
    chance = random.Random(seed)
    rows = []
    for number in range(count):
        late = chance.random() < 0.3
        event = Event(
            event_id=f"file-{number}",
            correlation_id=f"req-{number}",
            ts_ms=start_ms + number * step_ms,
            model="m",
            version="1",
            inputs={
                "distance": chance.gauss(100.0, 10.0),
                "seats": chance.randint(50, 300),
                "carrier": chance.choice(["AA", "DL", "UA"]),
                "holiday": chance.random() < 0.1,
                "gust": None if chance.random() < 0.5 else chance.gauss(20.0, 5.0),
            },
            outputs=Outputs(
                prediction="late" if late else "on_time",
                confidence=chance.uniform(0.6, 1.0),
                scores={"late": 0.9, "on_time": 0.1},
            ),
            latency_ms=chance.uniform(1, 5),
        )
        rows.append(FileRow(number, event, "late" if late else "on_time"))
    return rows
