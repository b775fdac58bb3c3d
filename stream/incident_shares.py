"""How much of each series has drifted: the drift share that a decision is made from."""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum

import msgspec

from driftlog.records import SignalState, Verdict, rounded
from stream.routing import series_name

__all__ = ["Share", "Shares"]

_UNJUDGED = (SignalState.LEARNING, SignalState.INSUFFICIENT, SignalState.STALE)


class Share(msgspec.Struct, array_like=True):
    """Of one shard of a series: weight judged, weight drifted, signals watched."""

    judged: float
    drifted: float
    watched: int


class Shares(msgspec.Struct, array_like=True):
    """By series and shard, as last told. Plain data: part of the stored state.

    A series too wide for one record comes as several verdicts a pane, one a shard; what it amounts
    to is the sum over all of them.
    """

    of: dict[str, dict[int, Share]] = msgspec.field(default_factory=dict)

    def take(self, verdicts: Iterable[Verdict]) -> None:
        """Take the verdicts of one pane; a shard without one keeps its last."""
        for verdict in verdicts:
            judged = [s for s in verdict.signals if s.state not in _UNJUDGED]
            share = Share(
                fsum(s.weight for s in judged),
                fsum(s.weight for s in judged if s.state is SignalState.DRIFT),
                len(verdict.signals),
            )
            series = series_name(verdict.model, verdict.version, verdict.segment)
            shards = self.of.get(series, {})
            shards[verdict.shard] = share
            # After a change of configuration there may be fewer shards than before.
            self.of[series] = {i: shards[i] for i in sorted(shards) if i < verdict.shards}

    def keep(self, series: set[str]) -> None:
        """Forget all other series: thousands of quiet ones need not be remembered."""
        self.of = {name: shards for name, shards in self.of.items() if name in series}

    def drifted(self, series: Iterable[str]) -> float:
        """Return the weighted share of drifted signals in the worst of the series, 0 to 1."""
        found = [0.0]
        for name in series:
            shards = self.of.get(name, {}).values()
            judged = fsum(s.judged for s in shards)
            found.append(fsum(s.drifted for s in shards) / judged if judged > 0 else 0.0)
        return rounded(max(found))

    def watched(self, series: Iterable[str]) -> int:
        """Return how many signals the widest of the series has."""
        counts = [sum(s.watched for s in self.of.get(name, {}).values()) for name in series]
        return max(counts, default=0)
