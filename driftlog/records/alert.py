"""What a person is woken by, and what a person does about it."""

from __future__ import annotations

from typing import Literal

import msgspec

from driftlog.records.codec import Record
from driftlog.records.state import AlertStatus, Decision, FaultKind, Severity
from driftlog.records.verdict import BinShare, CorrelationShift, Fault, Onset, Score, Spread

__all__ = ["Action", "ActionKind", "Alert", "AlertSignal", "Because", "Cause"]

ActionKind = Literal["acknowledge", "silence", "accept_reference", "note"]


class AlertSignal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One drifted signal of an incident, with its evidence."""

    series: str
    signal: str
    state: str
    detector: str  # the one furthest beyond its threshold
    scores: dict[str, Score]
    psi: float
    effect_sd: float
    direction: int
    onset: Onset
    rows: int
    contribution: float = 0.0  # its share of the incident, 0 to 1; see docs/detection.md
    effect_rate: float = 0.0
    effect_spread: float = 1.0
    before: Spread | None = None
    after: Spread | None = None
    moved: tuple[BinShare, ...] = ()
    correlations: tuple[CorrelationShift, ...] = ()  # of the joint signal: pairs, worst first
    statistics: dict[str, float] = msgspec.field(default_factory=dict)  # of the bins
    by_hand: tuple[str, ...] = ()  # detectors beyond a threshold that was set by hand
    cleared_ms: int | None = None  # end of the pane at which it was back
    fault: Fault | None = None  # what broke, where that can be told


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """The fault that explains an incident."""

    kind: FaultKind
    words: str  # a plain sentence
    signals: tuple[str, ...]  # that have it, worst first
    onset_ms: int  # of the earliest of them


class Because(msgspec.Struct, frozen=True, kw_only=True):
    """The rule that led to the decision, with what it was fed."""

    rule: str
    drift_share: float  # weighted share of drifted signals of the model version, 0 to 1
    output_drifted: bool
    threshold: float


class Alert(Record, frozen=True, kw_only=True, omit_defaults=True):
    """An incident at one moment of its life. The id stays, the status moves."""

    alert_id: str
    status: AlertStatus
    severity: Severity
    model: str
    versions: tuple[str, ...]
    series: tuple[str, ...]
    title: str  # one plain sentence: what, which way, how bad
    advice: str = ""  # the next step, in plain words
    signals: tuple[AlertSignal, ...]  # worst first
    onset: Onset
    opened_ms: int  # end of the pane that opened it
    pane_end_ms: int  # end of the pane that led to this record
    window_ms: tuple[int, int]  # event time looked at
    offsets: dict[str, tuple[int, int]]  # source partition -> first and last offset
    decision: Decision
    because: Because
    reference_id: str
    config: str
    samples_before: tuple[str, ...] = ()
    samples_after: tuple[str, ...] = ()
    resolved_ms: int | None = None
    cause: Cause | None = None  # the fault behind it; none: the world has changed


class Action(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What a person did. Alert and reference are named by id."""

    action: ActionKind
    model: str
    by: str
    at_ms: int
    alert_id: str | None = None
    version: str | None = None
    reference_id: str | None = None
    effective_from_ms: int | None = None
    until_ms: int | None = None
    note: str = ""
