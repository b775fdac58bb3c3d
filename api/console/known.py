"""What is known at a moment: the history, the clock, and what the broker tells of its groups.

Pure. One `Known` serves all pages of that moment; what several of them need is worked out once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, TypeVar

from api.console import links
from api.console.history import History, SeriesMemory
from api.console.memory import rank
from api.console.views import (
    ActionRow,
    Freshness,
    Group,
    Health,
    IncidentRow,
)
from driftlog.records import Action, Alert, AlertStatus, Severity
from driftlog.settings import Settings

__all__ = ["Known", "Watched", "action_row", "paged", "worst", "worst_severity"]

T = TypeVar("T")

_NAMED: Final = 6  # partitions that a sentence names


@dataclass(frozen=True)  # no slots: something is worked out once
class Watched:
    """What the broker tells of the workers' groups and topics, as of the last look.

    ends, committed: offsets by topic and partition; owners: client ids likewise.
    """

    told: bool = False
    why_untold: str = "not asked yet"
    reading: str = ""  # what the console waits for; empty: it reads
    groups: tuple[Group, ...] = ()
    ends: Mapping[tuple[str, int], int] = field(default_factory=dict)
    committed: Mapping[tuple[str, int], int] = field(default_factory=dict)
    owners: Mapping[tuple[str, int], str] = field(default_factory=dict)
    read_by: Mapping[str, str] = field(default_factory=dict)  # topic -> the group that reads it
    dead_letters: int | None = None

    def with_reading(self, words: str) -> Watched:
        """The same while the console waits for something; empty: it reads."""
        return self if words == self.reading else replace(self, reading=words)

    @cached_property
    def unowned(self) -> tuple[tuple[str, int], ...]:
        """Partitions that a group should read and no member of it holds."""
        return tuple(
            sorted(tp for tp in self.ends if tp[0] in self.read_by and tp not in self.owners)
        )


class Known:
    """History and clock, and what follows from both.

    Args:
        history: folded so far; must not change while this is used.
        now_ms: the clock.
        settings: ``stream`` for the length of panes and windows, ``console`` for bounds.
        watched: of the broker.
        driftlog_version: for the footer.
    """

    def __init__(
        self,
        history: History,
        now_ms: int,
        settings: Settings,
        watched: Watched | None = None,
        driftlog_version: str = "",
    ) -> None:
        self.history = history
        self.now_ms = now_ms
        self.settings = settings
        self.watched = Watched() if watched is None else watched
        self.driftlog_version = driftlog_version

    @property
    def columns(self) -> str:
        """Name of the topic of columns."""
        return f"{self.settings.kafka.prefix}columns"

    @property
    def events(self) -> str:
        """Name of the topic of events."""
        return self.settings.kafka.events_topic or f"{self.settings.kafka.prefix}events"

    # -- freshness ----------------------------------------------------------------------------

    @cached_property
    def pane_length_ms(self) -> int:
        """Of the newest verdict; before the first one, of the settings."""
        return self.history.pane_length_ms or int(self.settings.stream.pane)

    @cached_property
    def bound_ms(self) -> int:
        """After so long without a word something is stale."""
        return 2 * self.pane_length_ms + int(self.settings.console.stale_after)

    @cached_property
    def closed_through_ms(self) -> int | None:
        """Panes that end by this are closed in all partitions of columns that were heard of."""
        return min((through for through, _ in self.history.markers.values()), default=None)

    @cached_property
    def newest_pane_end_ms(self) -> int | None:
        """End of the newest pane that was judged."""
        return max(
            (series.newest.pane_end_ms for series in self.history.series.values()), default=None
        )

    @cached_property
    def silent(self) -> tuple[int, ...]:
        """Partitions of columns that were heard of, and not lately."""
        return tuple(
            number
            for number, (_, heard) in sorted(self.history.markers.items())
            if self.now_ms - heard > self.bound_ms
        )

    @cached_property
    def freshness(self) -> Freshness:
        """Of everything."""
        heard = self.history.heard_ms
        if heard is None:
            words = self.watched.reading or (
                "nothing has been told yet: no worker runs, or no events come"
            )
            return self._fresh("no data", words, None, None, None)
        end = self.newest_pane_end_ms
        if self.now_ms - heard > self.bound_ms:
            why = self.watched.reading or "the workers are gone, or no events come"
            return self._fresh("stale", f"nothing new is told: {why}", heard, heard, end)
        if self.silent:
            since = min(self.history.markers[number][1] for number in self.silent)
            named = ", ".join(map(str, self.silent[:_NAMED]))
            more = f" and {len(self.silent) - _NAMED} more" if len(self.silent) > _NAMED else ""
            words = f"partition {named}{more} of columns is silent: a worker is gone, or replaced"
            return self._fresh("stale", words, since, heard, end)
        if not self.history.series:
            words = "workers live, and no model is judged yet: they learn, or no events come"
            return self._fresh("learning", words, None, heard, end)
        words = "panes are judged as they close"
        stream = self.settings.stream
        usual = self.bound_ms + int(stream.allowed_lateness) + int(stream.idle_after)
        if end is not None and self.now_ms - end > usual:
            words = "panes are judged, of an event time well before now: a backlog, or a replay"
        return self._fresh("live", words, None, heard, end)

    def fresh_series(self, series: SeriesMemory) -> Freshness:
        """Of one series. One without rows is told nothing of, and stale after a window of it."""
        heard, newest = series.heard_ms, series.newest
        end = newest.pane_end_ms
        if self.now_ms - heard <= self.bound_ms:
            return self._fresh("live", "judged as its panes close", None, heard, end)
        if self.freshness.state == "stale":
            return self._fresh("stale", self.freshness.words, heard, heard, end)
        window = int(self.settings.stream.window_panes) * (newest.pane_end_ms - newest.pane_ms)
        if self.closed_through_ms is not None and self.closed_through_ms - end > window:
            words = "no rows of it for more than a window, while others go on"
            return self._fresh("stale", words, heard, heard, end)
        if not self.history.markers:
            return self._fresh("stale", "nothing new is told of it", heard, heard, end)
        return self._fresh("live", "no rows just now", None, heard, end)

    def shown(self, state: Health, freshness: Freshness, model: str, version: str) -> Health:
        """A state as it is shown when nothing new is told of a series.

        What has drifted stays so while an incident is open, or while nobody tells anything: its end
        would not be told either. Of a model that has no rows any more it is no news.
        """
        if freshness.state != "stale":
            return state
        stays = self.freshness.state == "stale" or self.open_alerts.get((model, version))
        return "drift" if state == "drift" and stays else "stale"

    def _fresh(
        self, state: Any, words: str, since: int | None, heard: int | None, end: int | None
    ) -> Freshness:
        return Freshness(
            state=state,
            words=words,
            since_ms=since,
            heard_ms=heard,
            pane_end_ms=end,
            bound_ms=self.bound_ms,
        )

    # -- incidents ----------------------------------------------------------------------------

    @cached_property
    def actions(self) -> Mapping[str, Sequence[Action]]:
        """What people did, by alert id, oldest first."""
        found: defaultdict[str, list[Action]] = defaultdict(list)
        for action in sorted(self.history.actions, key=lambda one: one.at_ms):
            if action.alert_id is not None:
                found[action.alert_id].append(action)
        return found

    @cached_property
    def open_alerts(self) -> Mapping[tuple[str, str], Sequence[Alert]]:
        """Open incidents by model and version, the worst first."""
        found: defaultdict[tuple[str, str], list[Alert]] = defaultdict(list)
        for one in self.alerts:
            if one.status is not AlertStatus.RESOLVED:
                for version in one.versions:
                    found[one.model, version].append(one)
        return found

    @cached_property
    def alerts(self) -> Sequence[Alert]:
        """All incidents: open ones first, the worst of them first; then the newest."""
        return sorted((one.alert for one in self.history.incidents.values()), key=_place)

    def incident_row(self, alert: Alert) -> IncidentRow:
        """One incident in a list."""
        acknowledged = silence = None
        for action in self.actions.get(alert.alert_id, ()):
            if action.action == "acknowledge":
                acknowledged = action
            elif action.action == "silence":
                silence = action
        silenced = silence is not None and (silence.until_ms or 0) > self.now_ms
        return IncidentRow(
            alert_id=alert.alert_id,
            link=links.incident(alert.alert_id),
            model=alert.model,
            versions=alert.versions,
            severity=alert.severity.value,
            status=alert.status.value,
            open=alert.status is not AlertStatus.RESOLVED,
            title=alert.title,
            onset_ms=alert.onset.ts_ms,
            opened_ms=alert.opened_ms,
            pane_end_ms=alert.pane_end_ms,
            resolved_ms=alert.resolved_ms,
            decision=alert.decision.value,
            signals=tuple(dict.fromkeys(one.signal for one in alert.signals)),
            series=len(set(alert.series)),
            acknowledged_by=None if acknowledged is None else acknowledged.by,
            acknowledged_ms=None if acknowledged is None else acknowledged.at_ms,
            silenced_until_ms=silence.until_ms if silence and silenced else None,
            silenced_by=silence.by if silence and silenced else None,
        )


def worst_severity(alerts: Iterable[Alert]) -> str | None:
    """Of several incidents."""
    found = max((one.severity for one in alerts), key=lambda one: one.rank, default=None)
    return None if found is None else found.value


def action_row(action: Action) -> ActionRow:
    """What a person did, in a list."""
    return ActionRow(
        action=action.action,
        by=action.by,
        at_ms=action.at_ms,
        model=action.model,
        version=action.version,
        alert_id=action.alert_id,
        alert_link=None if action.alert_id is None else links.incident(action.alert_id),
        until_ms=action.until_ms,
        reference_id=action.reference_id,
        effective_from_ms=action.effective_from_ms,
        note=action.note,
    )


def paged(rows: Sequence[T], page: int, size: int) -> tuple[tuple[T, ...], int, int]:
    """One page of rows: the rows, which page it is (one that is too far is the last), of how many.

    >>> paged("abcde", 9, 2)
    (('e',), 3, 3)
    """
    pages = max(1, -(-len(rows) // size))
    page = min(max(1, page), pages)
    return tuple(rows[(page - 1) * size : page * size]), page, pages


def _place(alert: Alert) -> tuple[bool, int, int, str]:
    over = alert.status is AlertStatus.RESOLVED
    severity = 0 if over else -Severity(alert.severity).rank
    return over, severity, -alert.opened_ms, alert.alert_id


def worst(states: Iterable[Health]) -> Health:
    """The worst of several; of none: no data."""
    return max(states, key=rank, default="no data")
