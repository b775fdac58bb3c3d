"""Whether a budget is kept: a reference's own rows, block-resampled, through production code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from scipy.special import gammaincinv

from driftlog.records import ReferenceProfile
from driftlog.settings import Settings
from stream.judges import out_of_reach
from stream.rehearsal import Rehearsal, Tally, resampled
from stream.sample import Sample
from stream.thresholds import MONTH_S, thresholds

__all__ = ["BLOCK", "Check", "CheckedBudget", "check_budget"]

BLOCK: Final = 256  # rows of the reference that stay together
_EXPECTED: Final = (30.0, 3.0)  # false incidents of a run, at budgets made for it
_CHUNK_PANES: Final = 50


@dataclass(frozen=True, slots=True)
class CheckedBudget:
    """One run: at this budget so many false incidents were allowed, and so many came."""

    budget: float  # a month
    expected: float  # in the run, by that budget
    incidents: int
    by_hand: int  # further ones, of signals beyond thresholds set by hand
    alarms: dict[str, int]  # by detector, important or not
    by_signal: dict[str, int]


@dataclass(frozen=True, slots=True)
class Check:
    """Runs at budgets large enough to count, and one at the budget of the settings."""

    rows: int
    panes: int
    runs: tuple[CheckedBudget, ...]  # the last one at the settings' own budget
    budget: float

    @property
    def a_month(self) -> float:
        """False incidents a month at the settings' budget, extrapolated from the other runs."""
        own = self.runs[:-1]
        return self.budget * sum(r.incidents for r in own) / sum(r.expected for r in own)

    @property
    def at_most(self) -> float:
        """Upper end of its 95 % interval (Poisson)."""
        own = self.runs[:-1]
        seen = sum(r.incidents for r in own)
        bound = float(gammaincinv(seen + 1, 0.95))
        return self.budget * bound / sum(r.expected for r in own)


def check_budget(
    profile: ReferenceProfile,
    sample: Sample,
    settings: Settings,
    *,
    rows: int,
    most_panes: int = 5_000,
    seed: int = 1,
    advance: Callable[[int], None] = lambda _: None,
) -> Check:
    """Rehearse with rows drawn from ``sample``, which is taken to be quiet.

    At the budget of a month no run of minutes shows anything, so the same rows run at budgets that
    allow 30 and 3 false incidents in that very run, and their ratio is carried over. The budget's
    own run must show none, save by chance. Thresholds set by hand are out of reach in the larger
    ones; what they open at the settings' own budget is counted apart.

    Args:
        profile: the reference.
        sample: quiet rows, of the reference itself or others; kept together in blocks of `BLOCK`.
        settings: as the service has them.
        rows: to run; fewer where they would make more than ``most_panes`` panes.
        most_panes: of a run.
        seed: of the resampling.
        advance: told the rows done, of all runs together.
    """
    rate = thresholds(profile, settings).rate
    a_pane = max(round(rate * settings.stream.pane / 1000), 1)
    panes = min(max(rows // a_pane, 1), most_panes)
    months = panes * settings.stream.pane / 1000 / MONTH_S
    own = settings.detection.alarm_budget
    budgets = [(expected / months, expected) for expected in _EXPECTED]
    runs = []
    for budget, expected in (*budgets, (own, own * months)):
        detection = msgspec.structs.replace(settings.detection, alarm_budget=budget)
        if budget != own:
            # What a person has set does not follow the budget, and is none of its business.
            detection = msgspec.structs.replace(detection, thresholds=out_of_reach(detection))
        rehearsal = Rehearsal(profile, msgspec.structs.replace(settings, detection=detection))
        tally = Tally(rehearsal.limits.signals, settings.stream.window_panes)
        rng = np.random.default_rng(seed)  # the same rows at every budget
        left = panes
        while left:
            now = min(left, _CHUNK_PANES)
            picks = resampled(len(sample), now * a_pane, BLOCK, rng)
            for pane in rehearsal.run(sample.prepared(rehearsal.preparation, picks), a_pane):
                tally.take(pane)
            advance(now * a_pane)
            left -= now
        runs.append(
            CheckedBudget(
                budget, expected, tally.incidents, tally.by_hand, tally.alarms, tally.by_signal
            )
        )
    return Check(panes * a_pane, panes, tuple(runs), own)
