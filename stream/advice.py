"""What to do about an incident: the next step, in plain words, for somebody woken at night."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote
from typing import Final

from driftlog.records import (
    JOINT_SIGNAL,
    OUTPUT_SIGNALS,
    SERVICE_SIGNALS,
    Alert,
    AlertSignal,
    AlertStatus,
    Cause,
    Decision,
    FaultKind,
    SignalState,
    signal_input,
    text_part,
)
from driftlog.wording import shortened
from stream.routing import ALL

__all__ = ["NEW_USUAL", "advice"]

NEW_USUAL: Final = "If it is the new usual:"  # what follows takes an alert on the topic

_NAMED: Final = 3  # segments named; the rest are counted

# What to do about a fault; {} is the worst signal that has it.
_MENDS: Final = {
    FaultKind.UNIT: "Ask who changed the unit of {}, and convert it at the source.",
    FaultKind.TEMPERATURE: "Ask who changed the unit of {}, and convert it at the source.",
    FaultKind.LOGARITHM: "Look for a transformation of {} that is done twice, or left out.",
    FaultKind.SIGN: "Look for a transformation of {} that is done twice, or left out.",
    FaultKind.STUCK: "Look at the feed of {}: it repeats one value.",
    FaultKind.DEFAULT: "Look for a join or a lookup of {} that fails and is filled up.",
    FaultKind.SENTINEL: "Find out why {} has no value, and let the service send null for it.",
    FaultKind.CLIPPED: "Look for a new limit on {}, or a narrower type.",
    FaultKind.ROUNDED: "Look for a cast of {} to whole numbers.",
    FaultKind.NULLS: "Find the source of {} that fails.",
    FaultKind.VANISHED: "Look for a column {} that was renamed or dropped.",
    FaultKind.TYPE: "Mend how {} is written, or name its type in models.types.",
    FaultKind.FORMAT: "Write {} as before: only its case, spaces or digits have changed.",
    FaultKind.SWAPPED: "Look at the order of columns: {} holds another's values.",
    FaultKind.REPLAY: "Find out who sends requests again that were answered before.",
    FaultKind.SILENCE: "Check that requests still arrive, and are still logged.",
    FaultKind.VOLUME: "Find out where the traffic comes from, or where it has gone.",
}
_OF_ROWS: Final = (FaultKind.REPLAY, FaultKind.SILENCE, FaultKind.VOLUME)


def advice(alert: Alert) -> str:
    """Return the next step for an alert: from what broke or moved, and from the decision.

    A fault is mended at its source, and nothing is retrained on it. What has moved without a fault
    is looked for where it comes from: the service, the release, whoever sends the inputs. Where it
    may be there to stay, the command that makes it the new usual is given.
    """
    if alert.status is AlertStatus.RESOLVED:
        return "Nothing to do: it is back to usual."
    if alert.cause is not None:
        return _mend(alert.cause)
    live = [one for one in alert.signals if one.cleared_ms is None]
    if live and all(one.state == SignalState.STALE for one in live):
        return "Check that the model still gets requests, and still logs them."
    heard = [one for one in live if one.state != SignalState.STALE]
    if not heard:
        return ""
    first = f"{_where(heard)}{_source(heard)}"
    steps = [first[0].upper() + first[1:]]
    if alert.decision is Decision.NO_ACTION:
        steps.insert(0, "No hurry.")
    elif alert.decision is Decision.RETRAIN:
        steps.append(
            "Check the answers against labels; if they are worse, retrain on rows from after the "
            "onset."
        )
    if heard[0].signal not in SERVICE_SIGNALS:
        version, _, _ = heard[0].series.rpartition("/")
        steps.append(
            f"{NEW_USUAL} driftlog reference accept {quote(version)} "
            f"--alert {quote(alert.alert_id)}"
        )
    return " ".join(steps)


def _mend(cause: Cause) -> str:
    name = _input(cause.signals[0]) if cause.signals else "it"
    said = _MENDS[cause.kind].format(name)
    return said if cause.kind in _OF_ROWS else f"{said} Do not retrain on these rows."


def _input(signal: str) -> str:
    text = text_part(signal)
    return shortened(text[0] if text is not None else signal_input(signal))


def _where(live: Sequence[AlertSignal]) -> str:
    """The segments, where the series of all rows has not drifted."""
    segments = list(dict.fromkeys(one.series.rpartition("/")[2] for one in live))
    if ALL in segments:
        return ""
    named = ", ".join(shortened(segment) for segment in segments[:_NAMED])
    more = f" and {len(segments) - _NAMED} more" if len(segments) > _NAMED else ""
    return f"Only {named}{more}: "


def _source(live: Sequence[AlertSignal]) -> str:
    """Where to look first, by the kind of signals that moved."""
    names = [one.signal for one in live]
    if names[0] == "error":
        return "look at the service: requests fail; compare the release with the one before."
    if names[0] == "latency":
        return "look at the service: compare the release, the host and what it calls."
    inputs = [one for one in live if one.signal not in (*OUTPUT_SIGNALS, *SERVICE_SIGNALS)]
    if not inputs:
        return "no input has moved: compare the release of the model with the one before."
    worst = inputs[0]
    if worst.signal == JOINT_SIGNAL:
        return "ask upstream whether inputs are still joined as they were."
    name = _input(worst.signal)
    top = worst.moved[0] if worst.moved else None
    if top and top.bin == "unseen" and top.after > top.before:
        return f"ask upstream where the new values of {name} come from."
    return f"ask upstream what changed about {name}."
