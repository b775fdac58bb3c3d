"""False incidents of quiet data, against the budget: observed over expected."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context

import numpy as np
from scipy.stats import poisson

from benchmarks.quality.kinds import KINDS, Source
from benchmarks.quality.model import PANE_ROWS, SIGNALS, Pace, prepared, reference
from driftlog.settings import Settings
from stream.rehearsal import Rehearsal, Tally
from stream.thresholds import MONTH_S

__all__ = ["DEFAULT", "Quiet", "QuietPlan", "budgeted", "measure_quiet", "most_allowed"]

DEFAULT = 0.0  # in a list of expected incidents: the default budget at 60 events/s
_CHUNK_PANES = 50


def most_allowed(expected: float) -> int:
    """Incidents that a true rate of ``expected`` exceeds in 2.5 % of runs (Poisson).

    >>> [most_allowed(e) for e in (300.0, 30.0, 3.0)]
    [334, 41, 7]
    """
    return int(poisson.ppf(0.975, expected)) if expected > 0 else 0


@dataclass(frozen=True, slots=True)
class QuietPlan:
    """How much to run.

    values: of all signals together, per kind and budget; reference: its rows; models: references
    drawn anew, each with its share of the values, since one reference's error is one draw.
    """

    values: int
    reference: int
    models: int
    expected: tuple[float, ...]

    @property
    def rows(self) -> int:
        """Rows of one model, in whole panes."""
        return self.values // (SIGNALS * self.models * PANE_ROWS) * PANE_ROWS


@dataclass(slots=True)
class Quiet:
    """One kind at one budget."""

    kind: str
    reference: int
    values: int
    budget: float  # false incidents a month
    expected: float  # in this run
    incidents: int = 0
    alarms: dict[str, int] = field(default_factory=dict)  # by detector, important or not

    @property
    def allowed(self) -> int:
        """Most incidents of a run within budget."""
        return most_allowed(self.expected) if self.expected >= 1.0 else 0

    @property
    def holds(self) -> bool:
        """Whether the run is within budget."""
        return self.incidents <= self.allowed

    def add(self, incidents: int, alarms: Mapping[str, int]) -> None:
        """Count what a part of the run told."""
        self.incidents += incidents
        for detector, count in alarms.items():
            self.alarms[detector] = self.alarms.get(detector, 0) + count


def budgeted(
    kind: str, reference: int, rows: int, signals: int, expected: Sequence[float]
) -> list[tuple[Quiet, Settings]]:
    """Return a run of so many rows at each budget, nothing counted yet, and its settings."""
    pace = Pace.for_run(rows, max((e for e in expected if e != DEFAULT), default=1.0))
    found = []
    for e in expected:
        if e == DEFAULT:
            # At the fastest rate, where the same rows are the least of a month.
            budget, e_of_run = 1.0, rows / (60.0 * MONTH_S)
            settings = Pace.for_run(10**9, 1.0).settings()
        else:
            budget, e_of_run = e / pace.months(rows), e
            settings = pace.settings(budget)
        found.append((Quiet(kind, reference, rows * signals, budget, e_of_run), settings))
    return found


def measure_quiet(
    kinds: Sequence[str], plan: QuietPlan, seed: int, jobs: int, advance: Callable[[int], None]
) -> list[Quiet]:
    """Run quiet data of every kind at every budget, a process for each kind, ``jobs`` at a time.

    ``advance`` is told the values done. Every kind and reference has random numbers of its own, so
    that the number of processes changes nothing.
    """
    if jobs <= 1:
        return [one for name in kinds for one in _of_kind(name, plan, seed, advance)]
    found: dict[str, list[Quiet]] = {}
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(_of_kind, name, plan, seed): name for name in kinds}
        for done in as_completed(running):
            found[running[done]] = done.result()
            advance(plan.rows * plan.models * SIGNALS * len(plan.expected))
    return [one for name in kinds for one in found[name]]


def _of_kind(
    name: str, plan: QuietPlan, seed: int, advance: Callable[[int], None] = lambda _: None
) -> list[Quiet]:
    rows = plan.rows * plan.models
    kind = KINDS[name]
    if plan.reference < kind.least_reference:
        return []
    rng = np.random.default_rng([seed, sorted(KINDS).index(name), plan.reference])
    results = budgeted(name, plan.reference, rows, SIGNALS, plan.expected)
    for _ in range(plan.models):
        profile = reference(kind, plan.reference, rng)
        runs = []
        for result, settings in results:
            tally = Tally([s.signal for s in profile.signals], settings.stream.window_panes)
            runs.append((result, Rehearsal(profile, settings), tally))
        preparation = runs[0][1].preparation
        source = Source(kind, SIGNALS, rng)
        for at in range(0, plan.rows, _CHUNK_PANES * PANE_ROWS):
            count = min(_CHUNK_PANES * PANE_ROWS, plan.rows - at)
            values, ts_ms = source.timed(count)
            chunk = prepared(preparation, values, kind, ts_ms)
            for _, rehearsal, tally in runs:
                for pane in rehearsal.run(chunk, PANE_ROWS):
                    tally.take(pane)
                advance(count * SIGNALS)
        for result, _, tally in runs:
            result.add(tally.incidents, tally.alarms)
    return [result for result, _ in results]
