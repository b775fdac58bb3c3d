"""What drifts together, while a pane is being sorted into incidents."""

from __future__ import annotations

from dataclasses import dataclass, field

from driftlog.records import Verdict
from stream.incident import Incident
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

    @classmethod
    def of(cls, incident: Incident) -> Gathering:
        """An incident and the names of the signals that drift in it."""
        signals = {m.evidence.signal for m in incident.members.values() if m.live}
        return cls(incident, incident.onset.ts_ms, signals)

    def began_near(self, member: Member, reach_ms: int) -> bool:
        """Whether both began at about the same time."""
        return abs(member.evidence.onset.ts_ms - self.began_ms) <= reach_ms

    def take(self, key: str, member: Member, verdict: Verdict) -> None:
        """Let a signal in."""
        self.signals.add(member.evidence.signal)
        if self.incident is None:
            self.fresh.append((key, member, verdict))
        else:
            self.incident.join(key, member, verdict)
