"""What a person waits for: from a change to the incident, under production settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.kinds import KINDS, LEVELS, Source
from benchmarks.quality.model import PANE_ROWS, SIGNALS, Pace, names, prepared, reference
from driftlog.records import SignalState, SignalVerdict
from stream.rehearsal import Rehearsal, RehearsedPane

__all__ = ["SCENARIOS", "Scenario", "Seen", "measure_scenario"]

FloatArray = NDArray[np.float64]
Change = Callable[[FloatArray, np.random.Generator], FloatArray]

_RATE = 60.0  # events/s: 600 rows a pane of 10 s
_WARM_PANES = 65  # a whole window, and a little
_AFTER_PANES = 90
_BEYOND = (SignalState.MINOR, SignalState.PENDING, SignalState.DRIFT)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A change of all rows from some row on: ``change`` takes and gives one signal's rows (n,)."""

    name: str
    title: str
    change: Change
    kind: str = "normal"
    important: bool = True  # whether it is beyond the smallest effect that opens an incident


def _shift(size: float) -> Scenario:
    return Scenario(
        f"shift_{size:g}", f"mean + {size:g} sd", lambda x, _: x + size, important=size >= 0.25
    )


def _variance(ratio: float) -> Scenario:
    root = float(np.sqrt(ratio))
    return Scenario(f"variance_{ratio:g}", f"variance x {ratio:g}", lambda x, _: x * root)


def _other_shape(x: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Two humps, of mean 0 and variance 1 like N(0,1)."""
    humps = np.where(rng.random(len(x)) < 0.5, -0.9, 0.9)
    return humps + float(np.sqrt(1.0 - 0.81)) * rng.standard_normal(len(x))


def _gradual(x: FloatArray, _: np.random.Generator) -> FloatArray:
    return x + np.minimum(np.arange(len(x)) / 10_000, 1.0)


def _nulls(share: float) -> Change:
    return lambda x, rng: np.where(rng.random(len(x)) < share, np.nan, x)


def _new_level(x: FloatArray, rng: np.random.Generator) -> FloatArray:
    return np.where(rng.random(len(x)) < 0.1, float(len(LEVELS)), x)


def _true_in(share: float) -> Change:
    return lambda x, rng: (rng.random(len(x)) < share).astype(np.float64)


SCENARIOS = (
    *(_shift(size) for size in (0.1, 0.25, 0.3, 0.5, 1.0, 2.0, 3.0)),
    Scenario("gradual", "mean + 1 sd over 10,000 rows", _gradual),
    _variance(2.0),
    _variance(0.5),
    _variance(4.0),
    Scenario("shape", "two humps, same mean and variance", _other_shape),
    Scenario("unit", "x 100", lambda x, _: x * 100.0, "lognormal"),
    Scenario("nulls", "20 % nulls", _nulls(0.2)),
    Scenario("level", "a new level in 10 % of rows", _new_level, "zipf"),
    Scenario("rate", "true in 10 % instead of 1 %", _true_in(0.1), "boolean"),
    Scenario("ar_shift_1", "AR(1) .9, mean + 1 sd", lambda x, _: x + 1.0, "ar9"),
)


@dataclass(slots=True)
class Seen:
    """How one scenario was seen. Delays in rows from the change to the end of a pane."""

    scenario: str
    title: str
    important: bool
    runs: int = 0
    significant: list[int] = field(default_factory=list)  # first alarm after the change
    incident: list[int] = field(default_factory=list)  # first pane in drift
    # |onset - change| over the delay of the first alarm, where a detector named the row
    onset: list[float] = field(default_factory=list)
    onset_by_pane: list[float] = field(default_factory=list)  # and where only the pane is known
    # whether the change lies within the 90 % interval, and how long that is, in rows
    within: list[bool] = field(default_factory=list)
    within_by_pane: list[bool] = field(default_factory=list)
    interval: list[int] = field(default_factory=list)
    interval_by_pane: list[int] = field(default_factory=list)

    def delay(self, which: str, share: float = 0.5) -> float | None:
        """A quantile of a list of delays; None if nothing was seen."""
        found = getattr(self, which)
        return float(np.quantile(found, share)) if found else None


def measure_scenario(
    scenario: Scenario,
    reference_rows: int,
    models: int,
    rng: np.random.Generator,
    advance: Callable[[int], None] = lambda _: None,
) -> Seen:
    """Run a change on 20 signals of each of some models, at the default budget and 60 events/s.

    All signals of a model change at once, each at a row of its own within one pane; each is told of
    by itself: the pane at which its state becomes drift is the one that opens its incident.
    """
    kind = KINDS[scenario.kind]
    seen = Seen(scenario.name, scenario.title, scenario.important)
    settings = Pace(_RATE, round(1000 * PANE_ROWS / _RATE)).settings()
    for _ in range(models):
        rehearsal = Rehearsal(reference(kind, reference_rows, rng), settings)
        values = Source(kind, SIGNALS, rng).rows((_WARM_PANES + _AFTER_PANES) * PANE_ROWS)
        change = _WARM_PANES * PANE_ROWS + rng.integers(0, PANE_ROWS, SIGNALS)
        for row, at in zip(values, change, strict=True):
            row[at:] = scenario.change(row[at:], rng)
        watch = {name: _Watch(int(at)) for name, at in zip(names(), change, strict=True)}
        for pane in rehearsal.run(prepared(rehearsal.preparation, values, kind), PANE_ROWS):
            _look(pane, watch)
        for one in watch.values():
            one.tell(seen)
        advance(values.size)
    return seen


@dataclass(slots=True)
class _Watch:
    """One signal on its way."""

    change: int
    early: bool = False  # alarmed already when the change came
    significant: int = -1
    incident: int = -1
    onset: int = -1
    exact: bool = False
    earliest: int = -1
    latest: int = -1

    def take(self, end: int, verdict: SignalVerdict) -> None:
        beyond = verdict.state in _BEYOND
        if end <= self.change:
            self.early = beyond
        elif beyond and self.significant < 0:
            self.significant = end
        if end > self.change and verdict.state is SignalState.DRIFT and self.incident < 0:
            self.incident = end
            if verdict.onset is not None:
                self.exact = verdict.onset.offset >= 0
                self.onset = verdict.onset.offset if self.exact else _row(verdict.onset.ts_ms)
                self.earliest = _row(verdict.onset.earliest_ms)
                self.latest = _row(verdict.onset.latest_ms)

    def tell(self, seen: Seen) -> None:
        if self.early:
            return
        seen.runs += 1
        if self.significant >= 0:
            seen.significant.append(self.significant - self.change)
        if self.incident >= 0:
            seen.incident.append(self.incident - self.change)
            error = abs(self.onset - self.change) / (self.incident - self.change)
            (seen.onset if self.exact else seen.onset_by_pane).append(error)
            within = self.earliest <= self.change <= self.latest
            (seen.within if self.exact else seen.within_by_pane).append(within)
            interval = self.latest - self.earliest
            (seen.interval if self.exact else seen.interval_by_pane).append(interval)


def _row(ts_ms: int) -> int:
    return round(ts_ms * _RATE / 1000)


def _look(pane: RehearsedPane, watch: dict[str, _Watch]) -> None:
    for verdict in pane.verdicts:
        for signal in verdict.signals:
            watch[signal.signal].take((pane.index + 1) * PANE_ROWS, signal)
