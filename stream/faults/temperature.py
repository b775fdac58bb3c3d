"""Celsius, Fahrenheit and Kelvin in each other's place."""

from __future__ import annotations

from typing import Final

import numpy as np

from driftlog.records import Fault, FaultKind
from stream.faults.look import LEAST_ROWS, Look, fault

__all__ = ["temperature"]

_ZERO: Final = 273.15
# from, to, a, b of now = a then + b; and where most of what people measure lies in the scale of old
_SCALES: Final = (
    ("Celsius", "Fahrenheit", 1.8, 32.0, (-60.0, 150.0)),
    ("Celsius", "Kelvin", 1.0, _ZERO, (-60.0, 150.0)),
    ("Fahrenheit", "Celsius", 1 / 1.8, -32.0 / 1.8, (-80.0, 300.0)),
    ("Fahrenheit", "Kelvin", 1 / 1.8, _ZERO - 32.0 / 1.8, (-80.0, 300.0)),
    ("Kelvin", "Celsius", 1.0, -_ZERO, (200.0, 430.0)),
    ("Kelvin", "Fahrenheit", 1.8, 32.0 - 1.8 * _ZERO, (200.0, 430.0)),
)
_APART: Final = 2.0  # sd between the medians, at least
_WORSE: Final = 0.04
_PRECISE: Final = 0.05  # of the way between the medians: what the median must be known to


def temperature(look: Look) -> Fault | None:
    """Recognise temperatures in another scale, where the reference lies as temperatures do.

    Both place and spread must be those of the other scale. Where the two are close (a wide spread
    around the point at which the scales meet) nothing is said.
    """
    if look.category or look.boolean or len(look.there) < LEAST_ROWS:
        return None
    low, high = look.profile.quantiles[1], look.profile.quantiles[5]
    middle, sd = look.profile.quantiles[3], look.usual.sd
    now = float(np.median(look.there))
    for was, became, a, b, (least, most) in _SCALES:
        if low < least or high > most:
            continue
        there = a * middle + b
        way = abs(there - middle)
        unsure = 3.0 * 1.25 * a * sd * look.standard_error(len(look.there))
        if sd <= 0.0 or way < _APART * sd or unsure > _PRECISE * way + 0.5 * sd:
            continue
        if abs(now - there) > unsure + 0.01 * way:
            continue
        back = (look.there - b) / a
        # Where the scale's steps differ too, a mere shift must explain it clearly worse.
        by_shift = a != 1.0 and look.shifted_back() < look.distance(back) + _WORSE
        if look.fits(back, margin=0.03) and not by_shift:
            return fault(
                FaultKind.TEMPERATURE,
                f"looks like {became} where {was} was usual",
                factor=a,
                offset=b,
            )
    return None
