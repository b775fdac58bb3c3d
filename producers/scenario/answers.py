"""Kinds that change what the service answers: confidence_collapse, latency, errors, outage."""

from __future__ import annotations

import msgspec

from driftlog.errors import InputError
from driftlog.files import FileRow
from driftlog.records import Event, Outputs
from producers.scenario.kind import Bound, InjectionSpec, Kind, Moment
from producers.scenario.measures import Measures
from producers.scenario.options import positive, share

__all__ = ["KINDS"]


def _with(row: FileRow, event: Event) -> FileRow:
    return FileRow(row.number, event, row.label)


def _confidence_collapse(spec: InjectionSpec, measures: Measures) -> Bound:
    if not measures.confidences:
        raise InputError(
            "confidence_collapse needs a confidence, and the file has none: name its column with "
            "--confidence"
        )
    floor = spec.number("to")

    def change(row: FileRow, moment: Moment) -> FileRow:
        outputs = row.event.outputs
        if outputs is None or outputs.confidence is None:
            return row
        event = msgspec.structs.replace(row.event, outputs=_collapsed(outputs, spec, floor))
        return _with(row, event)

    return Bound(change, ("confidence",), -1)


def _collapsed(outputs: Outputs, spec: InjectionSpec, floor: float) -> Outputs:
    confidence = outputs.confidence
    if confidence is not None:
        confidence += spec.strength * (floor - confidence)
    scores = outputs.scores
    if scores:
        even = sum(scores.values()) / len(scores)
        scores = {name: score + spec.strength * (even - score) for name, score in scores.items()}
    return Outputs(prediction=outputs.prediction, confidence=confidence, scores=scores)


def _latency(spec: InjectionSpec, measures: Measures) -> Bound:
    if not measures.latencies:
        raise InputError(
            "latency needs latencies, and the file has none: name their column with --latency"
        )

    def change(row: FileRow, moment: Moment) -> FileRow:
        if row.event.latency_ms is None:
            return row
        slowed = row.event.latency_ms * spec.strength
        return _with(row, msgspec.structs.replace(row.event, latency_ms=slowed))

    return Bound(change, ("latency",), 1 if spec.strength > 1 else -1)


def _errors(spec: InjectionSpec, measures: Measures) -> Bound:
    def change(row: FileRow, moment: Moment) -> FileRow:
        if moment.draw(moment.position) >= spec.strength:
            return row
        return _with(row, msgspec.structs.replace(row.event, outputs=None, status="error"))

    return Bound(change, ("error",), 1)


def _outage(spec: InjectionSpec, measures: Measures) -> Bound:
    return Bound(lambda row, moment: None, ())


KINDS = {
    "confidence_collapse": Kind(
        says="confidences (and scores) lose the share strength of their distance from 'to'",
        bind=_confidence_collapse,
        strength=share(0.8),
        signals=(0, 0),
        options={"to": share(0.5)},
        of_answer=True,
    ),
    "latency": Kind(
        says="latencies are multiplied by strength",
        bind=_latency,
        strength=positive(5.0),
        signals=(0, 0),
        of_answer=True,
    ),
    "errors": Kind(
        says="a share of the requests fails: status error, no outputs",
        bind=_errors,
        strength=share(0.2),
        signals=(0, 0),
        of_answer=True,
    ),
    "outage": Kind(
        says="no events at all",
        bind=_outage,
        strength=share(1.0),
        signals=(0, 0),
    ),
}
