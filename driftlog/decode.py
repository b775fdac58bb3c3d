"""From bytes on the log to an event or label: the general path, which defines the contract.

Bad data are values here: what cannot be taken comes back as a `Rejection`, nothing raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NoReturn

import orjson

from driftlog.mapping import FieldMapping
from driftlog.records import MAX_TS_MS, Event, Label, Nested, Outputs, Reason, Role, Value

__all__ = ["MAX_EVENT_BYTES", "MAX_TEXT", "Rejection", "decode_event", "decode_label"]

MAX_EVENT_BYTES: Final = 1_000_000
MAX_TEXT: Final = 256  # characters of an id, a name, a segment or a status
_SHOWN: Final = 80  # characters of a value that a detail repeats
_RESERVED_SEGMENT: Final = "*"
_SCALARS: Final = frozenset((str, int, float, bool, type(None)))
_NUMBERS: Final = frozenset((int, float))
_NESTED: Final = Nested()
_KINDS: Final[dict[type, str]] = {list: "an array", dict: "an object", type(None): "null"}


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why bytes are no event or label. ``detail`` names the field and what it held, in short."""

    reason: Reason
    detail: str


class _RejectedError(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.rejection = Rejection(reason, detail)


def decode_event(
    raw: bytes | None,
    *,
    max_bytes: int = MAX_EVENT_BYTES,
    mapping: FieldMapping | None = None,
    fallback_id: str = "",
) -> Event | Rejection:
    """Return the event in ``raw``, or why there is none.

    Of a key that comes twice the last one counts. Unknown fields are ignored, null is the same as
    absent. An input may hold any scalar; an array or object there becomes `Nested` and costs that
    cell alone. Any other field of a wrong type rejects the event.

    Args:
        raw: a record's value; none: a tombstone.
        max_bytes: more is ``oversize``, judged before anything is parsed.
        mapping: where the fields are in JSON that is not ours.
        fallback_id: the event id where a mapping finds none.
    """
    try:
        held = _object(raw, max_bytes)
        return _event(held if mapping is None else mapping.event(held, fallback_id))
    except _RejectedError as exc:
        return exc.rejection


def decode_label(raw: bytes | None, *, max_bytes: int = MAX_EVENT_BYTES) -> Label | Rejection:
    """Return the label in ``raw``, or why there is none. The rules are those of `decode_event`."""
    try:
        held = _object(raw, max_bytes)
        _version(held)
        return Label(
            event_id=_text(held, "event_id"),
            correlation_id=_text(held, "correlation_id"),
            label=_scalar(_required(held, "label"), "label"),
            ts_ms=_time(_required(held, "ts_ms"), "ts_ms"),
            model=_optional_name(held, "model"),
            version=_optional_name(held, "version"),
            segment=_segment(held),
            prediction=_scalar(held.get("prediction"), "prediction"),
            prediction_ts_ms=None
            if held.get("prediction_ts_ms") is None
            else _time(held["prediction_ts_ms"], "prediction_ts_ms"),
        )
    except _RejectedError as exc:
        return exc.rejection


def _object(raw: bytes | None, max_bytes: int) -> dict[str, Any]:
    if raw is None:
        raise _RejectedError(Reason.NOT_JSON, "the record has no value (a tombstone)")
    if len(raw) > max_bytes:
        raise _RejectedError(
            Reason.OVERSIZE,
            f"{len(raw)} bytes, more than the {max_bytes} of stream.max_event_bytes",
        )
    try:
        held = orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        raise _RejectedError(Reason.NOT_JSON, _printable(str(exc))) from exc
    if type(held) is not dict:
        raise _RejectedError(Reason.NOT_OBJECT, f"the record holds {_shown(held)}")
    return held


def _event(held: dict[str, Any]) -> Event:
    _version(held)
    inputs = _required(held, "inputs")
    if type(inputs) is not dict:
        _wrong("inputs", inputs, "an object of inputs by name")
    if not _SCALARS.issuperset(map(type, inputs.values())):
        inputs = {
            name: value if type(value) in _SCALARS else _NESTED for name, value in inputs.items()
        }
    status = held.get("status")
    return Event(
        event_id=_text(held, "event_id"),
        correlation_id=_text(held, "correlation_id"),
        ts_ms=_time(_required(held, "ts_ms"), "ts_ms"),
        model=_name(held, "model"),
        version=_name(held, "version"),
        inputs=inputs,
        segment=_segment(held),
        role=_role(held.get("role")),
        outputs=_outputs(held.get("outputs")),
        latency_ms=_number(held.get("latency_ms"), "latency_ms"),
        status="ok" if status is None else _text(held, "status"),
    )


def _version(held: dict[str, Any]) -> None:
    v = _required(held, "v")
    if type(v) is not int:
        _wrong("v", v, "the whole number 1")
    if v != 1:
        raise _RejectedError(
            Reason.UNKNOWN_VERSION, f"v holds {_shown(v)}; this driftlog reads version 1"
        )


def _outputs(held: Any) -> Outputs | None:
    if held is None:
        return None
    if type(held) is not dict:
        _wrong("outputs", held, "an object of prediction, confidence and scores")
    scores = held.get("scores")
    if scores is not None:
        if type(scores) is not dict:
            _wrong("outputs.scores", scores, "an object of numbers by class")
        if not _NUMBERS.issuperset(map(type, scores.values())):
            name, value = next(item for item in scores.items() if type(item[1]) not in _NUMBERS)
            _wrong(f"outputs.scores.{_printable(name)}", value, "a number")
    return Outputs(
        prediction=_scalar(held.get("prediction"), "outputs.prediction"),
        confidence=_number(held.get("confidence"), "outputs.confidence"),
        scores=scores,
    )


def _required(held: dict[str, Any], field: str) -> Any:
    value = held.get(field)
    if value is None:
        said = "is null" if field in held else "is absent"
        raise _RejectedError(Reason.MISSING_FIELD, f"{field} {said}; every record needs it")
    return value


def _text(held: dict[str, Any], field: str) -> str:
    value = held.get(field)
    if type(value) is not str or not 0 < len(value) <= MAX_TEXT:
        _wrong(field, _required(held, field), f"a text of 1 to {MAX_TEXT} characters")
    return value


def _name(held: dict[str, Any], field: str) -> str:
    value = _text(held, field)
    if not value.isprintable() and any(map(_is_control, value)):
        _wrong(field, value, "a text without control characters")
    return value


def _is_control(char: str) -> bool:
    return char < " " or "\x7f" <= char <= "\x9f"


def _optional_name(held: dict[str, Any], field: str) -> str | None:
    return None if held.get(field) is None else _name(held, field)


def _segment(held: dict[str, Any]) -> str | None:
    segment = _optional_name(held, "segment")
    if segment == _RESERVED_SEGMENT:
        _wrong("segment", segment, "any other name: * is the series of all rows")
    return segment


def _role(value: Any) -> Role:
    if value is not None and value != "live" and value != "shadow":
        _wrong("role", value, "live or shadow")
    return "shadow" if value == "shadow" else "live"


def _time(value: Any, field: str) -> int:
    if type(value) is not int or not 0 <= value < MAX_TS_MS:
        _wrong(field, value, "a whole number of milliseconds since 1970, below 2^53")
    return value


def _number(value: Any, field: str) -> float | None:
    if value is not None and type(value) not in _NUMBERS:
        _wrong(field, value, "a number or null")
    return None if value is None else float(value)


def _scalar(value: Any, field: str) -> Value:
    if type(value) not in _SCALARS:
        _wrong(field, value, "a number, a text, a boolean or null")
    held: Value = value
    return held


def _wrong(field: str, value: Any, may_hold: str) -> NoReturn:
    raise _RejectedError(
        Reason.WRONG_TYPE, f"{field} holds {_shown(value)}; it may hold {may_hold}"
    )


def _shown(value: Any) -> str:
    """A value in a few printable characters: a dead letter's header is no place for its content."""
    if type(value) is str:
        cut = len(value) > _SHOWN
        return f'"{_printable(value)}"' + (f" ({len(value)} characters)" if cut else "")
    if type(value) is bool:
        return "true" if value else "false"
    return _KINDS.get(type(value)) or str(value)


def _printable(text: str) -> str:
    cut = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
    return "".join(char if char.isprintable() else "?" for char in cut)
