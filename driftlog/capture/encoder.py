"""From the arguments of a call to the bytes of a record."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Any

import orjson

from driftlog.capture.cells import plain_cells, plain_outputs, repaired_cells
from driftlog.capture.field_filter import FieldFilter
from driftlog.errors import ContractError
from driftlog.records import MAX_TS_MS

__all__ = ["encode_event", "encode_label", "key_of"]


def encode_event(
    fields: dict[str, Any], inputs: Any, outputs: Any, field_filter: FieldFilter
) -> tuple[bytes, int]:
    """Return an event as JSON, and how many of its cells were unfit and became null.

    Args:
        fields: all fields but inputs and outputs; changed in place. Segment and latency
            may be None: then they are absent.
        inputs: name to value, before filtering.
        outputs: prediction, confidence and scores, or None.
        field_filter: what may leave.

    Raises:
        ContractError: a field has no value that the contract allows; the message names it.
    """
    if not isinstance(inputs, Mapping):
        raise ContractError(f"inputs are {type(inputs).__name__}, not a mapping of name to value")
    if field_filter.active:
        cells, unfit = plain_cells(field_filter.kept(inputs))
        cells = field_filter.hashed(cells)
    else:
        cells, unfit = plain_cells(inputs)
    fields["inputs"] = cells
    if outputs is not None:
        if not isinstance(outputs, Mapping):
            raise ContractError(
                f"outputs are {type(outputs).__name__}; they may be a mapping with prediction, "
                "confidence and scores"
            )
        fields["outputs"], more = plain_outputs(outputs)
        unfit += more
    fields["ts_ms"] = _time(fields["ts_ms"])
    if fields["role"] not in ("live", "shadow"):
        raise ContractError(f"role is {fields['role']!r}; it may be 'live' or 'shadow'")
    if (latency := fields["latency_ms"]) is None or (number := _latency(latency)) is None:
        del fields["latency_ms"]
    else:
        fields["latency_ms"] = number
    if fields["segment"] is None:
        del fields["segment"]
    return _dumps(fields), unfit


def encode_label(fields: dict[str, Any]) -> bytes:
    """Return a label as JSON; fields that are None, but for the label itself, are absent.

    Raises:
        ContractError: a field has no value that the contract allows; the message names it.
    """
    values, unfit = plain_cells({name: fields[name] for name in ("label", "prediction")})
    if unfit:
        raise ContractError("label and prediction must be a number, a text, a boolean or None")
    fields |= values
    fields["ts_ms"] = _time(fields["ts_ms"])
    if fields["prediction_ts_ms"] is not None:
        fields["prediction_ts_ms"] = _time(fields["prediction_ts_ms"])
    return _dumps(
        {name: value for name, value in fields.items() if value is not None or name == "label"}
    )


def key_of(correlation_id: str) -> bytes:
    """Return the key of a record: the correlation id as it is read back from the record."""
    return correlation_id.encode("utf-8", "replace")


def _dumps(record: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(record)
    except TypeError:  # a huge integer, or text with half a surrogate pair
        return orjson.dumps(_repaired(record))


def _repaired(record: dict[str, Any]) -> dict[str, Any]:
    repaired = repaired_cells(record)
    for name, value in repaired.items():
        if isinstance(value, dict):
            repaired[name] = _repaired(value)
    return repaired


def _time(given: Any) -> int:
    try:
        ms = int(given) if isinstance(given, float) else operator.index(given)
    except (TypeError, ValueError, OverflowError):
        ms = -1
    if not 0 <= ms < MAX_TS_MS:
        raise ContractError(f"time is {given!r}; it may be whole milliseconds since 1970")
    return ms


def _latency(given: Any) -> float | None:
    try:
        ms = float(given)
    except (TypeError, ValueError, OverflowError):
        raise ContractError(f"latency_ms is {given!r}; it may be a number") from None
    return ms if math.isfinite(ms) else None
