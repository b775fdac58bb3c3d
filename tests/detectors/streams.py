"""Seeded streams and marks for the detectors' tests."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from detectors.contract import Detector, FloatArray, IntArray, Reading

Rng = np.random.Generator


def ar1(rng: Rng, rows: int, phi: float) -> FloatArray:
    warm_up = 1000
    noise = rng.normal(size=rows + warm_up) * np.sqrt(1 - phi * phi)
    values: FloatArray = lfilter([1.0], [1.0, -phi], noise)[warm_up:]
    return values


KINDS: dict[str, Callable[[Rng, int], FloatArray]] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "t(3)": lambda rng, n: rng.standard_t(3, size=n),
    "lognormal": lambda rng, n: rng.lognormal(size=n),
    "zero-inflated": lambda rng, n: np.where(rng.random(n) < 0.8, 0.0, rng.lognormal(size=n)),
    "boolean 1 %": lambda rng, n: (rng.random(n) < 0.01).astype(np.float64),
    "AR(1) .8": lambda rng, n: ar1(rng, n, 0.8),
}


def marks(rows: int, start: int = 0) -> IntArray:
    """Row r at time 100 r ms, in one of three partitions, each with its own offsets."""
    r = np.arange(start, start + rows, dtype=np.int64)
    return np.array([r * 100, r % 3, r // 3], dtype=np.int64)


def rows_for(detector: Detector, rng: Rng, rows: int) -> NDArray[Any]:
    """Rows with changes, gaps and infinities, of the kind that the detector takes."""
    shape = (detector.signals, rows)
    if detector.takes == "bins":
        codes = rng.integers(0, 12, size=shape)
        codes[:, rows // 2 :] = codes[:, rows // 2 :] // 2
        codes[rng.random(shape) < 0.02] = -1
        return codes.astype(np.int16)
    z = rng.normal(size=shape)
    for s in range(detector.signals):
        for _ in range(4):
            z[s, rng.integers(0, rows) :] += rng.choice([-5.0, -1.0, 0.5, 2.0])
    z[rng.random(shape) < 0.02] = np.nan
    z[rng.random(shape) < 0.002] = np.inf
    return z


def run(
    detector: Detector, x: NDArray[Any], cuts: Iterable[int], pane_rows: int, first_pane: int = 0
) -> list[Reading]:
    """Feed x in batches that end at the cuts and at the ends of panes of so many rows."""
    rows = x.shape[1]
    ends = set(range(pane_rows, rows + 1, pane_rows))
    readings: list[Reading] = []
    start = 0
    for end in sorted({c for c in cuts if 0 < c < rows} | ends | {rows}):
        detector.update(x[:, start:end], marks(rows)[:, start:end])
        start = end
        if end in ends:
            readings.append(detector.end_pane(first_pane + len(readings)))
    return readings
