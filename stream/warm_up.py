"""Compiling the detectors before there is anything to judge."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sin
from typing import Final

import msgspec
import numpy as np

from detectors.season import DAY_KNOTS, SeasonStandardiser, covariance
from driftlog.records import EVENT, Event, Outputs
from driftlog.settings import ModelSettings, Settings
from stream.book import ReferenceBook
from stream.pipeline import Pipeline
from stream.profile import profile_of_events

__all__ = ["warm_up"]

_MODEL: Final = "warm-up"
_SEGMENT: Final = "some"
_PANES: Final = 4
_ROWS: Final = 60  # a pane
_WORDS: Final = ("some", "words", "that", "stand", "for", "a", "free", "text")
_DAY_MS: Final = 86_400_000
_DAYS: Final = 2  # of the reference, so that it carries a daily cycle
_ROWS_A_DAY: Final = 1_440


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
        # What has moved goes further ways than what is usual: here something moves at once.
        detection=msgspec.structs.replace(settings.detection, min_rows=1, pending_panes=1),
        models=ModelSettings(segments=(_SEGMENT,)),
    )
    usual = [
        _event(number, number * _DAY_MS // _ROWS_A_DAY) for number in range(_DAYS * _ROWS_A_DAY + 1)
    ]
    profile = profile_of_events(usual, model=_MODEL, version="1", origin="file", models=own.models)
    pane = own.stream.pane
    events = [
        _event(
            number,
            (number // _ROWS + 1) * pane + number % _ROWS * pane // _ROWS,
            moved=100.0 if number >= 2 * _ROWS else 0.0,
        )
        for number in range(_PANES * _ROWS)
    ]
    book = ReferenceBook([profile])
    records = [_Record(number, one.ts_ms, EVENT.encode(one)) for number, one in enumerate(events)]
    first, later = Pipeline(own, book), Pipeline(own, book)
    first.feed(records[:-_ROWS])
    first.close()
    state = first.columns.snapshot()
    later.columns.restore({key: value for key, value in state.items() if value is not None})
    later.feed(records[-_ROWS:])  # a stored series is read when it is needed
    later.close()
    _season()


def _season() -> None:
    """A cycle takes days of rows to be found: what it is told by is called as it is."""
    knots = np.ones((1, DAY_KNOTS))
    standardiser = SeasonStandardiser(knots, knots, np.array([[-1.0, 1.0]]))
    standardiser.z(np.zeros((1, 1)), np.zeros(1, dtype=np.int64))
    covariance(knots[0])


def _event(number: int, ts_ms: int, moved: float = 0.0) -> Event:
    score = (number % 11) / 10
    by_hour = sin(2 * pi * ts_ms / _DAY_MS)
    value = number % 7 + 0.5
    return Event(
        event_id=f"{moved:g} {ts_ms}",
        correlation_id=str(number),
        ts_ms=ts_ms,
        model=_MODEL,
        version="1",
        segment=_SEGMENT if number % 2 else None,
        inputs={
            "number": value + moved,
            "follows": 2.0 * value + number % 3,  # so that there is a tie to watch
            "by_hour": value + 5.0 * by_hour,
            "category": "abc"[number % 3],
            "boolean": number % 2 == 0,
            "text": " ".join(_WORDS[number // step % len(_WORDS)] for step in (1, 8, 64, 512)),
        },
        outputs=Outputs(prediction="x", confidence=score, scores={"x": score, "y": 1 - score}),
        latency_ms=1.0 + number % 5,
    )
