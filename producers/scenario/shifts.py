"""Kinds that move numbers: sudden, gradual, incremental, recurring, unit_error."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import msgspec

from driftlog.files import FileRow
from driftlog.records import Nested, Value
from producers.scenario.kind import Bound, InjectionSpec, Kind, Moment, Stretch, need
from producers.scenario.measures import Measures
from producers.scenario.options import any_number, choice, positive, share, whole

__all__ = ["KINDS", "with_inputs"]


def with_inputs(row: FileRow, changed: Mapping[str, Value | Nested]) -> FileRow:
    """Return the row with these inputs replaced; the same row where there are none."""
    if not changed:
        return row
    event = msgspec.structs.replace(row.event, inputs={**row.event.inputs, **changed})
    return FileRow(row.number, event, row.label)


def _numbers(row: FileRow, signals: Iterable[str]) -> Iterable[tuple[str, float]]:
    for signal in signals:
        value = row.event.inputs.get(signal)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield signal, value


def _shift(part: Callable[[Moment, InjectionSpec, str], float]) -> Callable[..., Bound]:
    """Add to each number its share (0 to 1) of the whole shift."""

    def bind(spec: InjectionSpec, measures: Measures) -> Bound:
        need(measures, spec, numeric=True)
        in_sd = spec.text("unit") == "sd"
        shifts = {
            signal: spec.strength * (measures.inputs[signal].sd if in_sd else 1.0)
            for signal in spec.signals
        }

        def change(row: FileRow, moment: Moment) -> FileRow:
            changed: dict[str, Value] = {}
            for signal, value in _numbers(row, spec.signals):
                if moved := part(moment, spec, signal) * shifts[signal]:
                    changed[signal] = value + moved
            return with_inputs(row, changed)

        return Bound(change, spec.signals, int(math.copysign(1, spec.strength)))

    return bind


def _risen(moment: Moment, spec: InjectionSpec) -> float:
    return min(1.0, moment.progress / spec.number("ramp"))


def _whole(moment: Moment, spec: InjectionSpec, signal: str) -> float:
    return 1.0


def _mixed(moment: Moment, spec: InjectionSpec, signal: str) -> float:
    # One draw a row: a row is of the old world or of the new one, in all its signals.
    return float(moment.draw(moment.position) < _risen(moment, spec))


def _growing(moment: Moment, spec: InjectionSpec, signal: str) -> float:
    return _risen(moment, spec)


def _cycles(spec: InjectionSpec, whole_stretch: Stretch) -> tuple[Stretch, ...]:
    start, end = whole_stretch
    parts = 2 * int(spec.number("cycles")) - 1
    cuts = [start + (end - start) * part // parts for part in range(parts + 1)]
    return tuple((cuts[i], cuts[i + 1]) for i in range(0, parts, 2) if cuts[i] < cuts[i + 1])


def _unit_error(spec: InjectionSpec, measures: Measures) -> Bound:
    need(measures, spec, numeric=True)

    def change(row: FileRow, moment: Moment) -> FileRow:
        return with_inputs(
            row, {signal: value * spec.strength for signal, value in _numbers(row, spec.signals)}
        )

    moves = {(spec.strength - 1) * measures.inputs[signal].mean for signal in spec.signals}
    signs = {(move > 0) - (move < 0) for move in moves}
    return Bound(change, spec.signals, signs.pop() if len(signs) == 1 else 0)


_UNIT = choice("sd", "absolute")

KINDS = {
    "sudden": Kind(
        says="the mean moves at once by strength (in sd of the column, or absolute)",
        bind=_shift(_whole),
        strength=any_number(1.0),
        options={"unit": _UNIT},
    ),
    "gradual": Kind(
        says="more and more rows are moved by strength, until all are, after the ramp",
        bind=_shift(_mixed),
        strength=any_number(1.0),
        options={"unit": _UNIT, "ramp": share(1.0)},
    ),
    "incremental": Kind(
        says="the shift itself grows to strength, which it reaches after the ramp",
        bind=_shift(_growing),
        strength=any_number(1.0),
        options={"unit": _UNIT, "ramp": share(1.0)},
    ),
    "recurring": Kind(
        says="a sudden shift that comes and goes, in cycles of equal length",
        bind=_shift(_whole),
        strength=any_number(1.0),
        options={"unit": _UNIT, "cycles": whole(3, 2)},
        stretches=_cycles,
    ),
    "unit_error": Kind(
        says="numbers are multiplied by strength, as by a wrong unit",
        bind=_unit_error,
        strength=positive(100.0),
    ),
}
