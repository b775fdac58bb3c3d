"""What drifts together, while a pane is being sorted into incidents."""

from __future__ import annotations

from dataclasses import dataclass, field

from driftlog.records import AlertSignal, Verdict
from stream.incident import Incident
from stream.incident_cause import follows_from
from stream.incident_signal import Member

__all__ = ["Fresh", "Gathering"]

Fresh = tuple[str, Member, Verdict]  # a newly drifted signal: its key, evidence, and the verdict


@dataclass(slots=True)
class Gathering:
    """What drifts together: an open incident, or the signals of one that is about to open."""

    incident: Incident | None
    began_ms: int
    signals: set[str] = field(default_factory=set)
    fresh: list[Fresh] = field(default_factory=list)
    broken: list[AlertSignal] = field(default_factory=list)  # those of its signals with a fault

    @classmethod
    def of(cls, incident: Incident) -> Gathering:
        """An incident and the names of the signals that drift in it."""
        signals = {m.evidence.signal for m in incident.members.values() if m.live}
        found = cls(incident, incident.onset.ts_ms, signals)
        found.broken = [m.evidence for m in incident.live if m.evidence.fault is not None]
        return found

    def began_near(self, member: Member, reach_ms: int) -> bool:
        """Whether both began at about the same time."""
        return abs(member.evidence.onset.ts_ms - self.began_ms) <= reach_ms

    def explains(self, member: Member) -> bool:
        """Whether it holds a fault that the drift may come from."""
        return any(follows_from(member.evidence, one) for one in self.broken)

    def take(self, key: str, member: Member, verdict: Verdict) -> None:
        """Let a signal in."""
        self.signals.add(member.evidence.signal)
        if member.evidence.fault is not None:
            self.broken.append(member.evidence)
        if self.incident is None:
            self.fresh.append((key, member, verdict))
        else:
            self.incident.join(key, member, verdict)
