"""The lifecycle of incidents: a fold over the verdicts of one model, pane by pane."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

import msgspec

from driftlog.records import (
    Alert,
    AlertSignal,
    AlertStatus,
    Decision,
    Onset,
    Severity,
    SignalState,
    SignalVerdict,
    Verdict,
)
from driftlog.settings import Settings
from stream.routing import ALL, series_name
from stream.severity import Evidence, decide, rate
from stream.wording import title

__all__ = ["Incident", "ModelIncidents"]

_SIGNALS_TOLD = 50  # signals with evidence in one alert; the worst first
_SAMPLES = 5


class Incident(msgspec.Struct):
    """One open incident. Plain data: it is part of the stored state."""

    alert_id: str
    opened_ms: int
    onset: Onset
    signals: dict[str, AlertSignal]  # series + signal -> evidence
    versions: list[str]
    severity: Severity
    decision: Decision
    last_sent_ms: int
    reference_id: str
    config: str
    offsets: dict[str, tuple[int, int]]
    samples_before: tuple[str, ...] = ()
    samples_after: tuple[str, ...] = ()

    @property
    def active(self) -> list[AlertSignal]:
        """Signals that have not cleared, worst first."""
        return sorted((s for s in self.signals.values() if s.cleared_ms is None), key=_badness)


class Share(msgspec.Struct):
    """Of one shard of a series: how much of it is judged, and how much of that has drifted."""

    judged: float
    drifted: float
    watched: int


class ModelIncidents(msgspec.Struct):
    """All that is kept of one model between panes.

    `apply` takes the verdicts of one pane, of all series and versions, and returns what to tell. It
    is called pane by pane in rising order; the same verdicts give the same alerts, always.
    """

    model: str
    open: list[Incident] = msgspec.field(default_factory=list)
    cooling: dict[str, int] = msgspec.field(
        default_factory=dict
    )  # series + signal -> until this pane end (ms)
    shares: dict[str, dict[str, Share]] = msgspec.field(
        default_factory=dict
    )  # series -> shard -> share
    applied_ms: int = 0  # end of the last pane taken: a pane read again changes nothing

    def apply(self, verdicts: Sequence[Verdict], settings: Settings) -> list[Alert]:
        """Take one pane.

        Args:
            verdicts: of this model, all with the same ``pane_end_ms``, at least one.
            settings: ``stream``, ``detection`` and ``decision`` are read.
        """
        ordered = sorted(verdicts, key=lambda v: (v.version, v.segment, v.shard))
        now = ordered[0].pane_end_ms
        if now <= self.applied_ms:
            return []
        self.applied_ms = now
        self.cooling = {key: until for key, until in self.cooling.items() if until > now}
        fresh: list[tuple[str, AlertSignal, Verdict]] = []
        changed: set[str] = set()
        for verdict in ordered:
            series = series_name(verdict.model, verdict.version, verdict.segment)
            self._count(series, verdict)
            for signal in verdict.signals:
                key = f"{series} {signal.signal}"
                owner = self._owner(key)
                if owner is not None:
                    if _follow(owner, key, series, signal, verdict):
                        changed.add(owner.alert_id)
                elif signal.state is SignalState.DRIFT and key not in self.cooling:
                    fresh.append((key, _evidence(series, signal, verdict), verdict))
        opened = self._place(fresh, now, settings, changed)
        return list(self._tell(now, opened, changed, settings))

    def _count(self, series: str, verdict: Verdict) -> None:
        judged = [
            s
            for s in verdict.signals
            if s.state not in (SignalState.LEARNING, SignalState.INSUFFICIENT)
        ]
        drifted = sum(s.weight for s in judged if s.state is SignalState.DRIFT)
        shards = self.shares.setdefault(series, {})
        shards[str(verdict.shard)] = Share(
            sum(s.weight for s in judged), drifted, len(verdict.signals)
        )
        # Thousands of quiet segments need not be remembered.
        if verdict.segment != ALL and not any(s.drifted for s in shards.values()):
            del self.shares[series]

    def _owner(self, key: str) -> Incident | None:
        return next((i for i in self.open if key in i.signals), None)

    def _place(
        self,
        fresh: list[tuple[str, AlertSignal, Verdict]],
        now: int,
        settings: Settings,
        changed: set[str],
    ) -> set[str]:
        """Put newly drifted signals where they belong: into an open incident, or a new one."""
        reach = settings.detection.group_panes * settings.stream.pane
        rest = []
        for key, signal, verdict in fresh:
            owner = next((i for i in self.open if _belongs(i, signal, reach)), None)
            if owner is None:
                rest.append((key, signal, verdict))
            else:
                _join(owner, key, signal, verdict)
                changed.add(owner.alert_id)
        if not rest:
            return set()
        names = sorted(key for key, _, _ in rest)
        first = rest[0][2]
        content = "\n".join([self.model, first.config, str(first.pane_ms), *names])
        alert_id = blake2b(content.encode(), digest_size=10).hexdigest()
        incident = Incident(
            alert_id=alert_id,
            opened_ms=now,
            onset=min((s.onset for _, s, _ in rest), key=_when),
            signals={},
            versions=[],
            severity=Severity.INFO,
            decision=Decision.NO_ACTION,
            last_sent_ms=now,
            reference_id=first.reference_id,
            config=first.config,
            offsets={},
        )
        for key, signal, verdict in rest:
            _join(incident, key, signal, verdict)
        self.open.append(incident)
        return {alert_id}

    def _tell(
        self, now: int, opened: set[str], changed: set[str], settings: Settings
    ) -> Iterator[Alert]:
        pane = settings.stream.pane
        still: list[Incident] = []
        for incident in self.open:
            evidence = Evidence.of(
                incident.signals.values(),
                self._drift_share(incident),
                (now - incident.opened_ms) // pane,
            )
            severity = rate(evidence, settings.decision, settings.stream.window_panes)
            decision, because = decide(evidence, settings.decision)
            if not incident.active:
                status: AlertStatus | None = AlertStatus.RESOLVED
                until = now + settings.detection.cool_down_panes * pane
                self.cooling |= dict.fromkeys(incident.signals, until)
            elif incident.alert_id in opened:
                status = AlertStatus.FIRING
            else:
                worse = severity.rank > incident.severity.rank or decision != incident.decision
                due = now - incident.last_sent_ms >= settings.detection.resolve_panes * pane
                told = worse or (due and incident.alert_id in changed)
                status = AlertStatus.UPDATED if told else None
            if status is not AlertStatus.RESOLVED:
                still.append(incident)
            if status is None:
                continue
            if status is not AlertStatus.RESOLVED:  # the last word keeps the worst that was seen
                severity = max(severity, incident.severity, key=lambda s: s.rank)
                incident.severity, incident.decision = severity, decision
                incident.last_sent_ms = now
            else:
                severity = incident.severity
            yield Alert(
                alert_id=incident.alert_id,
                status=status,
                severity=severity,
                model=self.model,
                versions=tuple(incident.versions),
                series=tuple(sorted({s.series for s in incident.signals.values()})),
                title=title(incident.active or _worst(incident), self._watched(incident)),
                signals=tuple(_worst(incident)[:_SIGNALS_TOLD]),
                onset=incident.onset,
                opened_ms=incident.opened_ms,
                pane_end_ms=now,
                window_ms=(now - settings.stream.window_panes * pane, now),
                offsets=incident.offsets,
                decision=decision,
                because=because,
                reference_id=incident.reference_id,
                config=incident.config,
                samples_before=incident.samples_before,
                samples_after=incident.samples_after,
                resolved_ms=now if status is AlertStatus.RESOLVED else None,
            )
        self.open = still

    def _drift_share(self, incident: Incident) -> float:
        found = [0.0]
        for series in {s.series for s in incident.active}:
            shards = self.shares.get(series, {}).values()
            judged = sum(s.judged for s in shards)
            found.append(sum(s.drifted for s in shards) / judged if judged else 0.0)
        return max(found)

    def _watched(self, incident: Incident) -> int:
        counts = [
            sum(s.watched for s in self.shares.get(series, {}).values())
            for series in {s.series for s in incident.signals.values()}
        ]
        return max(counts, default=0)


def _badness(signal: AlertSignal) -> tuple[float, str, str]:
    score = signal.scores.get(signal.detector)
    ratio = score.score / score.threshold if score and score.threshold > 0 else 0.0
    return (-max(abs(signal.effect_sd), signal.psi, ratio / 10), signal.series, signal.signal)


def _worst(incident: Incident) -> list[AlertSignal]:
    return sorted(incident.signals.values(), key=lambda s: (s.cleared_ms is not None, _badness(s)))


def _when(onset: Onset) -> tuple[int, int, int]:
    return (onset.ts_ms, onset.partition, onset.offset)


def _evidence(series: str, signal: SignalVerdict, verdict: Verdict) -> AlertSignal:
    ratios = {
        name: s.score / s.threshold if s.threshold > 0 else 0.0 for name, s in signal.scores.items()
    }
    beyond: Iterable[str] = signal.detectors or ratios
    return AlertSignal(
        series=series,
        signal=signal.signal,
        state=signal.state.value,
        detector=max(sorted(beyond), key=lambda name: ratios.get(name, 0.0), default=""),
        scores=signal.scores,
        psi=signal.psi,
        effect_sd=signal.effect_sd,
        effect_rate=signal.effect_rate,
        direction=signal.direction,
        onset=signal.onset or Onset(ts_ms=verdict.pane_ms),
        rows=signal.rows,
        before=signal.before,
        after=signal.after,
        moved=signal.moved,
    )


def _belongs(incident: Incident, signal: AlertSignal, reach_ms: int) -> bool:
    """Whether it is the same trouble: the same signal elsewhere, or one that began about then."""
    if any(s.signal == signal.signal for s in incident.active):
        return True
    return abs(signal.onset.ts_ms - incident.onset.ts_ms) <= reach_ms


def _join(incident: Incident, key: str, signal: AlertSignal, verdict: Verdict) -> None:
    incident.signals[key] = signal
    incident.onset = min(incident.onset, signal.onset, key=_when)
    if verdict.version not in incident.versions:
        incident.versions = sorted([*incident.versions, verdict.version])
    incident.samples_before = incident.samples_before or verdict.samples_before[:_SAMPLES]
    incident.samples_after = incident.samples_after or verdict.samples_after[:_SAMPLES]
    _widen(incident, verdict)


def _widen(incident: Incident, verdict: Verdict) -> None:
    for partition, (low, high) in verdict.offsets.items():
        had = incident.offsets.get(partition, (low, high))
        incident.offsets[partition] = (min(had[0], low), max(had[1], high))


def _follow(
    incident: Incident, key: str, series: str, signal: SignalVerdict, verdict: Verdict
) -> bool:
    """Bring a signal of an incident up to date; return whether something worth telling changed."""
    known = incident.signals[key]
    if signal.state is SignalState.DRIFT:
        _widen(incident, verdict)
        now = _evidence(series, signal, verdict)
        incident.signals[key] = msgspec.structs.replace(
            now, onset=known.onset if known.cleared_ms is None else now.onset
        )
        return known.cleared_ms is not None or abs(now.effect_sd) > 1.5 * abs(known.effect_sd)
    if known.cleared_ms is not None or signal.state not in (SignalState.OK, SignalState.MINOR):
        return False
    incident.signals[key] = msgspec.structs.replace(known, cleared_ms=verdict.pane_end_ms)
    return True
