"""A scenario fitted to a file: changes the rows as they go by, and knows what it did."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from driftlog.errors import InputError
from driftlog.files import FileRow
from producers.scenario.catalogue import KINDS
from producers.scenario.draw import Draw
from producers.scenario.kind import Bound, InjectionSpec, Moment, Place, Stretch
from producers.scenario.measures import Measures
from producers.scenario.truth import Injection

__all__ = ["Injector"]


@dataclass(slots=True)
class _Active:
    """One stretch of one injection, and what was done in it."""

    spec: InjectionSpec
    bound: Bound
    step: int
    stretch: Stretch
    draw: Draw
    start_ms: int | None = None
    end_ms: int | None = None  # time of the first row after, once it has gone by
    last_ms: int = 0
    touched: int = 0


class Injector:
    """Applies injections, in their order, to each row of a stream.

    Chance depends on the seed, the injection and the row's position only, so the same seed gives
    the same stream, and a replay resumed at any row goes on as if it had not been interrupted.
    Where an injection does nothing, the very same row passes.

    Args:
        specs: the injections; later ones see what earlier ones made.
        measures: of the file (`producers.scenario.measures.measure`).
        seed: of all chance.

    Raises:
        InputError: an injection does not fit the file: an unknown signal, no rows in its stretch,
            labels or outputs that are not there; names it and the mend.
    """

    def __init__(self, specs: Sequence[InjectionSpec], measures: Measures, seed: int = 0) -> None:
        self._active: list[_Active] = []
        for step, spec in enumerate(specs):
            kind = KINDS[spec.kind]
            whole = _stretch(spec, step, measures)
            bound = kind.bind(spec, measures)
            self._active += [
                _Active(spec, bound, step, stretch, Draw(seed, step))
                for stretch in kind.stretches(spec, whole)
            ]

    def apply(self, rows: Iterable[FileRow], first: int = 0) -> Iterator[tuple[int, FileRow]]:
        """Yield position and changed row; rows that are held back (an outage) are missing.

        Args:
            rows: in order, with the event times with which they will be sent.
            first: position of the first of them, when a replay is resumed.
        """
        for position, row in enumerate(rows, first):
            changed = self.change(position, row)
            if changed is not None:
                yield position, changed

    def change(self, position: int, row: FileRow) -> FileRow | None:
        """Return one row as the scenario would have it, or None where it is held back."""
        current: FileRow | None = row
        ts_ms = row.event.ts_ms
        for active in self._active:
            start, end = active.stretch
            if position < start:
                continue
            if position >= end:
                if active.start_ms is not None and active.end_ms is None:
                    active.end_ms = ts_ms
                continue
            if active.start_ms is None:
                active.start_ms = ts_ms
            active.last_ms = ts_ms
            if current is None:
                continue
            moment = Moment(position, (position - start) / (end - start), active.draw)
            changed = active.bound.change(current, moment)
            active.touched += changed is not current
            current = changed
        return current

    def truth(self) -> list[Injection]:
        """Return what has been injected so far, in order of time."""
        made = [_record(active) for active in self._active if active.start_ms is not None]
        return sorted(made, key=lambda one: (one.start_row, one.step))

    def forget(self) -> None:
        """Begin anew, for the next pass of a loop."""
        for active in self._active:
            active.start_ms = active.end_ms = None
            active.touched = 0


def _record(active: _Active) -> Injection:
    start_ms = active.start_ms
    assert start_ms is not None  # only stretches that have begun are recorded
    return Injection(
        kind=active.spec.kind,
        signals=active.bound.signals,
        start_row=active.stretch[0],
        end_row=active.stretch[1],
        start_ms=start_ms,
        end_ms=active.last_ms + 1 if active.end_ms is None else active.end_ms,
        strength=active.spec.strength,
        direction=active.bound.direction,
        touched=active.touched,
        step=active.step,
        label=active.spec.name,
    )


def _stretch(spec: InjectionSpec, step: int, measures: Measures) -> Stretch:
    start = _position(spec.start, measures)
    end = min(_position(spec.end, measures), measures.rows)
    if start >= end:
        raise InputError(
            f"injection {step} ({spec.kind}) touches no row: it goes from {_said(spec.start)} to "
            f"{_said(spec.end)}, which are rows {start} to {end} of {measures.rows}"
        )
    return start, end


def _position(place: Place, measures: Measures) -> int:
    if isinstance(place, datetime):
        moment = place if place.tzinfo else place.replace(tzinfo=UTC)
        return bisect_left(measures.times, round(moment.timestamp() * 1000))
    if isinstance(place, int):
        return place
    return int(place * measures.rows)


def _said(place: Place) -> str:
    if isinstance(place, datetime):
        return place.isoformat()
    return f"row {place}" if isinstance(place, int) else f"{place:.4g} of the rows"
