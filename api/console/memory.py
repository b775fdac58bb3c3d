"""What is remembered of one shard of a series: its last verdict, and figures of the panes before.

Pure: records in, no clock, no broker. Memory is bounded by `ShardMemory.trim` and the constants.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from api.console.views import HEALTHS, Health, Run
from driftlog.records import VERDICT, SignalState, SignalVerdict, Verdict
from driftlog.wording import sentence

__all__ = ["MOVED", "UNJUDGED", "Pane", "ShardMemory", "Worst", "rank", "ratio_of"]

FloatArray = NDArray[np.float64]

MOVED: Final = (SignalState.MINOR, SignalState.PENDING, SignalState.DRIFT)
UNJUDGED: Final = (SignalState.LEARNING, SignalState.INSUFFICIENT)
_RANK: Final = {health: place for place, health in enumerate(HEALTHS)}
_RUNS: Final = 100  # changes of state kept of a signal
_STATE, _RATIO, _ROWS, _PSI, _SCORES = 0, 1, 2, 3, 4  # rows of a pane's figures
_LONGEST: Final = 300  # letters of a sentence


def rank(health: Health) -> int:
    """Place in the order from best to worst."""
    return _RANK[health]


def health_of(state: SignalState) -> Health:
    """The state of a signal as a page says it."""
    return HEALTHS[_RANK[state.value]]


def ratio_of(signal: SignalVerdict) -> tuple[float, str] | None:
    """The largest score over its threshold, and whose it is; None where nobody judges."""
    found = [(s.score / s.threshold, name) for name, s in signal.scores.items() if s.threshold > 0]
    if not found:
        return None
    ratio, name = max(found, key=lambda one: one[0])
    return round(ratio, 6), name


@dataclass(frozen=True, slots=True)
class Worst:
    """The worst signal of a shard."""

    signal: str
    state: Health
    ratio: float | None
    since_ms: int | None
    words: str

    @property
    def order(self) -> tuple[int, float]:
        """Greater is worse."""
        return rank(self.state), -1.0 if self.ratio is None else self.ratio


@dataclass(frozen=True, slots=True)
class Pane:
    """Figures of all signals at one pane, ``figures`` being (4 + 2 detectors, signals).

    Rows: place of the state in HEALTHS, ratio, rows, PSI, then score and threshold by detector; NaN
    where there is none.
    """

    end_ms: int
    names: tuple[str, ...]
    detectors: tuple[str, ...]
    figures: FloatArray

    def of(self, signal: str) -> FloatArray | None:
        """One signal's column, or None."""
        try:
            return self.figures[:, self.names.index(signal)]
        except ValueError:
            return None


class ShardMemory:
    """One shard: what its last verdict said, and the figures of the panes before."""

    __slots__ = (
        "drifted",
        "heard_ms",
        "judged",
        "pane_end_ms",
        "pane_ms",
        "panes",
        "raw",
        "reference_id",
        "rows",
        "runs",
        "worst",
    )

    def __init__(self) -> None:
        self.raw = b""
        self.heard_ms = 0  # clock
        self.pane_ms = self.pane_end_ms = -1
        self.rows = self.drifted = self.judged = 0
        self.reference_id = ""
        self.worst: Worst | None = None
        self.panes: deque[Pane] = deque()
        self.runs: dict[str, list[Run]] = {}

    @property
    def verdict(self) -> Verdict:
        """The last one."""
        return VERDICT.decode(self.raw)

    @property
    def cells(self) -> int:
        """How many points of signals are kept."""
        return sum(len(pane.names) for pane in self.panes)

    def take(self, verdict: Verdict, raw: bytes, at_ms: int) -> int:
        """Take a verdict; return how many points it adds. One that is no newer adds none."""
        self.heard_ms = max(self.heard_ms, at_ms)
        if verdict.pane_end_ms <= self.pane_end_ms:
            return 0
        self.raw = raw
        self.pane_ms, self.pane_end_ms = verdict.pane_ms, verdict.pane_end_ms
        self.rows, self.reference_id = verdict.rows, verdict.reference_id
        self.drifted = sum(one.state is SignalState.DRIFT for one in verdict.signals)
        self.judged = sum(one.state not in UNJUDGED for one in verdict.signals)
        pane = _figures(verdict, self.panes[-1] if self.panes else None)
        self.panes.append(pane)
        for one in verdict.signals:
            self._run(one.signal, health_of(one.state), verdict)
        if len(self.runs) > 2 * len(verdict.signals) + 8:
            there = set(pane.names)
            self.runs = {name: run for name, run in self.runs.items() if name in there}
        self.worst = _worst(verdict, pane)
        return len(pane.names)

    def trim(self, limit: int) -> int:
        """Keep the newest panes, at most ``limit``; return how many points went."""
        gone = 0
        while len(self.panes) > limit:
            gone += len(self.panes.popleft().names)
        return gone

    def points(self, signal: str) -> Iterator[tuple[Pane, FloatArray]]:
        """The panes that tell of a signal, oldest first, each with the signal's figures."""
        for pane in self.panes:
            found = pane.of(signal)
            if found is not None:
                yield pane, found

    def _run(self, name: str, state: Health, verdict: Verdict) -> None:
        runs = self.runs.setdefault(name, [])
        if runs and runs[-1].state == state and runs[-1].to_ms == verdict.pane_ms:
            runs[-1] = Run(state, runs[-1].from_ms, verdict.pane_end_ms)
            return
        runs.append(Run(state, verdict.pane_ms, verdict.pane_end_ms))
        del runs[:-_RUNS]


def _figures(verdict: Verdict, before: Pane | None) -> Pane:
    signals = verdict.signals
    names = tuple(one.signal for one in signals)
    detectors = tuple(dict.fromkeys(name for one in signals for name in one.scores))
    if before is not None:  # one object for all panes that are alike
        names = before.names if before.names == names else names
        detectors = before.detectors if before.detectors == detectors else detectors
    nan = float("nan")
    rows: list[list[float]] = [
        [rank(health_of(one.state)) for one in signals],
        [found[0] if (found := ratio_of(one)) else nan for one in signals],
        [one.rows for one in signals],
        [one.psi for one in signals],
    ]
    for name in detectors:
        scores = [one.scores.get(name) for one in signals]
        rows.append([nan if score is None else score.score for score in scores])
        rows.append([nan if score is None else score.threshold for score in scores])
    figures = np.array(rows, dtype=np.float64).reshape(_SCORES + 2 * len(detectors), len(signals))
    return Pane(verdict.pane_end_ms, names, detectors, figures)


def _worst(verdict: Verdict, pane: Pane) -> Worst | None:
    if not verdict.signals:
        return None
    ratio = np.nan_to_num(pane.figures[_RATIO], nan=-1.0)
    at = max(range(len(pane.names)), key=lambda i: (pane.figures[_STATE, i], ratio[i]))
    found = verdict.signals[at]
    return Worst(
        signal=found.signal,
        state=health_of(found.state),
        ratio=float(ratio[at]) if ratio[at] >= 0 else None,
        since_ms=found.since_ms,
        words=sentence(found)[:_LONGEST] if found.state in MOVED else "",
    )
