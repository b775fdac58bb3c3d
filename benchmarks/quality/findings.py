"""What was measured."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.quality.bank import Bank
from benchmarks.quality.bundled import Bundled
from benchmarks.quality.delay import Delay, Terms
from benchmarks.quality.faults import Named
from benchmarks.quality.incident import Seen
from benchmarks.quality.joint import JointPower, JointQuiet, JointSeen
from benchmarks.quality.outlier import Outlier
from benchmarks.quality.peers import PeerResult
from benchmarks.quality.quiet import Quiet
from benchmarks.quality.state import StateSize
from benchmarks.quality.wander import Wander
from benchmarks.quality.year import Standing, YearIncident

__all__ = ["Findings"]


@dataclass(slots=True)
class Findings:
    """All tables; empty where a part was not run."""

    conditions: dict[str, str]
    quiet: list[Quiet] = field(default_factory=list)
    terms: list[Terms] = field(default_factory=list)
    delays: list[Delay] = field(default_factory=list)
    incidents: list[Seen] = field(default_factory=list)
    joint: list[JointSeen] = field(default_factory=list)
    joint_quiet: list[JointQuiet] = field(default_factory=list)
    joint_scores: list[JointPower] = field(default_factory=list)
    peers: list[PeerResult] = field(default_factory=list)
    real: list[Quiet] = field(default_factory=list)
    bank: Bank | None = None
    year: list[YearIncident] = field(default_factory=list)
    standing: list[Standing] = field(default_factory=list)
    bundled: list[Bundled] = field(default_factory=list)
    wander: list[Wander] = field(default_factory=list)
    outliers: list[Outlier] = field(default_factory=list)
    states: list[StateSize] = field(default_factory=list)
    faults: list[Named] = field(default_factory=list)
