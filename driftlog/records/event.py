"""What a service writes: an event for each prediction, later perhaps its label."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from driftlog.records.codec import Record

__all__ = ["MAX_TS_MS", "Event", "Label", "Nested", "Outputs", "Reason", "Role", "Value"]

MAX_TS_MS = 2**53  # exclusive: every JSON reader holds integers below it exactly
Value = float | int | str | bool | None
Role = Literal["live", "shadow"]


class Reason(StrEnum):
    """Why an event or label went to the dead-letter topic. The list is closed."""

    NOT_JSON = "not_json"  # also invalid UTF-8, NaN, numbers beyond a double
    NOT_OBJECT = "not_object"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"  # of a field of ours; a wrong type of one input feature is kept
    UNKNOWN_VERSION = "unknown_version"
    UNKNOWN_MODEL = "unknown_model"  # only where the policy is to reject
    FUTURE = "future"
    OVERSIZE = "oversize"


class Nested(msgspec.Struct, frozen=True):
    """Stands for an array or object where an input should be: a wrong type in that cell alone.

    What it held is not kept; it is written as ``{}``.
    """


class Outputs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the model answered. Every field may be absent."""

    prediction: Value = None
    confidence: float | None = None
    scores: dict[str, float] | None = None


class Event(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One prediction of one model, or one failed request (a status, no outputs)."""

    event_id: str
    correlation_id: str
    ts_ms: int
    model: str
    version: str
    inputs: dict[str, Value | Nested]
    segment: str | None = None
    role: Role = "live"
    outputs: Outputs | None = None
    latency_ms: float | None = None
    status: str = "ok"


class Label(Record, frozen=True, kw_only=True, omit_defaults=True):
    """The truth of one event, known later. With model, version and prediction it needs no join."""

    event_id: str
    correlation_id: str
    label: Value
    ts_ms: int
    model: str | None = None
    version: str | None = None
    segment: str | None = None
    prediction: Value = None
    prediction_ts_ms: int | None = None
