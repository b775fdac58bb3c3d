"""Incidents that are open, as Alertmanager has to be told again and again; pure."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from driftlog.records import Alert, AlertStatus
from stream.notifying.notices import alertmanager, labels

__all__ = ["OpenAlerts"]


class OpenAlerts:
    """Follows the alerts topic from its beginning, and knows what is open.

    Alertmanager keeps nothing over a restart that it was not told again, and forgets what nobody
    repeats; so what is open is told as a whole, and told again.

    Args:
        console: address under which a browser finds the console; empty: no links to it.
    """

    def __init__(self, console: str = "") -> None:
        self._console = console
        self._open: dict[str, Alert] = {}
        self._over: list[Alert] = []  # to be told once

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, alert_id: str) -> bool:
        return alert_id in self._open

    def take(self, alert: Alert) -> None:
        """Take a record; one that comes again, or is older than what is known, changes nothing."""
        known = self._open.get(alert.alert_id)
        if known is not None and alert.pane_end_ms < known.pane_end_ms:
            return
        if alert.status is AlertStatus.RESOLVED:
            self._open.pop(alert.alert_id, None)
            self._over.append(alert)
            if known is not None and labels(known) != labels(alert):
                self._over.append(_ended(known, alert.pane_end_ms))
            return
        if known is not None and labels(known) != labels(alert):
            self._over.append(_ended(known, alert.pane_end_ms))
        self._open[alert.alert_id] = alert

    def notices(self, now_ms: int) -> list[dict[str, Any]]:
        """Return what is open, and what is over and not yet told, as Alertmanager takes it."""
        told = (*self._over, *self._open.values())
        return [alertmanager(one, now_ms, self._console) for one in told]

    def over(self) -> int:
        """How many are over and not yet told."""
        return len(self._over)

    def told(self, over: int) -> None:
        """Forget the first of those that are over: they have been told, or nobody need know."""
        del self._over[:over]


def _ended(alert: Alert, at_ms: int) -> Alert:
    """The incident under its former labels, over because it goes on under others."""
    return replace(alert, status=AlertStatus.RESOLVED, resolved_ms=at_ms, pane_end_ms=at_ms)
