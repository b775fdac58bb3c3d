"""The cycle of one signal, if it has one."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.autocorrelation import long_run_variance
from detectors.contract import CodeArray
from detectors.season_fit import (
    Places,
    at_rows,
    bins_gain,
    convincing,
    fitted,
    fitted_shares,
    mean_gain,
    spread,
)
from detectors.standardise import MOST, number_scale
from driftlog.records import Season, SeasonPeriod, SignalProfile, SignalType, rounded
from stream.preparation import Prepared
from stream.profiling.calendar import Calendar

__all__ = ["season_of", "seasonality"]

FloatArray = NDArray[np.float64]

_SHARE_DIGITS: Final = 4  # of a share that thousands of rows stand behind
_NAMED: Final = 5  # signals


def season_of(
    draft: SignalProfile, prepared: Prepared, calendar: Calendar, least_flag_sd: float | None
) -> Season | None:
    """Return the signal's cycle, None where it has none that other days confirm.

    Args:
        draft: the signal with bins and scale, but without shares.
        prepared: its rows, by the draft.
        calendar: of the same rows.
        least_flag_sd: of a signal of two values the least sd, as a part of their distance.
    """
    if calendar.day is None or draft.sd <= 0.0:
        return None
    z, codes, plain = prepared.z[0], prepared.bins[0], prepared.plain[0]
    there = np.flatnonzero(np.isfinite(z))
    bins = len(draft.bins)
    period: SeasonPeriod = "day"
    places = calendar.day if _explains(calendar.day, z, codes, there, bins) else None
    if calendar.week is not None and _explains(
        calendar.week, z, codes, there, bins, beyond=calendar.week_by_day if places else None
    ):
        places, period = calendar.week, "week"
    if places is None:
        return None
    counts = np.bincount(codes, minlength=bins) + 0.5
    mean, sd, clip = _scale(places.take(there), z[there], plain[there], draft, least_flag_sd)
    return Season(
        period=period,
        mean=_rounded(draft.mean + draft.sd * mean),
        sd=_rounded(draft.sd * sd),
        shares=tuple(
            tuple(float(f"{share:.{_SHARE_DIGITS}g}") for share in row)
            for row in fitted_shares(places, codes, counts / counts.sum()).tolist()
        ),
        rows=tuple(round(rows, 1) for rows in places.rows.sum(axis=0).tolist()),
        clip=(rounded(clip[0]), rounded(clip[1])),
    )


def _explains(
    places: Places,
    z: FloatArray,
    codes: CodeArray,
    there: NDArray[np.intp],
    bins: int,
    beyond: Places | None = None,
) -> bool:
    """Whether the hours foretell the mean or the bins of other days; better than ``beyond``."""
    own = places.take(there)
    means = mean_gain(own, z[there])
    shares, asked = bins_gain(places, codes, bins)
    parameters = places.knots
    if beyond is not None:
        means = means - mean_gain(beyond.take(there), z[there])
        shares = shares - bins_gain(beyond, codes, bins)[0]
        parameters -= beyond.knots
    left = z[there] - at_rows(fitted(own, z[there]), own)
    variance = long_run_variance(left)
    return convincing(means, len(there), parameters, variance) or convincing(
        shares, len(codes), parameters * max(asked - 1, 1), variance
    )


def _scale(
    places: Places,
    z: FloatArray,
    plain: FloatArray,
    draft: SignalProfile,
    least_flag_sd: float | None,
) -> tuple[FloatArray, FloatArray, tuple[float, float]]:
    """Mean and sd at the knots, in the draft's z, and the clipping of what is made with them."""
    mean = fitted(places, z)
    if least_flag_sd is not None:
        low, high = float(z.min()), float(z.max())
        rate = np.clip((mean - low) / (high - low), 0.0, 1.0)
        sd = np.maximum(np.sqrt(rate * (1.0 - rate)), least_flag_sd) * (high - low)
        return low + rate * (high - low), sd, (-MOST, MOST)
    sd = spread(places, z - at_rows(mean, places))
    off = (plain - at_rows(mean, places)) / at_rows(sd, places)
    if draft.type is SignalType.CATEGORY:
        # Few values, of which the rare ones were clipped already; new levels have their own limit.
        centre, unit = float(off.mean()), float(off.std()) or 1.0
        return mean + centre * sd, unit * sd, (-MOST, MOST)
    scale = number_scale(off)
    centre, unit = scale.mean, scale.sd or 1.0
    clip = ((scale.low - centre) / unit, (scale.high - centre) / unit)
    return mean + centre * sd, unit * sd, clip


def _rounded(values: FloatArray) -> tuple[float, ...]:
    return tuple(rounded(value) for value in values.tolist())


def seasonality(signals: list[SignalProfile], calendar: Calendar) -> str:
    """Say which cycles were found, or why there can be none."""
    if calendar.day is None:
        return f"daily and weekly cycles are not known: {calendar.lacks}"
    said = []
    for period in ("day", "week"):
        named = [s.signal for s in signals if s.season is not None and s.season.period == period]
        if named:
            more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
            cycle = "daily" if period == "day" else "weekly"
            said.append(
                f"{cycle} cycle of {len(named)} of {len(signals)} signals "
                f"({', '.join(named[:_NAMED])}{more})"
            )
    told = ", ".join(said) or "no signal has a daily cycle"
    return f"{told}; {calendar.lacks}" if calendar.lacks else told
