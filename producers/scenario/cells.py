"""Kinds that damage single cells: nulls, new_category, feature_swap."""

from __future__ import annotations

from driftlog.files import FileRow
from driftlog.records import Value
from producers.scenario.kind import Bound, InjectionSpec, Kind, Moment, need
from producers.scenario.measures import Measures
from producers.scenario.options import share, text
from producers.scenario.shifts import with_inputs

__all__ = ["KINDS"]


def _replaced(spec: InjectionSpec, measures: Measures, by: Value) -> Bound:
    need(measures, spec)

    def change(row: FileRow, moment: Moment) -> FileRow:
        return with_inputs(
            row,
            {
                signal: by
                for signal in spec.signals
                if row.event.inputs.get(signal, by) != by
                and moment.draw(moment.position, signal) < spec.strength
            },
        )

    return Bound(change, spec.signals)


def _nulls(spec: InjectionSpec, measures: Measures) -> Bound:
    return _replaced(spec, measures, None)


def _new_category(spec: InjectionSpec, measures: Measures) -> Bound:
    return _replaced(spec, measures, spec.text("value"))


def _feature_swap(spec: InjectionSpec, measures: Measures) -> Bound:
    need(measures, spec)
    one, other = spec.signals

    def change(row: FileRow, moment: Moment) -> FileRow:
        inputs = row.event.inputs
        if one not in inputs or other not in inputs:
            return row
        if moment.draw(moment.position) >= spec.strength:
            return row
        return with_inputs(row, {one: inputs[other], other: inputs[one]})

    return Bound(change, spec.signals)


KINDS = {
    "nulls": Kind(
        says="a share of the cells is null",
        bind=_nulls,
        strength=share(0.3),
    ),
    "new_category": Kind(
        says="a share of the cells holds a level that was never seen",
        bind=_new_category,
        strength=share(0.3),
        options={"value": text("never_seen")},
    ),
    "feature_swap": Kind(
        says="two inputs change places, in a share of the rows",
        bind=_feature_swap,
        strength=share(1.0),
        signals=(2, 2),
    ),
}
