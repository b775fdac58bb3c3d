"""What the rows of a signal with a cycle say of its thresholds, hour by hour."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.autocorrelation import indicator_inflation
from detectors.calibration import adwin_scale, exponents
from detectors.season_fit import Places, at_rows
from detectors.spread import distance
from driftlog.records import SignalProfile, SpreadProfile, rounded
from stream.preparation import Prepared

__all__ = ["calibrated_by_hour"]

FloatArray = NDArray[np.float64]
Theta = tuple[tuple[float, ...], tuple[float, ...]]

_PARTS: Final = 6  # of a day or week, whose rows are looked at by themselves as well
_LEAST_PART: Final = 300  # rows; fewer say nothing of a tail
_FINE: Final = 2  # digits of z by which the exponents are solved
_LIKE: Final = 0.2  # of the scale of the distances, which no part of the day may be off by


def calibrated_by_hour(profile: SignalProfile, prepared: Prepared, places: Places) -> SignalProfile:
    """Return the profile with the thresholds' figures of the worst part of the day.

    What is left without the cycle may still turn with the hours: a flag that is rare at night is
    more skewed then. A false alarm comes where it comes most easily. And only the rows of an hour
    stand behind what is usual in it.

    Args:
        profile: calibrated as one without a cycle, on the rows that its cycle leaves.
        prepared: these rows.
        places: of them among the knots.
    """
    season = profile.season
    if season is None:
        return profile
    there = np.flatnonzero(~prepared.missing[0])
    z = prepared.z[0][there]
    behind = max(round(min(season.rows) * (1.0 - profile.missing)), 1)
    part = places.knot[there] * _PARTS // places.knots
    parts = [z[part == one] for one in range(_PARTS)]
    parts = [one for one in parts if len(one) >= _LEAST_PART]
    hourly = np.array(season.shares)

    def usual(code: int) -> FloatArray:
        return at_rows(hourly[:, code], places)

    return msgspec.structs.replace(
        profile,
        theta=_worst(
            [z, *(one - one.mean() for one in parts)],
            profile.allowances,
            profile.long_run_variance,
            behind,
        ),
        inflation=rounded(indicator_inflation(prepared.bins[0], usual)),
        ordered_inflation=0.0,  # bounded by the two that are of what the cycle leaves
        skewness=max(rounded(adwin_scale(one)) for one in (z, *parts)),
        spread=_spread(profile, z, parts, behind),
    )


def _spread(
    profile: SignalProfile, z: FloatArray, parts: list[FloatArray], behind: int
) -> SpreadProfile | None:
    """None where the shape turns with the hours, too: then no one centre is usual.

    The sd of an hour is known as well as that of its squares, which takes more rows the heavier
    the tails; so much the less is known of the distances.
    """
    usual = profile.spread
    if usual is None:
        return None
    roots = [(distance(one) - usual.centre) / usual.scale for one in (z, *parts)]
    if max(abs(float(root.mean())) for root in roots) > _LIKE:
        return None
    variance = rounded(usual.long_run_variance * max(1.0, (float((z**4).mean()) - 1.0) / 2.0))
    centred = [root - root.mean() for root in roots]
    return msgspec.structs.replace(
        usual,
        theta=_worst(centred, profile.allowances, variance, behind),
        long_run_variance=variance,
    )


def _worst(
    parts: list[FloatArray], allowances: tuple[float, ...], variance: float, behind: int
) -> Theta:
    found = [exponents(np.round(one, _FINE), allowances, variance, behind) for one in parts]
    up, down = np.min(found, axis=0)
    return tuple(map(rounded, up.tolist())), tuple(map(rounded, down.tolist()))
