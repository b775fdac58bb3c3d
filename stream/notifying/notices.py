"""What an alert looks like to those who pass it on; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec

from driftlog.records import Alert, AlertStatus, Severity

__all__ = ["HOLD_MS", "alertmanager", "labels", "slack", "webhook"]

HOLD_MS: Final = 300_000  # Alertmanager forgets an alert that nobody repeats for so long

_ROUTE: Final = {
    Severity.INFO: "info",
    Severity.WARNING: "ticket",
    Severity.CRITICAL: "page",
    Severity.EMERGENCY: "page",
}
_TEXT: Final = 2_000  # characters; Slack takes 3,000 a block
_SIGNALS: Final = 5
_LATEST_MS: Final = 253_402_300_799_999  # the end of the year 9999
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_BROKEN: Final = dict.fromkeys(range(32), " ") | {127: " "}


def labels(alert: Alert) -> dict[str, str]:
    """Return the labels by which Alertmanager knows an incident; they do not change with it.

    But for ``severity``, by which it is routed: when that moves, the incident under its former
    labels is over, and begins under the new ones.
    """
    return {
        "alertname": "DriftIncident",
        "severity": _ROUTE[alert.severity],
        "layer": "model" if _ROUTE[alert.severity] == "page" else "data",
        "model": alert.model,
        "alert_id": alert.alert_id,
    }


def alertmanager(alert: Alert, now_ms: int, console: str = "") -> dict[str, Any]:
    """Return an alert as ``POST /api/v2/alerts`` takes it.

    Args:
        alert: the record.
        now_ms: milliseconds since 1970 of the clock by which Alertmanager forgets. One that is
            open is held for `HOLD_MS` and must be repeated before.
        console: address under which a browser finds it; links lead there. Without one the runbook
            is named by its file.
    """
    begun = min(alert.opened_ms, now_ms)
    if alert.status is AlertStatus.RESOLVED:
        ends = max(begun, min(alert.resolved_ms or alert.pane_end_ms, now_ms))
    else:
        ends = now_ms + HOLD_MS
    page = "DriftIncidentCritical" if _ROUTE[alert.severity] == "page" else "DriftIncidentWarning"
    return {
        "labels": labels(alert),
        "annotations": {
            "summary": _short(f"{alert.model}: {alert.title}"),
            "description": _short("\n".join(_facts(alert))),
            **_ways_on(alert, page, console.rstrip("/")),
        },
        "startsAt": _rfc3339(begun),
        "endsAt": _rfc3339(ends),
    }


def _ways_on(alert: Alert, page: str, console: str) -> dict[str, str]:
    if not console:
        return {"runbook_url": f"docs/runbooks/{page}.md"}
    return {
        "runbook_url": f"{console}/runbooks/{page}",
        "console_url": f"{console}/incidents/{quote(alert.alert_id, safe='')}",
    }


def webhook(alert: Alert) -> dict[str, Any]:
    """Return the record as it is on the topic, with a sentence for those who only show text."""
    record: Mapping[str, Any] = msgspec.to_builtins(alert)
    return {"text": _headline(alert), "alert": record}


def slack(alert: Alert) -> dict[str, Any]:
    """Return a message for a Slack webhook, or for one that understands its format.

    All blocks are plain text: a name out of the log can neither mention a channel nor format.
    """
    facts = _short("\n".join(_facts(alert)))
    return {
        "text": _headline(alert).translate(_ESCAPES),
        "blocks": [
            _block(_headline(alert)),
            _block(facts),
        ],
    }


def _block(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}


def _headline(alert: Alert) -> str:
    said = f"{alert.status.upper()} {alert.severity} {alert.model}: {alert.title}"
    return _short(said.translate(_BROKEN))


def _facts(alert: Alert) -> list[str]:
    lines = [f"Since {_rfc3339(alert.onset.ts_ms)}; decision: {alert.decision}."]
    if alert.resolved_ms is not None:
        lines.append(f"Over since {_rfc3339(alert.resolved_ms)}.")
    if alert.cause is not None:
        lines.append(f"Cause: {alert.cause.words}")
    if alert.advice:
        lines.append(f"To do: {alert.advice}")
    for signal in alert.signals[:_SIGNALS]:
        means = [one.mean if one else None for one in (signal.before, signal.after)]
        moved = "" if None in means else f": mean {means[0]:,.4g} to {means[1]:,.4g}"
        lines.append(f"{signal.series} {signal.signal}{moved} ({signal.effect_sd:+.1f} sd)")
    if len(alert.signals) > _SIGNALS:
        lines.append(f"and {len(alert.signals) - _SIGNALS} more signals")
    if alert.samples_after:
        lines.append(f"Requests to look at: {', '.join(alert.samples_after[:3])}")
    return [line.translate(_BROKEN) for line in lines]


def _short(text: str) -> str:
    return text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…"


def _rfc3339(ts_ms: int) -> str:
    held = min(max(0, ts_ms), _LATEST_MS)  # a log may hold times that no calendar does
    at = datetime.fromtimestamp(held // 1000, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{held % 1000:03d}Z"
