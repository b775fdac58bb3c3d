"""An incident: signals that drifted together, from the first of them until the last is back."""

from __future__ import annotations

import msgspec

from driftlog.records import (
    Because,
    Cause,
    Decision,
    Onset,
    Severity,
    SignalState,
    SignalVerdict,
    Verdict,
)
from driftlog.settings import Settings
from stream.incident_signal import Member, all_rows_key, moment

__all__ = ["SIGNALS_TOLD", "Incident"]

SIGNALS_TOLD = 50  # signals with evidence in one alert; the worst first
_SAMPLES = 5
_BACK = (SignalState.OK, SignalState.MINOR)


class Incident(msgspec.Struct):
    """One open incident. Plain data: it is part of the stored state."""

    alert_id: str
    opened_ms: int
    onset: Onset
    reference_id: str  # that the latest evidence was judged by
    config: str
    severity: Severity = Severity.INFO  # the worst told
    decision: Decision = Decision.NO_ACTION  # as told
    because: Because | None = None
    members: dict[str, Member] = msgspec.field(default_factory=dict)
    versions: list[str] = msgspec.field(default_factory=list)
    offsets: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    samples_before: tuple[str, ...] = ()
    samples_after: tuple[str, ...] = ()
    sent_ms: int = 0  # pane end of the last record told, 0 before the first
    untold: bool = False  # something changed that is worth telling, if not at once
    told_sd: float = 0.0  # largest effects told
    told_psi: float = 0.0
    cause: Cause | None = None  # the fault behind it, as told
    eased_ms: int = 0  # pane end since which a milder decision would do, 0: it would not

    @property
    def live(self) -> list[Member]:
        """Signals that are drifting as far as anybody knows, worst first."""
        return sorted((m for m in self.members.values() if m.live), key=lambda m: m.order)

    @property
    def ranked(self) -> list[Member]:
        """All signals: those drifting, those nothing is heard of, those back; each worst first."""
        return sorted(self.members.values(), key=lambda m: m.order)

    @property
    def lively(self) -> bool:
        """Whether any signal is drifting."""
        return any(m.live for m in self.members.values())

    @property
    def series(self) -> set[str]:
        """Series that are or were part of it."""
        return {m.evidence.series for m in self.members.values()}

    def join(self, key: str, member: Member, verdict: Verdict) -> None:
        """Take in a signal that has drifted."""
        self.members[key] = member
        if moment(member.evidence.onset) < moment(self.onset):
            # It was found late and began first: what was before the others is not before it.
            self.onset = member.evidence.onset
            self.samples_before = verdict.samples_before[:_SAMPLES] or self.samples_before
        if verdict.version not in self.versions:
            self.versions = sorted([*self.versions, verdict.version])
        self.samples_before = self.samples_before or verdict.samples_before[:_SAMPLES]
        self.samples_after = self.samples_after or verdict.samples_after[:_SAMPLES]
        self._widen(member, verdict)
        self.untold = True

    def follow(self, key: str, signal: SignalVerdict, verdict: Verdict, settings: Settings) -> None:
        """Bring one of its signals up to date.

        A signal that drifts until it is ``ok`` has had its way back judged pane by pane. One that
        came through another state began afresh (a new reference or configuration, or a long
        silence), and its first ``ok`` proves little: it has to last for ``resolve_panes``.
        """
        resolve_ms = settings.detection.resolve_panes * settings.stream.pane
        known = self.members[key]
        known.seen_ms = verdict.pane_end_ms
        if signal.state is SignalState.DRIFT:
            now = Member.of(known.evidence.series, signal, verdict, settings.detection)
            if not known.cleared:
                now.began(known.evidence.onset)
            self.untold |= not known.live
            self.members[key] = now
            self._widen(now, verdict)
            self.reference_id, self.config = verdict.reference_id, verdict.config
            return
        if known.cleared:
            return
        self.untold |= known.stale
        if signal.state not in _BACK:
            known.usual_ms = -1
            known.say(signal.state)
            return
        if known.usual_ms < 0:
            known.usual_ms = verdict.pane_ms
        judged = known.evidence.state == SignalState.DRIFT
        if judged or verdict.pane_end_ms - known.usual_ms >= resolve_ms:
            known.say(signal.state, verdict.pane_end_ms)
            self.untold = True
        else:
            known.say(SignalState.INSUFFICIENT)

    def expire(self, now_ms: int, window_ms: int) -> None:
        """Mark as stale what has not been judged for a whole window."""
        for member in self.members.values():
            if member.live and now_ms - member.seen_ms >= window_ms:
                member.say(SignalState.STALE)
                self.untold = True

    @property
    def over(self) -> bool:
        """Whether all of it is back to usual, by verdicts.

        A segment may stop having rows. It does not keep an incident open whose signal is back in
        the series of all rows; in any other case silence ends nothing.
        """
        return all(m.cleared or (m.stale and self._spoken_for(m)) for m in self.members.values())

    @property
    def heard_ms(self) -> int:
        """End of the last pane at which a signal that is stale now was judged."""
        return max((m.seen_ms for m in self.members.values() if m.stale), default=self.opened_ms)

    def make_room(self) -> int:
        """Let go of signals that are back, while others drift; return how many stay."""
        if self.lively:
            self.members = {key: m for key, m in self.members.items() if not m.cleared}
        return len(self.members)

    def trim(self) -> None:
        """Keep evidence of the worst signals alone."""
        if len(self.members) > SIGNALS_TOLD:
            for member in self.ranked[SIGNALS_TOLD:]:
                member.trim()

    def _spoken_for(self, member: Member) -> bool:
        whole = self.members.get(all_rows_key(member))
        return whole is not None and whole.cleared

    def _widen(self, member: Member, verdict: Verdict) -> None:
        spans = dict(verdict.offsets)
        onset = member.evidence.onset
        if onset.partition >= 0:
            partition = str(onset.partition)
            low, high = spans.get(partition, (onset.offset, onset.offset))
            spans[partition] = (min(low, onset.offset), max(high, onset.offset))
        for partition, (low, high) in spans.items():
            had = self.offsets.get(partition, (low, high))
            self.offsets[partition] = (min(had[0], low), max(had[1], high))
