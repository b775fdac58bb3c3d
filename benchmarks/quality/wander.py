"""Levels that wander by themselves: how often `level_shift` takes that for a change.

AR(1) of any memory, up to one as long as the reference: no reference shows how far such a level
goes in the end, so that some false alarms are to be expected. How many is what is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from detectors import LevelShift
from detectors.autocorrelation import long_run_variance
from detectors.calibration import adwin_scale
from detectors.level_shift import LEAST_KNOWN, block_extremes
from detectors.moments import SpanMoments

__all__ = ["LEVELS", "REFERENCE", "Wander", "measure_wander"]

FloatArray = NDArray[np.float64]

REFERENCE = 4_000  # rows
LEVELS = (
    3.3e-4,
    4e-8,
)  # of a look: panes of a day, and of 10 s; 20 signals, five judges, one a month
_PHI = (0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
_WINDOWS = (0.5, 1.0, 4.0)  # of the reference's rows
_LOOKS = 25  # windows far from each other and from the reference


@dataclass(frozen=True, slots=True)
class Wander:
    """One memory and one level.

    independent: rows that the reference stands for, m / V; known: what its own rows say, median.
    watched: share of the references that the judge has ground to judge from.
    told: share of the windows told, by their length over the reference's.
    references: share of the references of which any of 25 windows is told, likewise.
    """

    phi: float
    level: float
    independent: float
    known: float
    watched: float
    told: dict[str, float]
    references: dict[str, float]

    @property
    def worst(self) -> float:
        """The largest share of the references."""
        return max(self.references.values())


def measure_wander(
    references: int, rng: np.random.Generator, advance: Callable[[int], None] = lambda _: None
) -> list[Wander]:
    """Draw so many references of each memory, and windows of what may come after them."""
    return [one for phi in _PHI for one in _of_memory(phi, references, rng, advance)]


def _of_memory(
    phi: float, count: int, rng: np.random.Generator, advance: Callable[[int], None]
) -> list[Wander]:
    noise = rng.standard_normal((count, REFERENCE)) * np.sqrt(1.0 - phi * phi)
    begin = phi * rng.standard_normal((count, 1))
    x = lfilter([1.0], [1.0, -phi], noise, axis=1, zi=begin)[0]
    mean, sd = x.mean(axis=1), x.std(axis=1)
    z = (x - mean[:, None]) / sd[:, None]
    variance = np.array([long_run_variance(one) for one in z])
    watched = REFERENCE / variance >= LEAST_KNOWN
    skewness = np.array([adwin_scale(one) for one in z])
    blocks = [block_extremes(one) for one in z]
    advance(x.size)
    windows = {
        f"{part:g}": [(_means(phi, part, count, rng) - mean) / sd for _ in range(_LOOKS)]
        for part in _WINDOWS
    }
    found = []
    for level in LEVELS:
        judge = LevelShift(
            variance,
            np.full(count, REFERENCE),
            level=level,
            skewness=skewness,
            blocks=blocks,
            watched=watched,
        )
        told, bad = {}, {}
        for part, looks in windows.items():
            hits = np.array([_alarms(judge, off, int(float(part) * REFERENCE)) for off in looks])
            told[part] = float(hits.mean())
            bad[part] = float(hits.any(axis=0).mean())
        found.append(
            Wander(
                phi=phi,
                level=level,
                independent=REFERENCE * (1.0 - phi) / (1.0 + phi),
                known=float(np.median(REFERENCE / variance)),
                watched=float(watched.mean()),
                told=told,
                references=bad,
            )
        )
    return found


def _means(phi: float, part: float, count: int, rng: np.random.Generator) -> FloatArray:
    """Of windows so long: normal, with the variance that AR(1) gives to a mean."""
    n = int(part * REFERENCE)
    apart = np.arange(1, n)
    variance = (1.0 + 2.0 * float(((1.0 - apart / n) * phi**apart).sum())) / n
    return rng.standard_normal(count) * float(np.sqrt(variance))


def _alarms(judge: LevelShift, off: FloatArray, n: int) -> NDArray[np.bool_]:
    count = len(off)
    span = SpanMoments(
        np.full(count, n, dtype=np.int64), np.zeros(count, np.int64), off, np.ones(count)
    )
    return judge.read(span, off, np.full(count, 60, dtype=np.int64)).alarm
