"""From evidence to severity and decision: small tables, no hidden judgement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from driftlog.records import (
    JOINT_SIGNAL,
    OUTPUT_SIGNALS,
    AlertSignal,
    Because,
    Decision,
    FaultKind,
    Severity,
)
from driftlog.settings import DecisionSettings

__all__ = ["Evidence", "decide", "rate"]

_ROWS: Final = {FaultKind.SILENCE: 2, FaultKind.VOLUME: 1, FaultKind.REPLAY: 1}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What severity and decision are made from."""

    drift_share: float  # weighted share of drifted signals in the worst series, 0 to 1
    output_drifted: bool
    largest_sd: float
    largest_psi: float
    panes_open: int
    joint_drifted: bool = False  # whether inputs no longer go together as usual
    fault: bool = False  # whether some signal is broken rather than changed
    rows_wrong: int = 0  # points for rows that are not there (2), too many, or there twice (1)

    @classmethod
    def of(cls, signals: Iterable[AlertSignal], drift_share: float, panes_open: int) -> Evidence:
        """Collect it from the signals of an incident that have not cleared."""
        active = [s for s in signals if s.cleared_ms is None]
        return cls(
            drift_share=drift_share,
            output_drifted=any(s.signal in OUTPUT_SIGNALS or s.signal == "error" for s in active),
            largest_sd=max((abs(s.effect_sd) for s in active), default=0.0),
            largest_psi=max((s.psi for s in active), default=0.0),
            panes_open=panes_open,
            joint_drifted=any(s.signal == JOINT_SIGNAL for s in active),
            fault=any(s.fault is not None for s in active),
            rows_wrong=max((_ROWS.get(s.fault.kind, 0) for s in active if s.fault), default=0),
        )


def rate(evidence: Evidence, settings: DecisionSettings, long_panes: int) -> Severity:
    """Return the severity: a point for each of four facts, and for rows that are not as usual.

    One point each for a critical effect, a drifted output or errors, a share at which retraining is
    due, and an incident open for longer than ``long_panes``. Rows that stopped coming count two,
    since nothing can be seen any more; rows that are many times more or fewer, or come twice, one.
    No point is info, one warning, two critical; three are an emergency where the share reaches
    ``emergency_share`` with an output drifted, else critical.
    """
    points = sum(
        (
            evidence.largest_sd >= settings.critical_sd
            or evidence.largest_psi >= settings.critical_psi,
            evidence.output_drifted,
            evidence.drift_share >= settings.retrain_share,
            evidence.panes_open > long_panes,
            evidence.rows_wrong,
        )
    )
    if points >= 3 and evidence.output_drifted and evidence.drift_share >= settings.emergency_share:
        return Severity.EMERGENCY
    return (Severity.INFO, Severity.WARNING, Severity.CRITICAL)[min(points, 2)]


def decide(evidence: Evidence, settings: DecisionSettings) -> tuple[Decision, Because]:
    """Return the decision and the rule that led to it.

    A fault is never a reason to retrain, nor one to look away: a model trained on broken inputs is
    harm, and what is broken has to be mended however few signals show it.
    """
    share, output = evidence.drift_share, evidence.output_drifted

    def because(rule: str, threshold: float) -> Because:
        return Because(
            rule=rule, drift_share=round(share, 9), output_drifted=output, threshold=threshold
        )

    if evidence.fault:
        return Decision.INVESTIGATE, because("fault", 0.0)
    if output:
        return Decision.RETRAIN, because("output_drifted", settings.retrain_share)
    if share >= settings.retrain_share:
        return Decision.RETRAIN, because("drift_share >= retrain_share", settings.retrain_share)
    if share >= settings.investigate_share:
        return Decision.INVESTIGATE, because(
            "drift_share >= investigate_share", settings.investigate_share
        )
    if evidence.joint_drifted:
        # It has no part in the share: one score for all inputs, however many of them it is about.
        return Decision.INVESTIGATE, because("joint_drifted", settings.investigate_share)
    return Decision.NO_ACTION, because(
        "drift_share < investigate_share", settings.investigate_share
    )
