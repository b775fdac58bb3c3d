"""Logarithms of the usual values, or powers where logarithms were usual."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftlog.records import Fault, FaultKind
from stream.faults.look import LEAST_ROWS, Look, fault

__all__ = ["logarithm"]

FloatArray = NDArray[np.float64]
Back = Callable[[FloatArray], FloatArray]

# what happened to the values, and how it is taken back
_CHANGES: Final[tuple[tuple[str, float, Back], ...]] = (
    ("holds the natural logarithm of its usual values", 0.0, np.exp),
    ("holds the logarithm to base 10 of its usual values", 10.0, lambda x: 10.0**x),
    ("holds the logarithm to base 2 of its usual values", 2.0, np.exp2),
    ("holds ln(1 + x) of its usual values x", 1.0, np.expm1),
    ("holds e to the power of its usual values: logarithm forgotten?", -1.0, np.log),
    ("holds 10 to the power of its usual values: logarithm forgotten?", -10.0, np.log10),
    ("holds exp(x) - 1 of its usual values x: logarithm forgotten?", -2.0, np.log1p),
)
_FREQUENT: Final = 0.2  # share of a value that is looked at by itself
_MOST: Final = 0.15  # distance, however few the rows
_NEGATIVE: Final = 0.1  # share of rows below zero, where there were none
_GROSS_SD: Final = 3.0  # of the median
_WORSE: Final = 0.03  # distance by which a mere shift must fit worse
_GROSS_RATIO: Final = 2.5  # of the spread


def logarithm(look: Look) -> Fault | None:
    """Recognise a logarithm taken or forgotten.

    The values taken back must look like the reference, and the change must be gross: on a narrow
    range a logarithm is nearly a straight line, and so is many a real shift.
    """
    if look.category or look.boolean or len(look.there) < LEAST_ROWS or not _gross(look):
        return None
    found = []
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for words, base, back in _CHANGES:
            values = back(look.there)
            if np.isfinite(values).all() and _fits(values, look):
                found.append((look.distance(values), words, base))
    if not found:
        return None
    distance, words, base = min(found)
    if look.shifted_back() < distance + _WORSE:
        return None
    return fault(FaultKind.LOGARITHM, words, distance=distance, base=base)


def _fits(values: FloatArray, look: Look) -> bool:
    """Whether values look like the reference, with and without its most frequent one.

    Half of them zeros, the other half could be nearly anything.
    """
    if not look.fits(values, margin=0.03, most=_MOST):
        return False
    common = look.profile.common
    if not common or common[0][1] < _FREQUENT:
        return True
    others = values[np.abs(values - common[0][0]) > 1e-9 * max(1.0, abs(common[0][0]))]
    return look.fits(others, margin=0.03, without=common[0][0], most=_MOST)


def _gross(look: Look) -> bool:
    quantiles = look.profile.quantiles
    wide = quantiles[5] - quantiles[1]
    low, middle, high = np.quantile(look.there, (0.05, 0.5, 0.95)).tolist()
    if wide <= 0.0 or high <= low:
        return False
    if quantiles[0] > 0.0 and np.mean(look.there < 0.0) >= _NEGATIVE:
        return True
    ratio = (high - low) / wide
    moved = abs(middle - quantiles[3]) / (wide / 3.29)  # .05 to .95 of a normal, in sd
    return bool(moved >= _GROSS_SD or max(ratio, 1.0 / ratio) >= _GROSS_RATIO)
