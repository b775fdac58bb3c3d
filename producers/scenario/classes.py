"""Kinds that change classes: prior_shift and concept."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from driftlog.errors import InputError
from driftlog.files import FileRow
from driftlog.records import Value
from producers.scenario.kind import Bound, InjectionSpec, Kind, Moment
from producers.scenario.measures import LABEL, PREDICTION, Measures, value_of
from producers.scenario.options import share, text

__all__ = ["KINDS"]

_MANY_LEVELS = 20  # numeric labels with more are a regression's, not classes


def _prior_shift(spec: InjectionSpec, measures: Measures) -> Bound:
    """Resample: each row becomes one of the wanted class, taken from the whole file."""
    column = spec.signals[0] if spec.signals else _classes(measures)
    levels = measures.column(column).levels
    wanted = _wanted(spec, column, [level for level, _ in levels.most_common()])
    members = [row for row in measures.pool if value_of(row, column) == wanted]
    others = [row for row in measures.pool if value_of(row, column) != wanted]
    if not members or not others:
        raise InputError(f"prior_shift needs rows with and without {column} = {wanted!r}")

    def change(row: FileRow, moment: Moment) -> FileRow:
        inside = moment.draw(moment.position) < spec.strength
        if (value_of(row, column) == wanted) == inside:
            return row
        donors = members if inside else others
        donor = donors[int(moment.draw(moment.position, "donor") * len(donors))]
        event = msgspec.structs.replace(
            row.event,
            inputs=donor.event.inputs,
            outputs=donor.event.outputs,
            segment=donor.event.segment,
        )
        return FileRow(row.number, event, donor.label)

    return Bound(change, (column,))


def _classes(measures: Measures) -> str:
    if measures.label.present:
        return LABEL
    if measures.prediction.present:
        return PREDICTION
    raise InputError(
        "prior_shift resamples by class, and the file has neither label nor prediction: name them "
        "with --label or --prediction, or name an input in signals"
    )


def _wanted(spec: InjectionSpec, column: str, levels: Sequence[Value]) -> Value:
    """Return the class whose share is to be ``strength``: by default the last, the rarest."""
    named = spec.text("value")
    if not named:
        return levels[-1]
    for level in levels:
        if str(level).lower() == named.lower():
            return level
    raise InputError(
        f"prior_shift: {column} never holds {named!r}; it holds "
        f"{', '.join(sorted(map(str, levels))[:20])}"
    )


def _concept(spec: InjectionSpec, measures: Measures) -> Bound:
    """Labels change and inputs do not: the model is wrong where it was right."""
    column = measures.label
    if not column.present:
        raise InputError("concept changes labels, and the file has none: name them with --label")
    levels = sorted(column.levels, key=str)
    regression = column.numeric and len(levels) > _MANY_LEVELS
    if not regression and len(levels) < 2:
        raise InputError(f"concept needs labels of two classes; all are {levels[0]!r}")

    def change(row: FileRow, moment: Moment) -> FileRow:
        label = row.label
        if label is None or moment.draw(moment.position) >= spec.strength:
            return row
        if regression:
            if not isinstance(label, (int, float)):
                return row
            return FileRow(row.number, row.event, 2 * column.mean - label)
        rest = [level for level in levels if level != label]
        other = rest[int(moment.draw(moment.position, "class") * len(rest))]
        return FileRow(row.number, row.event, other)

    return Bound(change, (LABEL,))


KINDS = {
    "prior_shift": Kind(
        says="a class (of label, prediction or an input) takes the share strength of the rows",
        bind=_prior_shift,
        strength=share(0.8),
        signals=(0, 1),
        options={"value": text("")},
    ),
    "concept": Kind(
        says="a share of the labels is of another class (numbers: mirrored at their mean)",
        bind=_concept,
        strength=share(0.5),
        signals=(0, 0),
    ),
}
