"""What is told of an incident, and when: at once if it matters, else at intervals, else not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from driftlog.records import Alert, AlertSignal, AlertStatus, Decision, SignalState
from driftlog.settings import Settings
from driftlog.wording import title
from stream.advice import advice
from stream.incident import SIGNALS_TOLD, Incident
from stream.incident_cause import cause_of
from stream.incident_contribution import contributions
from stream.incident_shares import Shares
from stream.incident_signal import member_key
from stream.severity import Evidence, decide, rate

__all__ = ["Newsroom"]

_WORSE = 1.5  # times the effect last told
_DECISIONS = list(Decision)


@dataclass(frozen=True, slots=True)
class Newsroom:
    """Decides at one pane what is told of each incident of a model.

    A higher severity, a stronger decision, a fault found behind it, and silence are told at once.
    That further signals joined, some are back, the effect has grown or the decision has eased is
    told at most every ``resolve_panes`` panes. The severity never falls, and a milder decision must
    have held for ``resolve_panes`` panes, so that a share around its threshold does not flap.
    """

    model: str
    now_ms: int
    shares: Shares
    settings: Settings

    @property
    def _quiet_ms(self) -> int:
        return self.settings.detection.resolve_panes * self.settings.stream.pane

    def tell(self, incident: Incident) -> Alert | None:
        """Return what there is to tell, and note in the incident that it was told."""
        if incident.over:
            return self._resolved(incident)
        if not incident.lively:
            return self._silent(incident)
        return self._lively(incident)

    def _lively(self, incident: Incident) -> Alert | None:
        evidence = self._evidence(incident)
        severity = rate(evidence, self.settings.decision, self.settings.stream.window_panes)
        decision, because = decide(evidence, self.settings.decision)
        worse = severity.rank > incident.severity.rank
        change = _DECISIONS.index(decision) - _DECISIONS.index(incident.decision)
        milder = self._eased(incident, change)
        grown = (
            evidence.largest_sd > _WORSE * incident.told_sd
            or evidence.largest_psi > _WORSE * incident.told_psi
        )
        due = self.now_ms - incident.sent_ms >= self._quiet_ms
        first = not incident.sent_ms
        found = evidence.fault and incident.cause is None
        news = first or worse or found or change > 0 or milder
        if not (news or (due and (incident.untold or grown))):
            return None
        if first or worse:
            incident.severity = severity
        if change >= 0 or milder or found:
            incident.decision, incident.because, incident.eased_ms = decision, because, 0
        incident.told_sd = max(incident.told_sd, evidence.largest_sd)
        incident.told_psi = max(incident.told_psi, evidence.largest_psi)
        signals = [m.evidence for m in incident.live]
        incident.cause = cause_of(self._in_force(incident))
        said = title(signals, self._watched(incident), incident.cause)
        return self._alert(incident, AlertStatus.FIRING if first else AlertStatus.UPDATED, said)

    def _eased(self, incident: Incident, change: int) -> bool:
        """Whether a milder decision has held for long enough.

        A share is small, too, when what had drifted cannot be judged: such panes prove nothing.
        """
        if change >= 0:
            incident.eased_ms = 0
            return False
        if any(
            m.evidence.state != SignalState.DRIFT or m.seen_ms < self.now_ms for m in incident.live
        ):
            return False
        incident.eased_ms = incident.eased_ms or self.now_ms
        return self.now_ms - incident.eased_ms >= self._quiet_ms

    def _silent(self, incident: Incident) -> Alert | None:
        """Say once that nothing is heard any more; severity and decision stay as they were."""
        if not incident.untold:
            return None
        stale = [m.evidence for m in incident.ranked if m.stale]
        seen = title(stale, self._watched(incident), incident.cause)
        said = f"no more data to judge by, last seen: {seen}"
        return self._alert(incident, AlertStatus.UPDATED, said)

    def _resolved(self, incident: Incident) -> Alert:
        evidence = replace(self._evidence(incident), fault=False)  # it has been mended
        incident.decision, incident.because = decide(evidence, self.settings.decision)
        signals = [m.evidence for m in incident.ranked]
        incident.cause = cause_of(signals)
        was = title(signals, self._watched(incident), incident.cause)
        said = f"back to usual, was: {was}"
        return self._alert(incident, AlertStatus.RESOLVED, said)

    def _evidence(self, incident: Incident) -> Evidence:
        live = [m.evidence for m in incident.live]
        share = self.shares.drifted({s.series for s in live})
        panes_open = (self.now_ms - incident.opened_ms) // self.settings.stream.pane
        evidence = Evidence.of(live, share, panes_open)
        return replace(evidence, fault=any(s.fault is not None for s in self._in_force(incident)))

    def _in_force(self, incident: Incident) -> list[AlertSignal]:
        """Signals that drift, and those back for less than a window.

        A fault that was mended a moment ago is still in the windows of what it led to: it explains
        them until they have passed.
        """
        window_ms = self.settings.stream.window_panes * self.settings.stream.pane
        return [
            one
            for one in (m.evidence for m in incident.ranked)
            if one.state != SignalState.STALE
            and (one.cleared_ms is None or self.now_ms - one.cleared_ms < window_ms)
        ]

    def _watched(self, incident: Incident) -> int:
        return self.shares.watched(incident.series)

    def _alert(self, incident: Incident, status: AlertStatus, said: str) -> Alert:
        incident.sent_ms, incident.untold = self.now_ms, False
        stream = self.settings.stream
        assert incident.because is not None, "the first record is told with a decision"
        ranked = incident.ranked
        parts = contributions(ranked)
        signals: tuple[AlertSignal, ...] = tuple(
            msgspec.structs.replace(
                m.evidence,
                contribution=parts.get(member_key(m.evidence.series, m.evidence.signal), 0.0),
            )
            for m in ranked[:SIGNALS_TOLD]
        )
        told = Alert(
            alert_id=incident.alert_id,
            status=status,
            severity=incident.severity,
            model=self.model,
            versions=tuple(incident.versions),
            series=tuple(sorted(incident.series)),
            title=said,
            signals=signals,
            onset=incident.onset,
            opened_ms=incident.opened_ms,
            pane_end_ms=self.now_ms,
            window_ms=(self.now_ms - stream.window_panes * stream.pane, self.now_ms),
            offsets=dict(sorted(incident.offsets.items())),
            decision=incident.decision,
            because=incident.because,
            reference_id=incident.reference_id,
            config=incident.config,
            samples_before=incident.samples_before,
            samples_after=incident.samples_after,
            resolved_ms=self.now_ms if status is AlertStatus.RESOLVED else None,
            cause=incident.cause,
        )
        return msgspec.structs.replace(told, advice=advice(told))
