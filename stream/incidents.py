"""The lifecycle of incidents: a fold over the verdicts of one model, pane by pane."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from driftlog.records import Alert, AlertStatus, SignalState, Verdict
from driftlog.settings import Settings
from stream.incident import Incident
from stream.incident_gathering import Fresh, Gathering
from stream.incident_news import Newsroom
from stream.incident_shares import Shares
from stream.incident_signal import Member, member_key, moment, of_all_rows
from stream.routing import series_name
from stream.volume import Volumes

__all__ = ["FORGET_WINDOWS", "MAX_MEMBERS", "MAX_SEGMENT_MEMBERS", "ModelIncidents"]

FORGET_WINDOWS: Final = 144  # of silence; then a silent incident is let go. A day by default
MAX_SEGMENT_MEMBERS: Final = 2_000  # signals of segments held; of all incidents of a model
MAX_MEMBERS: Final = 4_000  # with those of the series of all rows


class ModelIncidents(msgspec.Struct):
    """All that is kept of one model between panes. Plain data: the stored state.

    `apply` is called in rising order of pane ends; the same verdicts give the same alerts, always.

    *What belongs together*: a drift joins an open incident in which the same signal is drifting (a
    drift in fifty segments is one incident), or which has a fault that explains it (what is made
    from broken inputs moves because of them), or whose onset is within ``group_panes`` of its own.

    *The end*: an incident is resolved when every signal of it is back by a verdict. Silence
    resolves nothing: a signal without a verdict for a whole window is ``stale``; when all that is
    left is stale, that is told once, and after `FORGET_WINDOWS` windows without a word the incident
    is let go, with 'no more data' as its last word. Should the version come back and still drift,
    it opens another.

    *Bounds*: at most `MAX_MEMBERS` signals are held. What drifts beyond that is in the drift share,
    and is taken in when there is room.
    """

    model: str
    open: list[Incident] = msgspec.field(default_factory=list)
    # member key -> pane end (ms) until which it opens no other incident
    cooling: dict[str, int] = msgspec.field(default_factory=dict)
    shares: Shares = msgspec.field(default_factory=Shares)
    volumes: Volumes = msgspec.field(default_factory=Volumes)
    applied_ms: int = 0  # end of the last pane taken: a pane read again changes nothing
    wake_ms: int = 0  # pane end at which silence has to be looked at, 0: never

    def apply(self, end_ms: int, verdicts: Sequence[Verdict], settings: Settings) -> list[Alert]:
        """Take one pane; return what there is to tell.

        Args:
            end_ms: end of the pane.
            verdicts: all of this model at that pane, in any order; none where it is time to
                look at what has fallen silent (``wake_ms``).
            settings: ``stream``, ``detection`` and ``decision`` are read.
        """
        if end_ms <= self.applied_ms:
            return []
        self.applied_ms = end_ms
        self.cooling = {key: until for key, until in self.cooling.items() if until > end_ms}
        ordered = sorted(verdicts, key=lambda v: (v.version, v.segment, v.shard))
        self.shares.take(ordered)
        # Rows that are missing are told of like a signal, by a verdict of their own.
        ordered += self.volumes.step(self.model, end_ms, ordered, settings)
        fresh = list(self._follow(ordered, settings))
        self._place(fresh, end_ms, settings)
        alerts = list(self._tell(end_ms, settings))
        self.shares.keep({name for incident in self.open for name in incident.series})
        return alerts

    def _follow(self, verdicts: Sequence[Verdict], settings: Settings) -> Iterator[Fresh]:
        """Bring the open incidents up to date; yield the signals that drift and belong to none."""
        owners = {key: incident for incident in self.open for key in incident.members}
        watched = {name for incident in self.open for name in incident.series}
        for verdict in verdicts:
            series = series_name(verdict.model, verdict.version, verdict.segment)
            for signal in verdict.signals:
                drifts = signal.state is SignalState.DRIFT
                if not drifts and series not in watched:
                    continue
                key = member_key(series, signal.signal)
                owner = owners.get(key)
                if owner is not None:
                    owner.follow(key, signal, verdict, settings)
                elif drifts and key not in self.cooling:
                    member = Member.of(series, signal, verdict, settings.detection)
                    yield key, member, verdict

    def _place(self, fresh: list[Fresh], end_ms: int, settings: Settings) -> None:
        """Put newly drifted signals where they belong: into open incidents, or new ones."""
        reach = settings.detection.group_panes * settings.stream.pane
        gathered = [Gathering.of(incident) for incident in self.open if incident.lively]
        for key, member, verdict in self._admitted(fresh):
            place = (
                next((g for g in gathered if member.evidence.signal in g.signals), None)
                or next((g for g in gathered if g.explains(member)), None)
                or next((g for g in gathered if g.began_near(member, reach)), None)
            )
            if place is None:
                place = Gathering(None, member.evidence.onset.ts_ms)
                gathered.append(place)
            place.take(key, member, verdict)
        self.open.extend(self._opened(g.fresh, end_ms) for g in gathered if g.incident is None)

    def _admitted(self, fresh: list[Fresh]) -> list[Fresh]:
        """Return those there is room for: series of all rows first, then by onset."""
        ordered = sorted(
            fresh,
            key=lambda one: (
                not of_all_rows(one[1].evidence.series),
                moment(one[1].evidence.onset),
                one[0],
            ),
        )
        held = sum(len(incident.members) for incident in self.open)
        if held + len(fresh) > MAX_SEGMENT_MEMBERS:
            held = sum(incident.make_room() for incident in self.open)
        found = []
        for one in ordered:
            limit = MAX_MEMBERS if of_all_rows(one[1].evidence.series) else MAX_SEGMENT_MEMBERS
            if held < limit:
                found.append(one)
                held += 1
        return found

    def _opened(self, group: list[Fresh], end_ms: int) -> Incident:
        first = group[0][2]
        names = sorted(key for key, _, _ in group)
        content = msgspec.json.encode([self.model, first.config, first.pane_ms, names])
        incident = Incident(
            alert_id=blake2b(content, digest_size=10).hexdigest(),
            opened_ms=end_ms,
            onset=group[0][1].evidence.onset,
            reference_id=first.reference_id,
            config=first.config,
        )
        for key, member, verdict in group:
            incident.join(key, member, verdict)
        return incident

    def _tell(self, end_ms: int, settings: Settings) -> Iterator[Alert]:
        pane, window = settings.stream.pane, settings.stream.window_panes * settings.stream.pane
        newsroom = Newsroom(self.model, end_ms, self.shares, settings)
        still: list[Incident] = []
        wake: list[int] = []
        for incident in self.open:
            incident.expire(end_ms, window)
            alert = newsroom.tell(incident)
            if alert is not None:
                yield alert
            if alert is not None and alert.status is AlertStatus.RESOLVED:
                until = end_ms + settings.detection.cool_down_panes * pane
                self.cooling |= dict.fromkeys(incident.members, until)
                continue
            live = [m.seen_ms + window for m in incident.members.values() if m.live]
            if not live and incident.heard_ms + FORGET_WINDOWS * window <= end_ms:
                continue
            wake.append(min(live, default=incident.heard_ms + FORGET_WINDOWS * window))
            incident.trim()
            still.append(incident)
        self.open = still
        if quiet := self.volumes.wake_ms(end_ms, settings):
            wake.append(quiet)
        self.wake_ms = min(wake, default=0)
