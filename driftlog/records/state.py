"""The states, severities and decisions: one enum each, from the wire to the page."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["AlertStatus", "Decision", "FaultKind", "Severity", "SignalState", "SignalType"]


class SignalState(StrEnum):
    """What is known of a signal at a pane. No data is never ``ok``."""

    LEARNING = "learning"  # the model version has no reference yet
    INSUFFICIENT = "insufficient"  # too few rows in the window to judge
    OK = "ok"
    MINOR = "minor"  # significant, but below the smallest effect that matters
    PENDING = "pending"  # beyond threshold and effect, not yet for long enough
    DRIFT = "drift"
    STALE = "stale"  # no pane of late; said by whoever reads the clock, never written in a verdict

    @property
    def code(self) -> int:
        """Number of the state on the gauge ``driftlog_state``."""
        return list(SignalState).index(self)


class SignalType(StrEnum):
    """How a signal's values are read."""

    NUMBER = "number"
    CATEGORY = "category"
    BOOLEAN = "boolean"


class FaultKind(StrEnum):
    """What is broken about data, as far as it can be told by looking at the values."""

    UNIT = "unit"  # a factor, as of another unit or scale
    TEMPERATURE = "temperature"  # Celsius, Fahrenheit and Kelvin
    LOGARITHM = "logarithm"  # logarithms, or the powers of what used to be logarithms
    SIGN = "sign"  # minus what it was
    STUCK = "stuck"  # one value in all rows
    DEFAULT = "default"  # one value in many rows
    SENTINEL = "sentinel"  # a value that stands for none: -1, 9999, "unknown"
    CLIPPED = "clipped"  # cut off at a bound
    ROUNDED = "rounded"  # decimals lost
    NULLS = "nulls"
    VANISHED = "vanished"  # nothing but nulls
    TYPE = "type"  # text for numbers, numbers for text
    FORMAT = "format"  # the usual texts, written another way
    SWAPPED = "swapped"  # two columns hold each other's values
    REPLAY = "replay"  # requests come a second time
    SILENCE = "silence"  # no rows
    VOLUME = "volume"  # many times more or fewer rows


class Severity(StrEnum):
    """How bad an incident is, in rising order."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
    EMERGENCY = "emergency"

    @property
    def rank(self) -> int:
        """Place in the rising order, 0 for info."""
        return list(Severity).index(self)


class Decision(StrEnum):
    """What a gate behind the alerts may do. A signal, not an act."""

    NO_ACTION = "NO_ACTION"
    INVESTIGATE = "INVESTIGATE"
    RETRAIN = "RETRAIN"


class AlertStatus(StrEnum):
    """Where an incident is in its life."""

    FIRING = "firing"
    UPDATED = "updated"
    RESOLVED = "resolved"
