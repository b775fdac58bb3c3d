"""The cycles of a reference's signals as the arrays that detectors take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.season import (
    DAY_KNOTS,
    WEEK_KNOTS,
    SeasonStandardiser,
    SeasonTables,
    covariance,
)
from driftlog.records import Season, SignalProfile

__all__ = [
    "NO_VALUE",
    "rows_behind",
    "season_standardiser",
    "season_tables",
    "usual_sd",
    "weakest_rows",
]

FloatArray = NDArray[np.float64]

NO_VALUE = ("missing", "wrong type")  # bins of every type, see `stream.profiling.labels`


def season_standardiser(signals: Sequence[SignalProfile]) -> SeasonStandardiser | None:
    """Return what makes z of plain values, all of these signals having a cycle; None: no signals.

    Plain values are in standard deviations of the whole reference, about its mean.
    """
    found = [(one, one.season) for one in signals if one.season is not None]
    if not found:
        return None
    knots = _knots([season for _, season in found])
    return SeasonStandardiser(
        np.array([(_along(season.mean, knots) - one.mean) / one.sd for one, season in found]),
        np.array([_along(season.sd, knots) / one.sd for one, season in found]),
        np.array([season.clip for _, season in found]),
    )


def season_tables(signals: Sequence[SignalProfile]) -> SeasonTables | None:
    """Return the cycles of those signals that have one; None where none has."""
    found = [(i, one.season) for i, one in enumerate(signals) if one.season is not None]
    if not found:
        return None
    knots = _knots([season for _, season in found])
    bins = max(len(one.bins) for one in signals)
    shares = np.full((knots, len(found), bins), np.nan)
    for at, (_, season) in enumerate(found):
        own = np.array(season.shares, dtype=np.float64)
        own /= own.sum(axis=1, keepdims=True)  # few digits on the wire
        shares[:, at, : own.shape[1]] = _along(own, knots)
    return SeasonTables(
        where=np.array([i for i, _ in found], dtype=np.int64),
        mean=np.array([_along(season.mean, knots) for _, season in found]).T,
        sd=np.array([_along(season.sd, knots) for _, season in found]).T,
        rows=np.array([min(season.rows) for _, season in found]),
        shares=shares,
        error=np.array([_error(season, knots) for _, season in found]),
    )


def weakest_rows(signal: SignalProfile) -> float:
    """Rows of the reference behind the signal's usual, where they are fewest."""
    return float(signal.rows if signal.season is None else min(signal.season.rows))


def rows_behind(signal: SignalProfile) -> int:
    """Values behind the signal's usual, at least 1: of a cycle those of its weakest hour."""
    return max(round(weakest_rows(signal) * (1.0 - signal.missing)), 1)


def usual_sd(signal: SignalProfile) -> float:
    """Standard deviation about the signal's usual: of a cycle the mean of the hours'."""
    return float(signal.sd if signal.season is None else np.mean(signal.season.sd))


def _knots(seasons: Sequence[Season]) -> int:
    return WEEK_KNOTS if any(season.period == "week" for season in seasons) else DAY_KNOTS


def _along(values: Sequence[float] | FloatArray, knots: int) -> FloatArray:
    """A day's values as often as the knots need them."""
    own = np.asarray(values, dtype=np.float64)
    return np.concatenate([own] * (knots // len(own)))


def _error(season: Season, knots: int) -> FloatArray:
    own = covariance(np.maximum(np.array(season.rows), 1.0))
    times = knots // len(own)
    return np.tile(own, (times, times))
