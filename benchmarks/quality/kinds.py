"""Kinds of data that do not drift, from the harmless to the nasty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from driftlog.records import SignalType

__all__ = ["DAYS", "KINDS", "LEVELS", "Kind", "Source"]

FloatArray = NDArray[np.float64]

DAYS = 4  # of a reference of a kind with a cycle
LEVELS = tuple(f"level {i:02d}" for i in range(50))
_DAY_MS = 86_400_000
_ZIPF = 1.0 / np.arange(1, len(LEVELS) + 1)
_ZIPF_STEPS = np.cumsum(_ZIPF / _ZIPF.sum())


@dataclass(frozen=True, slots=True)
class Kind:
    """A distribution of rows.

    draw: independent values of a shape; of a category the index of the level.
    phi: correlation of neighbours, by an AR(1) filter over what was drawn.
    cycle: root mean square of a daily sine on top, in sd of what was drawn; each signal has a phase
        of its own. References span `DAYS` days.
    least_reference: rows; a shorter reference cannot know what is usual here.
    """

    name: str
    title: str
    draw: Callable[[np.random.Generator, tuple[int, int]], FloatArray]
    type: SignalType = SignalType.NUMBER
    phi: float = 0.0
    cycle: float = 0.0
    least_reference: int = 0


def _normal(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    return rng.standard_normal(shape)


def _zero_inflated(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    return np.where(rng.random(shape) < 0.8, 0.0, np.exp(rng.standard_normal(shape)))


def _zipf(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    return np.searchsorted(_ZIPF_STEPS, rng.random(shape)).astype(np.float64)


_ALL = (
    Kind("normal", "N(0,1)", _normal),
    Kind("t3", "Student t(3)", lambda rng, shape: rng.standard_t(3, shape)),
    Kind("lognormal", "lognormal", lambda rng, shape: np.exp(rng.standard_normal(shape))),
    Kind("zeros", "80 % zeros, else lognormal", _zero_inflated),
    Kind("zipf", "50 Zipf levels", _zipf, SignalType.CATEGORY),
    Kind(
        "boolean",
        "boolean, 1 % true",
        lambda rng, shape: (rng.random(shape) < 0.01).astype(np.float64),
        SignalType.BOOLEAN,
    ),
    Kind("ar8", "AR(1), .8", _normal, phi=0.8),
    Kind("ar9", "AR(1), .9", _normal, phi=0.9),
    Kind("daily", "N(0,1) and a daily sine of 1 sd", _normal, cycle=1.0, least_reference=10_000),
)
KINDS = {kind.name: kind for kind in _ALL}


@dataclass(slots=True)
class Source:
    """An endless stream of S signals of one kind, independent of each other.

    ``rows(n)`` gives the next n rows, float64 (S, n); autocorrelation goes on from call to call.
    AR(1) streams have variance 1 and start in their stationary state.
    """

    kind: Kind
    signals: int
    rng: np.random.Generator
    day_rows: int = 100_000  # that a day has, evenly spread
    _memory: FloatArray | None = field(default=None, init=False)
    _taken: int = field(default=0, init=False)

    def rows(self, count: int) -> FloatArray:
        """Return the next rows."""
        return self.timed(count)[0]

    def timed(self, count: int) -> tuple[FloatArray, NDArray[np.int64]]:
        """Return the next rows and their event times, (n,)."""
        at = np.arange(self._taken, self._taken + count, dtype=np.int64)
        self._taken += count
        values = self._drawn(count)
        if self.kind.cycle:
            phase = 2.0 * np.pi * np.arange(self.signals)[:, None] / self.signals
            turn = 2.0 * np.pi * (at / self.day_rows) + phase
            values += self.kind.cycle * np.sqrt(2.0) * np.sin(turn)
        return values, at * _DAY_MS // self.day_rows

    def _drawn(self, count: int) -> FloatArray:
        values = self.kind.draw(self.rng, (self.signals, count))
        phi = self.kind.phi
        if not phi:
            return values
        if self._memory is None:
            self._memory = phi * self.rng.standard_normal((self.signals, 1))
        values *= np.sqrt(1.0 - phi * phi)
        found, self._memory = lfilter([1.0], [1.0, -phi], values, zi=self._memory)
        filtered: FloatArray = found
        return filtered
