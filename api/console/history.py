"""What the log has told so far, folded into a bounded memory. Pure: no clock, no broker.

`History.take` folds one record. The order in which records of one partition come matters, as it
does on the log; how partitions and topics are interleaved, and in what pieces they are read, makes
no difference to what is shown while no bound is reached.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from api.console import links
from api.console.memory import ShardMemory
from api.console.views import FeedEvent, Step
from driftlog.errors import ContractError
from driftlog.records import (
    ACTION,
    ALERT,
    MARKER,
    REFERENCE,
    VERDICT,
    Action,
    Alert,
    AlertStatus,
    ReferenceProfile,
    Verdict,
)
from driftlog.settings import ConsoleSettings

__all__ = ["History", "IncidentMemory", "SeriesKey", "SeriesMemory"]

SeriesKey = tuple[str, str, str]  # model, version, segment

_ALL: Final = "*"
_MARKER_KEY: Final = b"marker "
_COURSE: Final = 60  # records kept of an incident: the first and the newest
_REFERENCES: Final = 8  # kept of a model version
_DECODED: Final = 16  # references held decoded
_FEWEST: Final = 8  # panes kept whatever the number of series


@dataclass(slots=True)
class SeriesMemory:
    """A series: its shards by number."""

    shards: dict[int, ShardMemory] = field(default_factory=dict)
    count: int = 1  # how many shards there are
    first_ms: int = 0  # event time: start of the first pane that was told of

    @property
    def heard_ms(self) -> int:
        """Clock: when the newest verdict came."""
        return max((one.heard_ms for one in self.shards.values()), default=0)

    @property
    def newest(self) -> ShardMemory:
        """The shard that was told of last."""
        return max(self.shards.values(), key=lambda one: one.pane_end_ms)


@dataclass(slots=True)
class IncidentMemory:
    """An incident: its newest record and its course."""

    alert: Alert
    course: list[Step] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ReferenceMemory:
    """A reference as it stands on the topic, with what is asked of it often."""

    reference_id: str
    effective_from_ms: int
    raw: bytes


class History:
    """Everything that pages are made of.

    ``revision`` grows with every record that changed something. ``counts``: ``records`` taken,
    ``damaged`` ones.

    Args:
        settings: bounds; nothing else is read of them.
    """

    def __init__(self, settings: ConsoleSettings) -> None:
        self.revision = 0
        self.counts: Counter[str] = Counter()
        self.series: OrderedDict[SeriesKey, SeriesMemory] = OrderedDict()
        self.incidents: OrderedDict[str, IncidentMemory] = OrderedDict()
        self.actions: deque[Action] = deque(maxlen=settings.actions)
        self.feed: deque[FeedEvent] = deque(maxlen=settings.feed)
        self.references: dict[tuple[str, str], list[ReferenceMemory]] = {}
        self.markers: dict[int, tuple[int, int]] = {}  # partition -> closed through, clock
        self.heard_ms: int | None = None  # clock: the newest verdict or marker
        self.points = 0
        self.pane_length_ms: int | None = None  # of the newest verdict
        self._settings = settings
        self._limits = [settings.history_panes, settings.history_panes]  # of segments, of all rows
        self._decoded: OrderedDict[str, ReferenceProfile] = OrderedDict()

    def take(self, topic: str, key: bytes, value: bytes | None, at_ms: int) -> None:
        """Fold one record.

        What cannot be read is counted and passed over.

        Args:
            topic: name without prefix: verdicts, alerts, actions or references.
            key: as on the topic.
            value: as on the topic; None deletes, which only references take to heart.
            at_ms: clock: when it was written, or came.
        """
        if value is None:
            return
        self.counts["records"] += 1
        try:
            if topic == "verdicts":
                if key.startswith(_MARKER_KEY) and b"#" not in key:
                    self._marker(value, at_ms)
                else:
                    self._verdict(VERDICT.decode(value), value, at_ms)
            elif topic == "alerts":
                self._alert(ALERT.decode(value), at_ms)
            elif topic == "actions":
                self._action(ACTION.decode(value))
            elif topic == "references":
                self._reference(REFERENCE.decode(value), value, at_ms)
        except ContractError:
            self.counts["damaged"] += 1
            return
        self.revision += 1

    # -- asking -------------------------------------------------------------------------------

    def profile(self, model: str, version: str, reference_id: str) -> ReferenceProfile | None:
        """A reference by its id, or None where it is not (or no longer) known."""
        for one in self.references.get((model, version), ()):
            if one.reference_id == reference_id:
                key = f"{model}\0{version}\0{reference_id}\0{one.effective_from_ms}"
                found = self._decoded.get(key)
                if found is None:
                    found = self._decoded[key] = REFERENCE.decode(one.raw)
                    if len(self._decoded) > _DECODED:
                        self._decoded.popitem(last=False)
                return found
        return None

    def profiles(self, model: str, version: str) -> Iterator[ReferenceProfile]:
        """All that are kept of a model version, the newest first."""
        for one in reversed(self.references.get((model, version), ())):
            found = self.profile(model, version, one.reference_id)
            if found is not None:
                yield found

    # -- folding ------------------------------------------------------------------------------

    def _marker(self, value: bytes, at_ms: int) -> None:
        marker = MARKER.decode(value)
        through, heard = self.markers.get(marker.marker, (-1, -1))
        # One that is written again after a restart shows that somebody lives all the same.
        self.markers[marker.marker] = (
            max(through, marker.closed_through_ms),
            max(heard, at_ms),
        )
        self._heard(at_ms)

    def _heard(self, at_ms: int) -> None:
        self.heard_ms = at_ms if self.heard_ms is None else max(self.heard_ms, at_ms)

    def _verdict(self, verdict: Verdict, raw: bytes, at_ms: int) -> None:
        self._heard(at_ms)
        self.pane_length_ms = verdict.pane_end_ms - verdict.pane_ms
        key = (verdict.model, verdict.version, verdict.segment)
        series = self.series.get(key)
        if series is None:
            series = self.series[key] = SeriesMemory(first_ms=verdict.pane_ms)
        self.series.move_to_end(key)
        if verdict.shards != series.count:
            series.count = verdict.shards
            for number in [n for n in series.shards if n >= verdict.shards]:
                self.points -= series.shards.pop(number).cells
        shard = series.shards.get(verdict.shard)
        if shard is None:
            shard = series.shards[verdict.shard] = ShardMemory()
        self.points += shard.take(verdict, raw, at_ms)
        self.points -= shard.trim(self._limits[verdict.segment == _ALL])
        while len(self.series) > self._settings.max_series:
            _, gone = self.series.popitem(last=False)
            self.points -= sum(one.cells for one in gone.shards.values())
        if self.points > self._settings.history_points:
            self._shorten()

    def _shorten(self) -> None:
        """Keep half as many panes: of segments first, then of the series of all rows."""
        which = 0 if self._limits[0] > _FEWEST else 1
        if self._limits[which] <= _FEWEST:
            return
        self._limits[which] = max(_FEWEST, self._limits[which] // 2)
        for (_, _, segment), series in self.series.items():
            for shard in series.shards.values():
                self.points -= shard.trim(self._limits[segment == _ALL])

    def _alert(self, alert: Alert, at_ms: int) -> None:
        known = self.incidents.get(alert.alert_id)
        if known is not None and alert.pane_end_ms < known.alert.pane_end_ms:
            return
        again = known is not None and (
            (alert.pane_end_ms, alert.status) == (known.alert.pane_end_ms, known.alert.status)
        )
        if known is None:
            known = self.incidents[alert.alert_id] = IncidentMemory(alert)
        before, known.alert = known.alert, alert
        self.incidents.move_to_end(alert.alert_id)
        if not again:
            known.course.append(
                Step(
                    pane_end_ms=alert.pane_end_ms,
                    status=alert.status.value,
                    severity=alert.severity.value,
                    decision=alert.decision.value,
                    title=alert.title,
                    signals=sum(one.cleared_ms is None for one in alert.signals),
                )
            )
            if len(known.course) > _COURSE:
                del known.course[1]
            # An update is news where it got worse or better; else it is a figure that moved.
            if alert.status is not AlertStatus.UPDATED or before.severity is not alert.severity:
                self.feed.append(_of_alert(alert, at_ms))
        while len(self.incidents) > self._settings.incidents:
            over = next(
                (
                    name
                    for name, one in self.incidents.items()
                    if one.alert.status is AlertStatus.RESOLVED
                ),
                next(iter(self.incidents)),
            )
            del self.incidents[over]

    def _action(self, action: Action) -> None:
        if action in self.actions:  # written once more by a producer that saw no answer
            return
        self.actions.append(action)
        self.feed.append(_of_action(action))

    def _reference(self, profile: ReferenceProfile, raw: bytes, at_ms: int) -> None:
        kept = self.references.setdefault((profile.model, profile.version), [])
        if any(one.reference_id == profile.reference_id and one.raw == raw for one in kept):
            return
        kept[:] = [one for one in kept if one.reference_id != profile.reference_id]
        kept.append(ReferenceMemory(profile.reference_id, profile.effective_from_ms, raw))
        kept.sort(key=lambda one: (one.effective_from_ms, one.reference_id))
        del kept[:-_REFERENCES]
        self.feed.append(_of_reference(profile, at_ms))


def _of_alert(alert: Alert, at_ms: int) -> FeedEvent:
    return FeedEvent(
        id=f"{alert.alert_id}-{alert.pane_end_ms}-{alert.status.value}",
        ts_ms=alert.pane_end_ms,
        told_ms=at_ms,
        kind=alert.status.value,
        model=alert.model,
        versions=alert.versions,
        severity=alert.severity.value,
        words=alert.title,
        by=None,
        link=links.incident(alert.alert_id),
        correlation_ids=alert.samples_after or alert.samples_before,
    )


_DID: Final = {
    "acknowledge": "acknowledged",
    "silence": "silenced",
    "accept_reference": "accepted a new reference",
    "note": "noted",
}


def _of_action(action: Action) -> FeedEvent:
    return FeedEvent(
        id=f"{action.action}-{action.at_ms}-{action.alert_id or action.reference_id or ''}",
        ts_ms=action.at_ms,
        told_ms=action.at_ms,
        kind=action.action,
        model=action.model,
        versions=() if action.version is None else (action.version,),
        severity=None,
        words=f"{_DID[action.action]}{f': {action.note}' if action.note else ''}",
        by=action.by,
        link=None if action.alert_id is None else links.incident(action.alert_id),
        correlation_ids=(),
    )


def _of_reference(profile: ReferenceProfile, at_ms: int) -> FeedEvent:
    return FeedEvent(
        id=f"reference-{profile.reference_id}",
        ts_ms=profile.effective_from_ms,
        told_ms=at_ms,
        kind="reference",
        model=profile.model,
        versions=(profile.version,),
        severity=None,
        words=f"reference {profile.reference_id} ({profile.origin}), {profile.rows:,} rows",
        by=None,
        link=links.model(profile.model, profile.version),
        correlation_ids=(),
    )
