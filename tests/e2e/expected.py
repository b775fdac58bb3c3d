"""What must be told of a log: by the pure pipeline, over a file sorted by time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from driftlog.records import VERDICT, Alert, Onset, ReferenceProfile, SignalVerdict, Verdict
from driftlog.settings import Settings
from stream.book import ReferenceBook
from stream.pipeline import Pipeline
from stream.routing import Shard, series_name
from tests.e2e.synthetic import Row

__all__ = ["Expected", "FileRecord", "expected", "placeless", "shard_key"]


@dataclass(frozen=True, slots=True)
class Expected:
    """Verdicts by (series and shard, end of the pane), and alerts in order."""

    verdicts: dict[tuple[str, int], Verdict]
    alerts: list[Alert]


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A row as a file gives it: one partition, numbered in the order of time."""

    offset: int
    value: bytes
    topic: str = "file"
    partition: int = 0
    timestamp: int = 0
    timestamp_type: int = 0
    key: bytes | None = None


def expected(
    rows: Sequence[Row], profiles: Sequence[ReferenceProfile], settings: Settings
) -> Expected:
    """Run the pipeline over punctual rows in order of time, and close the last pane."""
    pipeline = Pipeline(settings, ReferenceBook(profiles))
    records = [FileRecord(offset, row.value) for offset, row in enumerate(rows)]
    steps = [pipeline.feed(records[at : at + 97]) for at in range(0, len(records), 97)]
    steps.append(pipeline.close())
    assert not sum(step.late for step in steps)
    assert not [letter for step in steps for letter in step.dead]
    return Expected(
        {(shard_key(v), v.pane_end_ms): v for step in steps for v in step.verdicts},
        [alert for step in steps for alert in step.alerts],
    )


def shard_key(verdict: Verdict) -> str:
    """Key of a verdict on its topic."""
    series = series_name(verdict.model, verdict.version, verdict.segment)
    return Shard(series, verdict.shard, verdict.shards, verdict.segment, ()).key


def placeless(verdict: Verdict) -> bytes:
    """Return a verdict without partitions and offsets, which a file numbers differently."""
    return VERDICT.encode(
        replace(verdict, offsets={}, signals=tuple(_placeless(one) for one in verdict.signals))
    )


def _placeless(signal: SignalVerdict) -> SignalVerdict:
    if signal.onset is None:
        return signal
    return replace(signal, onset=Onset(ts_ms=signal.onset.ts_ms))
