"""One value of a million among a thousand rows: does it hide a shift of half a sd from PSI?

Bins cut from the range of the rows at hand put all usual values into one of them. Frozen bins do
not move.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.quality.evidently import Evidently
from benchmarks.quality.kinds import KINDS, Source
from benchmarks.quality.model import SIGNALS, Pace, names, prepared, profile_of
from stream.rehearsal import Rehearsal

__all__ = ["OUTLIER", "Outlier", "measure_outlier"]

OUTLIER = 1e6
_ROWS = 1_000
_REFERENCE = 10_000
_SHIFT = 0.5  # sd


@dataclass(frozen=True, slots=True)
class Outlier:
    """Mean PSI of 20 signals, without and with the outlier in each."""

    tool: str
    without: float
    with_one: float


def measure_outlier(evidently: Evidently | None, rng: np.random.Generator) -> list[Outlier]:
    """Compare N(0,1) shifted by half a sd with its reference, without and with an outlier."""
    kind = KINDS["normal"]
    source = Source(kind, SIGNALS, rng)
    reference, rows = source.rows(_REFERENCE), source.rows(_ROWS) + _SHIFT
    spoiled = rows.copy()
    spoiled[:, 0] = OUTLIER

    profile = profile_of({n: (row, kind.type) for n, row in zip(names(), reference, strict=True)})

    def ours(values: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> float:
        rehearsal = Rehearsal(profile, Pace.for_run(10**9, 1.0).settings())
        pane = rehearsal.step(prepared(rehearsal.preparation, values, kind))
        return float(np.mean([one.psi for one in pane.verdicts[0].signals]))

    found = [Outlier("driftlog", ours(rows), ours(spoiled))]
    if evidently is not None:
        plain, odd = (
            float(evidently.psi(reference, values, (_ROWS,))[_ROWS].mean())
            for values in (rows, spoiled)
        )
        found.append(Outlier("Evidently", plain, odd))
    return found
