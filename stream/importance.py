"""How much a signal has moved, comparable between signals of all types."""

from __future__ import annotations

from math import sqrt

from driftlog.records import AlertSignal, SignalVerdict
from driftlog.settings import DetectionSettings

__all__ = ["times_smallest"]

_USUAL = DetectionSettings()


def times_smallest(signal: SignalVerdict | AlertSignal, settings: DetectionSettings) -> float:
    """Return a signal's effect as a multiple of the smallest that matters.

    It is that of the measure that moved most, of the three that decide whether a change matters: a
    shift of the mean, the PSI, a rate. Each is divided by its own smallest effect (and the signal's
    factor), so that a number, a category and a share of nulls can be compared. PSI grows with the
    square of a shift (it is about d^2), so its root is taken: twice as far is then twice as much.

    >>> from driftlog.records import Onset
    >>> plain = dict(series="", state="drift", detector="", scores={}, direction=0, rows=1)
    >>> moved = AlertSignal(
    ...     signal="x", psi=0.4, effect_sd=-1.0, effect_rate=0.1, onset=Onset(ts_ms=0), **plain
    ... )
    >>> times_smallest(moved, DetectionSettings())
    4.0
    """
    factor = settings.effect_factors.get(signal.signal, 1.0)

    def times(effect: float, smallest: float, usual: float) -> float:
        # A smallest effect of 0 asks to be told of every change, not for an endless one.
        return abs(effect) / (factor * smallest or usual)

    return max(
        times(signal.effect_sd, settings.min_effect_sd, _USUAL.min_effect_sd),
        sqrt(times(max(signal.psi, 0.0), settings.min_effect_psi, _USUAL.min_effect_psi)),
        times(signal.effect_rate, settings.min_effect_rate, _USUAL.min_effect_rate),
    )
