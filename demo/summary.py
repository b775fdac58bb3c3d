"""The outcome: what was injected against what was seen, false alarms included."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from demo.watch import Seen
from driftlog.records import AlertStatus

__all__ = ["Injected", "Outcome", "StageOutcome", "outcome"]


class Injected(msgspec.Struct, frozen=True, kw_only=True):
    """A change as the replay made it; times in ms since 1970."""

    name: str
    says: str
    expects: tuple[str, ...]
    start_ms: int
    end_ms: int
    rows: int  # changed; of a change to the service those sent meanwhile


class StageOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one change."""

    injected: Injected
    seen: bool
    right_signal: bool = False
    after_s: float | None = None  # from the change to the alert's record
    onset_error_s: float | None = None  # estimated onset less the true one
    alert_delay_s: float | None = None  # from the last row of the pane to the alert's record
    severity: str = ""
    title: str = ""
    resolved_after_s: float | None = None  # from the end of the change


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The whole run."""

    stages: tuple[StageOutcome, ...]
    false_alarms: tuple[str, ...]  # titles
    events: int
    requests_failed: int
    seconds: float
    quiet_share: float  # of the time of traffic in which nothing was injected

    @property
    def good(self) -> bool:
        """Whether every change was seen and nothing else was."""
        return not self.false_alarms and all(s.seen and s.right_signal for s in self.stages)


def outcome(
    injected: Sequence[Injected],
    seen: Sequence[Seen],
    *,
    events: int,
    requests_failed: int,
    seconds: float,
    grace_ms: int,
) -> Outcome:
    """Match alerts with injections.

    An alert belongs to the change during which its first pane ended, or at most ``grace_ms`` after
    it: that long the pipeline needs to tell of the last rows changed. Every other one is false.
    """
    firing = [s for s in seen if s.alert.status is AlertStatus.FIRING]
    resolved = {
        s.alert.alert_id: s.alert.pane_end_ms
        for s in seen
        if s.alert.status is AlertStatus.RESOLVED
    }
    stages = []
    matched: set[str] = set()
    for change in injected:
        mine = [
            s for s in firing if change.start_ms <= s.alert.opened_ms <= change.end_ms + grace_ms
        ]
        matched |= {s.alert.alert_id for s in mine}
        stages.append(_stage(change, mine, resolved, seen))
    drifting = sum(change.end_ms - change.start_ms for change in injected) / 1000
    return Outcome(
        stages=tuple(stages),
        false_alarms=tuple(s.alert.title for s in firing if s.alert.alert_id not in matched),
        events=events,
        requests_failed=requests_failed,
        seconds=round(seconds, 1),
        quiet_share=round(max(0.0, 1 - drifting / seconds), 3) if seconds else 0.0,
    )


def _stage(
    change: Injected, mine: Sequence[Seen], resolved: dict[str, int], seen: Sequence[Seen]
) -> StageOutcome:
    if not mine:
        return StageOutcome(injected=change, seen=False)
    first = mine[0]
    ids = {s.alert.alert_id for s in mine}
    told = [s.alert for s in seen if s.alert.alert_id in ids]
    signals = {signal.signal for alert in told for signal in alert.signals}
    ends = [resolved[i] for i in ids if i in resolved]
    worst = max(told, key=lambda alert: alert.severity.rank)
    return StageOutcome(
        injected=change,
        seen=True,
        right_signal=set(change.expects) <= signals,
        after_s=round((first.written_ms - change.start_ms) / 1000, 2),
        onset_error_s=round((first.alert.onset.ts_ms - change.start_ms) / 1000, 2),
        alert_delay_s=None if first.delay_s is None else round(first.delay_s, 2),
        severity=worst.severity.value,
        title=first.alert.title,
        resolved_after_s=round((max(ends) - change.end_ms) / 1000, 2) if ends else None,
    )
