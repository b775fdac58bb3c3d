"""The series whose shards a worker holds, with the last verdict of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from driftlog.records import SignalState, SignalVerdict, Verdict
from stream.judging import Judging
from stream.partition import ColumnsPartition
from stream.routing import ALL

__all__ = ["HeldSeries", "Silence", "held_series"]

_UNJUDGED = (SignalState.LEARNING, SignalState.INSUFFICIENT, SignalState.STALE)


@dataclass(frozen=True)
class HeldSeries:
    """A series as far as it is held here.

    Args:
        model: its model.
        version: and version.
        segment: and segment, ``*`` for all rows.
        shards: the last verdict of each shard held here, and whether it is stale, by shard.
    """

    model: str
    version: str
    segment: str
    shards: tuple[tuple[Verdict, bool], ...]

    @property
    def labels(self) -> tuple[str, str, str]:
        """As the gauges carry them."""
        return self.model, self.version, self.segment

    @property
    def whole(self) -> bool:
        """Whether it is the series of all rows."""
        return self.segment == ALL

    @property
    def complete(self) -> bool:
        """Whether all shards are held here."""
        return {verdict.shard for verdict, _ in self.shards} == set(range(self._count))

    @property
    def _count(self) -> int:
        return max(verdict.shards for verdict, _ in self.shards)

    @property
    def judged_through_ms(self) -> int:
        """End of the last pane in which all shards held here were judged."""
        return min(verdict.pane_end_ms for verdict, _ in self.shards)

    @cached_property
    def signals(self) -> Sequence[tuple[SignalVerdict, SignalState]]:
        """Signals of the shards held here, each with its state now."""
        return [
            (signal, SignalState.STALE if stale else signal.state)
            for verdict, stale in self.shards
            for signal in verdict.signals
        ]

    @property
    def judged_ms(self) -> Iterator[tuple[str, int]]:
        """Signals of the shards held here, each with the end of the last pane it was judged in."""
        for verdict, _ in self.shards:
            for signal in verdict.signals:
                yield signal.signal, verdict.pane_end_ms

    @cached_property
    def states(self) -> Counter[SignalState]:
        """How many signals are in each state."""
        return Counter(state for _, state in self.signals)

    @property
    def judged_weight(self) -> float:
        """Weight of the signals that are judged."""
        return sum(signal.weight for signal, state in self.signals if state not in _UNJUDGED)

    @property
    def drifted_weight(self) -> float:
        """Weight of the signals that have drifted."""
        return sum(signal.weight for signal, state in self.signals if state is SignalState.DRIFT)

    @property
    def rank(self) -> tuple[int, float, tuple[str, str, str]]:
        """Place where there are too many to tell of all: the worst first."""
        highest = max(
            (
                score.score / score.threshold
                for verdict, stale in self.shards
                if not stale
                for signal in verdict.signals
                for score in signal.scores.values()
                if score.threshold > 0
            ),
            default=0.0,
        )
        return -self.states[SignalState.DRIFT], -highest, self.labels


class Silence:
    """Knows which partitions have closed no pane for a while, by the clock of the scrapes.

    Where a log ends, event time stands still, and nothing in it could ever become stale.

    Args:
        window_s: seconds of a window.
    """

    def __init__(self, window_s: float) -> None:
        self._window = window_s
        self._moved: dict[int, tuple[int, float]] = {}  # partition -> closed through, seen at

    def observe(self, partitions: Iterable[ColumnsPartition], now: float) -> set[int]:
        """Take a look; return the numbers of the silent partitions."""
        seen: dict[int, tuple[int, float]] = {}
        for partition in partitions:
            closed, since = self._moved.get(partition.number, (-1, now))
            moved = closed != partition.closed_through_ms
            seen[partition.number] = (partition.closed_through_ms, now if moved else since)
        self._moved = seen
        return {number for number, (_, since) in seen.items() if now - since >= self._window}


def held_series(
    partitions: Sequence[ColumnsPartition], judging: Judging, silent: set[int]
) -> list[HeldSeries]:
    """Return the series held, by name.

    A shard counts where the reference in effect puts it: after a change of reference its old
    partition still has the old state, which would speak for it a second time.

    Args:
        partitions: those held.
        judging: knows the references in effect.
        silent: numbers of partitions that stand still.
    """
    stream = judging.settings.stream
    window_ms = stream.window_panes * stream.pane
    found: dict[tuple[str, str, str], dict[int, tuple[Verdict, bool]]] = {}
    for partition in partitions:
        lives: dict[tuple[str, str], set[str]] = {}
        for key, state in list(partition.series.items()):
            verdict = state.last
            if verdict is None:
                continue
            version = (verdict.model, verdict.version)
            if version not in lives:
                lives[version] = _shards_here(partition, judging, *version)
            if key in lives[version]:
                quiet = partition.closed_through_ms - verdict.pane_end_ms >= window_ms
                stale = quiet or partition.number in silent
                shards = found.setdefault((*version, verdict.segment), {})
                shards[verdict.shard] = (verdict, stale)
    return [
        HeldSeries(*labels, tuple(shards[i] for i in sorted(shards)))
        for labels, shards in sorted(found.items())
    ]


def _shards_here(
    partition: ColumnsPartition, judging: Judging, model: str, version: str
) -> set[str]:
    profile = judging.in_effect(model, version, partition.closed_through_ms)
    if profile is None:
        return set()
    return {shard.key for shard in judging.shards(profile, partition.number)}
