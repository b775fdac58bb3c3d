"""How large a change is, in units that a person can weigh: significance alone wakes nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors import PSI
from detectors.moments import Moments
from detectors.psi import PSIReading
from driftlog.records import SignalProfile, SignalType
from driftlog.settings import DetectionSettings
from stream.seasons import weakest_rows

__all__ = ["Effect", "Usual", "measure"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Usual:
    """What the reference says of S signals, all (S,) unless said otherwise."""

    missing: FloatArray  # share without a value
    boolean: NDArray[np.bool_]
    spreads: NDArray[np.bool_]  # its spread is watched by itself
    mean: FloatArray  # in the signal's unit
    sd: FloatArray  # in the signal's unit, 1 where the reference is constant
    bins: NDArray[np.int64]  # that the reference has rows in
    rows: FloatArray
    inflation: FloatArray
    factor: FloatArray  # of the smallest effect that matters

    @classmethod
    def of(cls, signals: Sequence[SignalProfile], factors: Mapping[str, float]) -> Usual:
        """Read it from the profiles; ``factors`` are those that are not 1, by signal."""

        def column(values: Sequence[float]) -> FloatArray:
            return np.array(values, dtype=np.float64)

        return cls(
            missing=column([s.missing for s in signals]),
            spreads=np.array([s.spread is not None for s in signals], dtype=np.bool_),
            boolean=np.array([s.type is SignalType.BOOLEAN for s in signals], dtype=np.bool_),
            mean=column([s.mean for s in signals]),
            sd=column([s.sd or 1.0 for s in signals]),
            bins=np.array(
                [sum(share * s.rows >= 1.0 for share in s.shares) for s in signals], dtype=np.int64
            ),
            rows=column([max(weakest_rows(s), 1) for s in signals]),
            inflation=column([s.inflation for s in signals]),
            factor=column([factors.get(s.signal, 1.0) for s in signals]),
        )


@dataclass(frozen=True, slots=True)
class Effect:
    """The size of the change over some panes, all (S,)."""

    psi: FloatArray  # less what it would be without any change
    sd: FloatArray  # shift of the mean, signed, in sd of the reference
    rate: FloatArray  # largest change of a rate, signed: missing share, or a boolean's
    missing: FloatArray  # share without a value
    rows: NDArray[np.int64]
    spread: FloatArray  # sd in those of the reference, told and not weighed; 1 where not watched

    def at_least(
        self, settings: DetectionSettings, factor: FloatArray, share: float = 1.0
    ) -> NDArray[np.bool_]:
        """Whether it matters: by any of the three measures, ``share`` of the smallest effect.

        Args:
            settings: has the smallest effects.
            factor: of each signal, (S,), by which they are multiplied.
            share: of the product that is enough.
        """
        enough = share * factor
        return (
            (self.psi >= enough * settings.min_effect_psi)
            | (np.abs(self.sd) >= enough * settings.min_effect_sd)
            | (np.abs(self.rate) >= enough * settings.min_effect_rate)
        )


def measure(
    psi: PSI, moments: Moments, usual: Usual, panes: int, reading: PSIReading | None = None
) -> Effect:
    """Measure the effect over the last ``panes`` panes.

    ``reading`` is that of these very panes, where it has been taken already.

    PSI without any change is about (bins - 1) (1/n + 1/m), times the inflation by autocorrelation;
    that much is taken off, else small windows would always seem to have moved. Bins that the
    reference keeps for what it never saw add nothing to it, and do not count.
    """
    reading = reading or psi.recent(panes)
    span = moments.span(panes)
    rows = span.n + span.missing
    n = np.maximum(rows, 1)
    expected = (usual.bins - 1) * (1.0 / n + 1.0 / usual.rows) * usual.inflation
    missing = span.missing / n
    gone = missing - usual.missing
    rate = np.where(usual.boolean & (span.n > 0), span.mean * usual.sd, 0.0)
    return Effect(
        psi=np.maximum(reading.psi - expected, 0.0),
        sd=np.where(span.n > 0, span.mean, 0.0),
        rate=np.where(np.abs(gone) > np.abs(rate), gone, rate),
        missing=missing,
        rows=rows,
        spread=np.where(usual.spreads & (span.n > 1), span.sd, 1.0),
    )
