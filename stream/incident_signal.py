"""One signal of an incident: its evidence, how bad it is, and when it was last judged."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from driftlog.records import (
    JOINT_SIGNAL,
    AlertSignal,
    Onset,
    SignalState,
    SignalVerdict,
    Verdict,
)
from driftlog.settings import DetectionSettings
from stream.importance import times_smallest
from stream.routing import ALL

__all__ = ["Member", "all_rows_key", "member_key", "moment", "of_all_rows"]


class Member(msgspec.Struct, array_like=True):
    """A signal of a series that belongs to an incident. Plain data: part of the stored state."""

    evidence: AlertSignal  # of the last pane at which it had drifted
    rank: float  # its effect over the smallest that matters: larger is worse
    seen_ms: int  # end of the last pane at which it was judged
    usual_ms: int = -1  # start of the pane since which it looks usual, -1: it does not

    @classmethod
    def of(
        cls, series: str, signal: SignalVerdict, verdict: Verdict, settings: DetectionSettings
    ) -> Member:
        """Collect the evidence of a drifted signal; ``settings`` has the smallest effects."""
        ratios = {
            name: s.score / s.threshold if s.threshold > 0 else 0.0
            for name, s in signal.scores.items()
        }
        beyond: Iterable[str] = signal.detectors or ratios
        detector = max(sorted(beyond), key=lambda name: ratios.get(name, 0.0), default="")
        evidence = AlertSignal(
            series=series,
            signal=signal.signal,
            state=signal.state.value,
            detector=detector,
            scores=signal.scores,
            psi=signal.psi,
            effect_sd=signal.effect_sd,
            effect_rate=signal.effect_rate,
            effect_spread=signal.effect_spread,
            direction=signal.direction,
            onset=signal.onset or Onset(ts_ms=verdict.pane_ms),
            rows=signal.rows,
            before=signal.before,
            after=signal.after,
            moved=signal.moved,
            correlations=signal.correlations,
            statistics=signal.statistics,
            by_hand=signal.by_hand,
            fault=signal.fault,
        )
        return cls(evidence, times_smallest(signal, settings), verdict.pane_end_ms)

    @property
    def cleared(self) -> bool:
        """Whether it is back to usual, by a verdict."""
        return self.evidence.cleared_ms is not None

    @property
    def stale(self) -> bool:
        """Whether nothing has been heard of it for so long that its last verdict says nothing."""
        return self.evidence.state == SignalState.STALE

    @property
    def live(self) -> bool:
        """Whether it is part of the trouble now: neither back to usual nor stale."""
        return not self.cleared and not self.stale

    def say(self, state: SignalState, cleared_ms: int | None = None) -> None:
        """Note a state, with the evidence as it was when it had drifted."""
        self.evidence = msgspec.structs.replace(
            self.evidence, state=state.value, cleared_ms=cleared_ms
        )

    def began(self, onset: Onset) -> None:
        """Keep an onset: where a change began does not move while it lasts."""
        self.evidence = msgspec.structs.replace(self.evidence, onset=onset)

    def trim(self) -> None:
        """Give up what only a told signal needs; thousands of these make up an incident."""
        if self.evidence.scores:
            self.evidence = msgspec.structs.replace(
                self.evidence,
                scores={},
                before=None,
                after=None,
                moved=(),
                correlations=(),
                statistics={},
            )

    @property
    def order(self) -> tuple[bool, bool, bool, float, str, str]:
        """Sort key: the worst first; what is back to usual comes last, after what is stale.

        The joint signal comes after those it is made from: a shift of one input moves it too.
        """
        made, name = self.evidence.signal == JOINT_SIGNAL, self.evidence.signal
        return (self.cleared, self.stale, made, -self.rank, self.evidence.series, name)


def member_key(series: str, signal: str) -> str:
    """Name of a signal of a series; a series' name holds no ``#``, so no two are alike."""
    return f"{series}#{signal}"


def of_all_rows(series: str) -> bool:
    """Whether the series holds all rows of its model version, not those of one segment."""
    return series.rpartition("/")[2] == ALL


def all_rows_key(member: Member) -> str:
    """Name of the same signal in the series of all rows of its model version."""
    series, _, _ = member.evidence.series.rpartition("/")
    return member_key(f"{series}/{ALL}", member.evidence.signal)


def moment(onset: Onset) -> tuple[int, int, int]:
    """Sort key of an onset: time, and then the place in the log."""
    return (onset.ts_ms, onset.partition, onset.offset)
