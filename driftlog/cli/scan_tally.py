"""What a scan has found: counts, incidents, drifted signals, and the summary of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from driftlog.records import (
    JOINT_SIGNAL,
    Alert,
    AlertSignal,
    AlertStatus,
    ReferenceProfile,
    Severity,
    SignalVerdict,
    Verdict,
)
from driftlog.settings import Settings

__all__ = ["FAILED", "Drift", "Tally"]

FAILED = 4  # exit code with --fail-on


@dataclass(slots=True)
class Drift:
    """One signal of one series that drifted, over all its incidents."""

    series: str
    worst: AlertSignal
    spans: dict[str, tuple[int, int | None]] = field(default_factory=dict)  # alert -> onset, end


class Tally:
    """Counts what the pipeline tells.

    Args:
        settings: of the scan.
        fail_on: the least severity that fails it.
    """

    def __init__(self, settings: Settings, fail_on: Severity | None = None) -> None:
        self.references: dict[tuple[str, str], ReferenceProfile] = {}
        self.incidents: dict[str, Alert] = {}  # the last word on each
        self.drifts: dict[tuple[str, str], Drift] = {}  # by series and signal
        self.latest: dict[tuple[str, str, str], dict[str, SignalVerdict]] = {}
        self.dead: Counter[str] = Counter()
        self.first_dead: tuple[str, str] | None = None  # key and detail
        self.rows = 0
        self.late = 0
        self.judged = 0
        self.panes = 0
        self._span: tuple[int, int] | None = None
        self._alerts: Counter[str] = Counter()
        self._severities: Counter[str] = Counter()
        self._failing: Alert | None = None
        self._settings = settings
        self._fail_on = fail_on

    @property
    def exit_code(self) -> int:
        """0, or `FAILED` where an alert was at least as bad as ``fail_on``."""
        return FAILED if self._failing else 0

    @property
    def exit_reason(self) -> str:
        """Why it is that."""
        if self._fail_on is None:
            return "scanned"
        if self._failing is None:
            return f"no alert of severity {self._fail_on} or worse"
        return f"alert {self._failing.alert_id} is {self._failing.severity}"

    def take_verdicts(self, verdicts: Iterable[Verdict]) -> None:
        """Take verdicts in the order in which they came."""
        for verdict in verdicts:
            series = (verdict.model, verdict.version, verdict.segment)
            signals = self.latest.setdefault(series, {})
            signals.update({one.signal: one for one in verdict.signals})
            if verdict.segment == "*" and verdict.shard == 0:
                self.judged += verdict.rows
                self.panes += 1
                first = verdict.pane_ms if self._span is None else self._span[0]
                self._span = (first, verdict.pane_end_ms)

    def take_alert(self, alert: Alert) -> None:
        """Take an alert record."""
        self._alerts[alert.status] += 1
        if alert.status is AlertStatus.FIRING or alert.alert_id not in self.incidents:
            self._severities[alert.severity] += 1
        elif (before := self.incidents[alert.alert_id].severity) != alert.severity:
            self._severities[before] -= 1
            self._severities[alert.severity] += 1
        self.incidents[alert.alert_id] = alert
        bad = self._fail_on is not None and alert.severity.rank >= self._fail_on.rank
        if bad and self._failing is None:
            self._failing = alert
        for signal in alert.signals:
            key = (signal.series, signal.signal)
            drift = self.drifts.setdefault(key, Drift(signal.series, signal))
            if self.badness(signal) > self.badness(drift.worst):
                drift.worst = signal
            drift.spans[alert.alert_id] = (
                signal.onset.ts_ms,
                signal.cleared_ms or alert.resolved_ms,
            )

    def badness(self, signal: AlertSignal) -> float:
        """How often the smallest effect that matters an effect is, by the measure that is worst."""
        from stream.importance import times_smallest

        return times_smallest(signal, self._settings.detection)

    def worst_first(self) -> list[Drift]:
        """Return the signals that drifted, worst first."""
        return sorted(
            self.drifts.values(),
            key=lambda drift: (
                # As in an incident: inputs that no longer go together come after those that moved.
                drift.worst.signal == JOINT_SIGNAL,
                -self.badness(drift.worst),
                drift.series,
                drift.worst.signal,
            ),
        )

    @property
    def span_ms(self) -> tuple[int, int] | None:
        """First pane's start and last pane's end, of those judged."""
        return self._span

    def summary(self) -> dict[str, Any]:
        """Return the figures as plain data: the last line of ``--json``."""
        stream = self._settings.stream
        states = Counter(
            str(one.state) for signals in self.latest.values() for one in signals.values()
        )
        worst = self.worst_first()[:1]
        return {
            "rows": self.rows,
            "rows_judged": self.judged,
            "panes": self.panes,
            "pane": str(stream.pane),
            "window_panes": stream.window_panes,
            "judged_ms": None if self._span is None else list(self._span),
            "series": len(self.latest),
            "signals": dict(sorted(states.items())),
            "references": [
                {
                    "model": profile.model,
                    "version": profile.version,
                    "reference_id": profile.reference_id,
                    "origin": profile.origin,
                    "rows": profile.rows,
                    "effective_from_ms": profile.effective_from_ms,
                }
                for profile in self.references.values()
            ],
            "alerts": {status.value: self._alerts[status] for status in AlertStatus},
            "incidents": {
                severity.value: count
                for severity in Severity
                if (count := self._severities[severity])
            },
            "open": sum(one.status is not AlertStatus.RESOLVED for one in self.incidents.values()),
            "worst": None if not worst else _told(worst[0]),
            "late": self.late,
            "dead_letters": dict(sorted(self.dead.items())),
            "exit_code": self.exit_code,
            "exit_reason": self.exit_reason,
        }


def _told(drift: Drift) -> dict[str, Any]:
    signal = drift.worst
    return {
        "series": drift.series,
        "signal": signal.signal,
        "psi": signal.psi,
        "effect_sd": signal.effect_sd,
        "effect_rate": signal.effect_rate,
        "onset_ms": signal.onset.ts_ms,
    }
