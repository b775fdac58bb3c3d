"""Compiling the detectors before there is anything to judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from driftlog.records import EVENT, Event, Outputs
from driftlog.settings import ModelSettings, Settings
from stream.book import ReferenceBook
from stream.pipeline import Pipeline
from stream.profile import profile_of_events

__all__ = ["warm_up"]

_MODEL: Final = "warm-up"
_SEGMENT: Final = "some"
_PANES: Final = 3
_ROWS: Final = 30  # a pane


@dataclass(frozen=True, slots=True)
class _Record:
    offset: int
    timestamp: int
    value: bytes
    topic: str = _MODEL
    partition: int = 0
    timestamp_type: int = 0
    key: bytes | None = None


def warm_up(settings: Settings) -> None:
    """Take a few rows of no meaning all the way, and state to bytes and back.

    A kernel is compiled at its first call: seconds each on a machine that has none of them cached,
    half a minute of all together on a busy one. At the first pane that would stop the event loop:
    the group would give the partitions away, and the watchdog end the process. Call it in a thread,
    before the worker joins its groups; compiled kernels are found again by later processes.

    Args:
        settings: ``stream`` and ``detection`` are read, for the detectors that will run.
    """
    own = Settings(
        stream=settings.stream,
        detection=settings.detection,
        models=ModelSettings(segments=(_SEGMENT,)),
    )
    events = [_event(number, own.stream.pane) for number in range(_PANES * _ROWS)]
    profile = profile_of_events(events, model=_MODEL, version="1", origin="file", models=own.models)
    book = ReferenceBook([profile])
    records = [_Record(number, one.ts_ms, EVENT.encode(one)) for number, one in enumerate(events)]
    first, later = Pipeline(own, book), Pipeline(own, book)
    first.feed(records[:-_ROWS])
    first.close()
    state = first.columns.snapshot()
    later.columns.restore({key: value for key, value in state.items() if value is not None})
    later.feed(records[-_ROWS:])  # a stored series is read when it is needed
    later.close()


def _event(number: int, pane_ms: int) -> Event:
    score = (number % 11) / 10
    return Event(
        event_id=str(number),
        correlation_id=str(number),
        ts_ms=(number // _ROWS + 1) * pane_ms + number % _ROWS * pane_ms // _ROWS,
        model=_MODEL,
        version="1",
        segment=_SEGMENT if number % 2 else None,
        inputs={
            "number": number % 7 + 0.5,
            "category": "abc"[number % 3],
            "boolean": number % 2 == 0,
        },
        outputs=Outputs(prediction="x", confidence=score, scores={"x": score, "y": 1 - score}),
        latency_ms=1.0 + number % 5,
    )
