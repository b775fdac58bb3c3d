"""Precision or range lost on the way: values cut off at a bound, decimals gone."""

from __future__ import annotations

from typing import Final

import numpy as np

from driftlog.records import Fault, FaultKind
from stream.faults.look import LEAST_COUNT, LEAST_ROWS, Look, fault, number

__all__ = ["clipped", "rounded_off"]

_LEAST: Final = 0.03  # share of rows at the bound
_MOST: Final = 0.9
_RATIO: Final = 3.0  # times its share in the reference
_FRACTIONS: Final = 0.5  # share of the reference with decimals, at least
_LATEST: Final = 100  # rows: before them decimals may still have been there
_WHOLE: Final = 0.999


def clipped(look: Look) -> Fault | None:
    """Recognise values cut off at a bound: at it lie as many rows as used to lie beyond it."""
    if look.category or look.boolean or look.worth < LEAST_ROWS:
        return None
    there = look.there
    for bound, side in ((float(there.max()), 1), (float(there.min()), -1)):
        at = float(np.mean(there == bound))
        before = max(look.usual.share_of(bound), look.usual.most_common)
        if at < max(_LEAST, before + _LEAST, _RATIO * before) or at > _MOST:
            continue
        if at * len(there) < LEAST_COUNT:
            continue
        # What lies beyond the bound of the reference is the tail of the clipped values' own bins.
        edges, below = look.usual.edges, look.usual.below
        inside = edges <= bound if side > 0 else edges > bound
        if not inside.any() or inside.all():
            continue
        reached = np.searchsorted(np.sort(there), edges[inside], side="left") / len(there)
        if np.abs(reached - below[inside]).max() <= min(0.03 + look.error(len(there)), 0.25):
            way = "above" if side > 0 else "below"
            return fault(
                FaultKind.CLIPPED,
                f"is cut off at {number(bound)} in {at:.0%} of rows, nothing {way} it any more",
                bound=bound,
                after=at,
            )
    return None


def rounded_off(look: Look) -> Fault | None:
    """Recognise decimals lost: whole numbers alone, within one of the usual values."""
    whole = look.profile.whole
    if look.category or look.boolean or whole is None or len(look.there) < LEAST_ROWS:
        return None
    there = look.there[-_LATEST:]
    if whole > 1.0 - _FRACTIONS or np.mean(there == np.round(there)) < _WHOLE:
        return None
    low, middle, high = np.quantile(there, (0.25, 0.5, 0.75)).tolist()
    usual = look.profile.quantiles
    error = 3.0 * 1.25 * look.usual.sd * look.standard_error(len(there))
    near = (abs(low - usual[2]), abs(middle - usual[3]), abs(high - usual[4]))
    if max(near) > 1.0 + error or look.usual.sd > 20.0:
        return None  # by a rounding of values so wide nothing would have moved
    return fault(
        FaultKind.ROUNDED, "has no decimals any more: rounded or cut?", before=whole, after=1.0
    )
