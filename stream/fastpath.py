"""The fast path: a decoder compiled from one reference's signals, which may decline a record.

What it takes it turns into the same row as the general path; whatever is unusual about a record
(an unknown field, an absent or mistyped one, another model) it declines, so that the rules of the
contract are written once, in `driftlog.decode`. Only plain ASCII without escapes comes here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal

import msgspec
import orjson
from msgspec import Meta, Struct

from driftlog.decode import MAX_TEXT
from driftlog.records import MAX_TS_MS, Event, SignalType
from stream.cells import CellType, Schema, cell

__all__ = ["DECLINES", "FastPath", "Row"]

# What the compiled decoder raises instead of taking a record.
DECLINES: Final = (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError)
_MAX_EXTRAS: Final = 512
_MAX_SHAPES: Final = 64
_SAFE_INT: Final = 2**53  # larger ones the general path reads as it likes

Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]
Time = Annotated[int, Meta(ge=0, lt=MAX_TS_MS)]
Scalar = float | Annotated[int, Meta(ge=-_SAFE_INT, le=_SAFE_INT)] | str | bool | None
# Fields nobody asked for must still be JSON that the general path takes: numbers are read as
# doubles, so that one beyond them is not passed over; nested deeper than this they are declined.
_Leaf = float | str | bool | None
_Twig = _Leaf | list[_Leaf] | dict[str, _Leaf]
_Branch = _Leaf | list[_Twig] | dict[str, _Twig]
Ignored = _Leaf | list[_Branch] | dict[str, _Branch]

_OWN: Final = (
    *("v", "event_id", "correlation_id", "ts_ms", "model", "version", "inputs"),
    *("segment", "role", "outputs", "latency_ms", "status"),
)
_OUTPUTS: Final = ("prediction", "confidence", "scores")


class Row(Struct, frozen=True, kw_only=True, gc=False):
    """One row before it is columns, made by the general path; the compiled one has these fields."""

    event_id: str
    correlation_id: str
    ts_ms: int
    segment: str | None
    inputs: tuple[Any, ...]  # cells in the order of the schema
    outputs: Any  # with prediction as a cell, confidence and scores; or None
    latency_ms: float | None
    status: str


class _Answer(Struct, frozen=True, gc=False):
    prediction: Any = None
    confidence: float | None = None
    scores: dict[str, float] | None = None


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is usual in this model's events beyond its signals; all else is declined."""

    extras: frozenset[str] = frozenset()
    input_extras: frozenset[str] = frozenset()
    output_extras: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()  # inputs that may be left out

    def __len__(self) -> int:
        return sum(map(len, (self.extras, self.input_extras, self.output_extras, self.absent)))


class FastPath:
    """Compiled for one model version and reference; learns the usual shape of its events.

    Raises:
        ProfileError: the reference has signals that events have not.
    """

    def __init__(self, model: str, version: str, schema: Schema) -> None:
        self.model = model
        self.version = version
        self.schema = schema
        self._shape = _Shape()
        self._compiled = 0
        # Raises one of `DECLINES`; None: this model's names cannot be compiled.
        self.decode: Callable[[bytes], Any] | None = None
        self._compile()

    def row(self, event: Event) -> Row:
        """Return the row of an event that the general path has decoded."""
        outputs: _Answer | None = None
        if event.outputs is not None:
            kind = self.schema.answers.get("prediction")
            prediction = event.outputs.prediction
            outputs = _Answer(
                prediction if kind is None else cell(prediction, kind),
                event.outputs.confidence,
                event.outputs.scores,
            )
        return Row(
            event_id=event.event_id,
            correlation_id=event.correlation_id,
            ts_ms=event.ts_ms,
            segment=event.segment,
            inputs=self.schema.input_cells(event),
            outputs=outputs,
            latency_ms=event.latency_ms,
            status=event.status,
        )

    def learn_shape(self, raw: bytes) -> None:
        """Take note of a good event that was declined, so that the next like it is not.

        Bounded: after some dozens of shapes the odd ones stay with the general path.
        """
        if self._compiled >= _MAX_SHAPES or len(self._shape) >= _MAX_EXTRAS:
            return
        held = orjson.loads(raw)
        inputs, outputs = held["inputs"], held.get("outputs") or {}
        known = self.schema.input_names
        shape = replace(
            self._shape,
            extras=self._shape.extras | _usable(held.keys() - set(_OWN)),
            input_extras=self._shape.input_extras | _usable(inputs.keys() - known),
            output_extras=self._shape.output_extras | _usable(outputs.keys() - set(_OUTPUTS)),
            absent=self._shape.absent | (known - inputs.keys()),
        )
        if shape != self._shape:
            self._shape = shape
            self._compile()

    def _compile(self) -> None:
        self._compiled += 1
        names = {*self.schema.input_names, self.model, self.version}
        if names != _usable(names):
            return
        self.decode = msgspec.json.Decoder(self._record()).decode

    def _record(self) -> type[Struct]:
        shape = self._shape
        inputs = _struct(
            "Inputs",
            [
                (one.name, _type(one), None if one.name in shape.absent else msgspec.NODEFAULT)
                for one in self.schema.inputs
            ]
            + _ignored(shape.input_extras),
        )
        prediction = self.schema.answers.get("prediction")
        outputs = _struct(
            "Outputs",
            [
                ("prediction", Scalar if prediction is None else _type(prediction), None),
                ("confidence", float | None, None),
                ("scores", dict[str, float] | None, None),
                *_ignored(shape.output_extras),
            ],
            attributes=_OUTPUTS,
        )
        required = msgspec.NODEFAULT
        return _struct(
            "Record",
            [
                ("v", Literal[1], required),
                ("event_id", Text, required),
                ("correlation_id", Text, required),
                ("ts_ms", Time, required),
                ("model", Literal[self.model], required),
                ("version", Literal[self.version], required),
                ("inputs", inputs, required),
                ("segment", Text | None, None),
                ("role", Literal["live", "shadow"], "live"),
                ("outputs", outputs | None, None),
                ("latency_ms", float | None, None),
                ("status", Text, "ok"),
                *_ignored(shape.extras),
            ],
            attributes=_OWN,
        )


def _type(kind: CellType) -> Any:
    if kind.by_hand:
        return Scalar
    return {
        SignalType.NUMBER: float | None,
        SignalType.BOOLEAN: bool | None,
        SignalType.CATEGORY: str | None,
    }[kind.type]


def _ignored(names: frozenset[str]) -> list[tuple[str, Any, Any]]:
    return [(name, Ignored, None) for name in sorted(names)]


def _struct(
    title: str, fields: list[tuple[str, Any, Any]], attributes: tuple[str, ...] = ()
) -> type[Struct]:
    """A struct without the collector's tracking, whose foreign names are no attributes."""
    return msgspec.defstruct(
        title,
        [
            (name if name in attributes else f"f{at}", kind, _field(name, default))
            for at, (name, kind, default) in enumerate(fields)
        ],
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
    )


def _field(name: str, default: Any) -> Any:
    return msgspec.field(default=default, name=name)


def _usable(names: set[str]) -> frozenset[str]:
    """Those that the compiled decoder can tell: plain ASCII, as all the bytes it is given."""
    return frozenset(
        name for name in names if name.isascii() and name.isprintable() and not {*name} & {*'"\\'}
    )
