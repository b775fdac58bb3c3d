"""Faults told apart from drift, by the production code on raw rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.fault_cases import CASES, SHAPES, TEXTS, WRONG_CELL, Case, Shape
from benchmarks.quality.kinds import LEVELS
from benchmarks.quality.model import Pace, names, profile_of
from driftlog.records import ReferenceProfile, SignalState, SignalType
from stream.rehearsal import Rehearsal, RehearsedPane
from stream.rows import MISSING, WRONG_TYPE, CategoryColumn

__all__ = ["Named", "measure_faults"]

FloatArray = NDArray[np.float64]

_PANE_ROWS = 200
_RATE = 20.0  # events/s: panes of 10 s
_WARM_PANES = 3
_AFTER_PANES = 8
_SIGNALS = 20
_REFERENCE = 10_000


@dataclass(slots=True)
class Named:
    """What was said of one case on data of one shape. Delays in panes from the change on."""

    case: str
    title: str
    shape: str
    kind: str  # "" of a real drift
    runs: int = 0
    drifted: int = 0  # whose state became drift
    right: int = 0  # named as what they are
    wrong: int = 0  # named as something else at some pane
    delays: dict[int, int] = field(default_factory=dict)  # until it was named: panes -> runs
    incident: dict[int, int] = field(default_factory=dict)  # until the state became drift


def measure_faults(
    cases: tuple[str, ...],
    models: int,
    rng: np.random.Generator,
    advance: Callable[[int], None] = lambda _: None,
) -> Iterator[Named]:
    """Break twenty signals of each of some models in every way that ``cases`` names.

    References of 10,000 rows, panes of 200, the default budget; the rows change within a pane.
    """
    profiles: dict[tuple[str, int], ReferenceProfile] = {}
    for case in CASES:
        if case.name not in cases:
            continue
        for shape in case.shapes:
            kind = case.kind.value if case.kind else ""
            named = Named(case.name, case.title, SHAPES[shape].title, kind)
            for model in range(models):
                if (shape, model) not in profiles:
                    profiles[shape, model] = _profile(SHAPES[shape], rng)
                _run(case, SHAPES[shape], profiles[shape, model], named, rng)
                advance(_SIGNALS * (_WARM_PANES + _AFTER_PANES) * _PANE_ROWS)
            yield named


def _profile(shape: Shape, rng: np.random.Generator) -> ReferenceProfile:
    own = {name: (shape.draw(rng, _REFERENCE), shape.type) for name in names(_SIGNALS)}
    return profile_of(own, dict.fromkeys(own, TEXTS[: len(LEVELS)]))


def _run(
    case: Case, shape: Shape, profile: ReferenceProfile, named: Named, rng: np.random.Generator
) -> None:
    settings = Pace(_RATE, round(1000 * _PANE_ROWS / _RATE)).settings()
    rehearsal = Rehearsal(profile, settings)
    panes = _WARM_PANES + _AFTER_PANES
    change = _WARM_PANES * _PANE_ROWS + int(rng.integers(0, _PANE_ROWS))
    unit = shape.sd if case.kind is None else 1.0
    rows = {name: shape.draw(rng, panes * _PANE_ROWS) for name in names(_SIGNALS)}
    for row in rows.values():
        row[change:] = unit * case.change(row[change:] / unit, rng)
    watch = {name: _Watch(named, change // _PANE_ROWS) for name in rows}
    for pane in range(panes):
        span = slice(pane * _PANE_ROWS, (pane + 1) * _PANE_ROWS)
        told = _step(rehearsal, {name: row[span] for name, row in rows.items()}, shape.type)
        for verdict in told.verdicts:
            for signal in verdict.signals:
                if signal.signal in watch:
                    fault = signal.fault.kind.value if signal.fault else ""
                    watch[signal.signal].take(pane, signal.state, fault)
    for one in watch.values():
        one.tell()


def _step(rehearsal: Rehearsal, rows: dict[str, FloatArray], kind: SignalType) -> RehearsedPane:
    if kind is not SignalType.CATEGORY:
        prepared = rehearsal.preparation.of_columns(_PANE_ROWS, rows, {})
        return rehearsal.step(prepared, rows, {})
    texts = {name: CategoryColumn(TEXTS, _codes(row)) for name, row in rows.items()}
    prepared = rehearsal.preparation.of_columns(_PANE_ROWS, {}, texts)
    return rehearsal.step(prepared, {}, texts)


def _codes(row: FloatArray) -> NDArray[np.int32]:
    wrong = np.where(row == WRONG_CELL, float(WRONG_TYPE), row)
    return np.where(np.isnan(row), float(MISSING), wrong).astype(np.int32)


@dataclass(slots=True)
class _Watch:
    """One signal on its way."""

    named: Named
    change: int  # the pane of the change
    drift: int = -1
    right: int = -1
    wrong: bool = False

    def take(self, pane: int, state: SignalState, fault: str) -> None:
        if state is SignalState.DRIFT and self.drift < 0:
            self.drift = pane
        if fault and fault != self.named.kind:
            self.wrong = True
        elif fault and self.right < 0:
            self.right = pane

    def tell(self) -> None:
        named = self.named
        named.runs += 1
        named.wrong += self.wrong
        if self.drift >= 0:
            named.drifted += 1
            _count(named.incident, self.drift - self.change + 1)
        if self.right >= 0:
            named.right += 1
            _count(named.delays, self.right - self.change + 1)


def _count(delays: dict[int, int], panes: int) -> None:
    delays[panes] = delays.get(panes, 0) + 1
