"""What shares of bins say in the signal's own unit: quantiles of a number, levels of a category."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log2

import numpy as np
from numpy.typing import NDArray

from driftlog.records import SignalProfile, SignalType, rounded, text_part
from stream.seasons import NO_VALUE

__all__ = ["LEVELS_TOLD", "QUANTILES_TOLD", "quantiles", "top_levels", "usual_quantiles"]

FloatArray = NDArray[np.float64]

QUANTILES_TOLD = (0.05, 0.5, 0.95)
LEVELS_TOLD = 5
_COMING_IN = 1.5  # times .05: rows left where the tail's step is measured from, at least
_HALVINGS = 12
_AT = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)  # those that a profile holds


def usual_quantiles(profile: SignalProfile) -> tuple[float | None, ...]:
    """The reference's own quantiles at `QUANTILES_TOLD`; none of categories and booleans."""
    if profile.type is not SignalType.NUMBER or len(profile.quantiles) != len(_AT):
        return ()
    return tuple(profile.quantiles[_AT.index(p)] for p in QUANTILES_TOLD)


def quantiles(profile: SignalProfile, shares: FloatArray) -> tuple[float | None, ...]:
    """Quantiles of some rows at `QUANTILES_TOLD`, interpolated from the shares of their bins.

    Within a bin the values are taken to lie as in the reference, which is known by the edges, its
    own quantiles and how its tails come in: the reference's shares give its quantiles again.

    Args:
        profile: has edges and quantiles.
        shares: of the bins, (B,), as `detectors.psi.Contributions` has them.

    Returns:
        One figure each; None for one that lies outside of the reference's range, where no bin says
        how far. Empty where nothing is known, and of categories and booleans.
    """
    if not usual_quantiles(profile) or not profile.edges:
        return ()
    edges = np.array(profile.edges)
    numbers = len(edges) + 1
    held = shares[:numbers]
    if held.sum() <= 0.0:
        return ()
    ends = held.cumsum() / held.sum()
    usual = np.array(profile.shares[:numbers])
    usual = usual.cumsum() / usual.sum()
    # The reference's distribution: at its edges, at its quantiles between them, and in its tails.
    known = [
        *zip(profile.quantiles[1:-1], _AT[1:-1], strict=True),
        *_tail(profile, usual.tolist(), upper=False),
        *_tail(profile, usual.tolist(), upper=True),
    ]
    points = sorted([*zip(profile.edges, usual.tolist(), strict=False), *known])
    value = np.array([x for x, _ in points])
    level = np.maximum.accumulate([p for _, p in points])
    found: list[float | None] = []
    for p in QUANTILES_TOLD:
        b = int(np.searchsorted(ends, p, side="left"))
        if b in (0, numbers - 1):
            found.append(None)
            continue
        part = (p - ends[b - 1]) / (ends[b] - ends[b - 1])
        at = usual[b - 1] + part * (usual[b] - usual[b - 1])
        guess = float(np.interp(at, level, value))
        found.append(rounded(min(max(guess, edges[b - 1]), edges[b])))
    return tuple(found)


def _tail(
    profile: SignalProfile, usual: Sequence[float], upper: bool
) -> Iterator[tuple[float, float]]:
    """Points of one tail of the reference, beyond its .05 or .95 quantile: values and levels.

    The tail is taken to go on as it comes in: the step in which what is left of the rows fell to
    .05 is that in which it halves, again and again, up to the farthest value.
    """
    rest = _AT[1]
    begin, end = profile.quantiles[-2 if upper else 1], profile.quantiles[-1 if upper else 0]
    inner = [
        (abs(begin - x), left)
        for x, p in zip(profile.edges, usual, strict=False)
        if (left := 1.0 - p if upper else p) >= _COMING_IN * rest
    ]
    if not inner:
        return
    width, left = min(inner)
    step = width / log2(left / rest)
    way = 1.0 if upper else -1.0
    for k in range(1, _HALVINGS):
        if step <= 0.0 or k * step >= abs(end - begin):
            return
        rest /= 2.0
        yield begin + way * k * step, 1.0 - rest if upper else rest


def top_levels(profile: SignalProfile, shares: FloatArray) -> dict[str, float]:
    """The largest levels of a category and their shares of the rows; empty of other signals.

    Less than a row of the reference is there by smoothing alone. The pieces of words that free text
    is watched by are no levels that anybody knows.
    """
    if profile.type is not SignalType.CATEGORY or text_part(profile.signal) is not None:
        return {}
    named = [
        (name, float(share))
        for name, share in zip(profile.bins, shares, strict=False)
        if share * profile.rows >= 1.0 and name not in NO_VALUE
    ]
    largest = sorted(named, key=lambda one: (-one[1], one[0]))[:LEVELS_TOLD]
    return {name: rounded(share) for name, share in largest}
