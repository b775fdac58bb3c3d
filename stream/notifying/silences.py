"""Which incidents people have silenced, and until when; pure."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from driftlog.errors import ContractError
from driftlog.records import ACTION, Alert, AlertStatus

__all__ = ["Silences"]

_REMEMBERED: Final = 10_000  # incidents


class Silences:
    """Folds the topic of actions; of several silences of one incident the last one counts."""

    def __init__(self) -> None:
        self._until: OrderedDict[str, int] = OrderedDict()  # alert id -> ms of the clock

    def take(self, raw: bytes) -> None:
        """Take a record; what is no silence, or cannot be read, changes nothing."""
        try:
            action = ACTION.decode(raw)
        except ContractError:
            return
        if action.action != "silence" or action.alert_id is None:
            return
        self._until[action.alert_id] = action.until_ms or 0
        self._until.move_to_end(action.alert_id)
        if len(self._until) > _REMEMBERED:
            self._until.popitem(last=False)

    def covers(self, alert: Alert, now_ms: int) -> bool:
        """Whether nobody wants to be told of a record now. The end of an incident is always told.

        Args:
            alert: the record.
            now_ms: milliseconds since 1970.
        """
        over = alert.status is AlertStatus.RESOLVED
        return not over and self._until.get(alert.alert_id, 0) > now_ms
