"""What a reference and its thresholds can see at all: the smallest shift, and how long it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from detectors import (
    ADWIN,
    PSI,
    ChiSquare,
    JensenShannon,
    KolmogorovSmirnov,
    PageHinkley,
    Spread,
    Wasserstein,
)
from driftlog.records import ReferenceProfile
from driftlog.settings import Settings
from stream.seasons import usual_sd, weakest_rows
from stream.thresholds import Thresholds
from stream.window_statistics import window_judge

__all__ = ["Sensitivity", "sensitivity"]

FloatArray = NDArray[np.float64]

_LEAST_EXPECTED = 5.0  # rows a bin must hold to count, as in the detector


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Of S signals in the profile's order, all (S,).

    window_rows: values in a full window at the rate that was counted on.
    smallest_sd: the smallest lasting shift of the mean, in sd, that some detector which may open
        an incident sees within a window.
    smallest: the same in the signal's own unit (a category: surprise in nats); of a boolean the
        change of its rate.
    opening_sd: the smallest shift that opens an incident: no less than ``min_effect_sd``.
    rows_to_see: values until a shift of ``opening_sd`` is beyond a threshold, pending aside.
    smallest_spread: the smallest lasting growth of the standard deviation, as a ratio, that the
        spread detector sees within a window; inf where it does not watch.
    psi: PSI at which a full window is beyond its threshold.
    window: the same of the other judges of a window which may open an incident, by name, in their
        own unit; inf where they do not watch.
    """

    window_rows: FloatArray
    smallest_sd: FloatArray
    smallest: FloatArray
    opening_sd: FloatArray
    rows_to_see: FloatArray
    smallest_spread: FloatArray
    psi: FloatArray
    window: Mapping[str, FloatArray]


def sensitivity(profile: ReferenceProfile, limits: Thresholds, settings: Settings) -> Sensitivity:
    """Work out what can be seen with these thresholds.

    A CUSUM of allowance k and threshold h climbs by d - k a row after a shift of d, so that it
    needs ``h / (d - k)`` rows; within n rows the bank sees ``min(k + h / n)``. ADWIN sees what its
    bound is for two halves of n rows each, PSI about the root of its threshold, since a shift of d
    sd makes a PSI of about d^2; chi-square and Jensen-Shannon's divergence likewise in their units,
    Kolmogorov and Smirnov's distance is about .4 d, Wasserstein's over bins .9 d. These are means:
    half of the shifts so small take longer.

    Args:
        profile: the reference.
        limits: its thresholds.
        settings: ``stream`` and ``detection`` are read.

    Source: Page (1954) for the CUSUM's slope; Bifet and Gavalda (2007) for ADWIN's bound.
    """
    stream, detection = settings.stream, settings.detection
    present = np.array([1.0 - one.missing for one in profile.signals])
    window_rows = np.maximum(limits.rate * stream.pane / 1000 * stream.window_panes * present, 1.0)
    psi = _psi_thresholds(profile, limits, window_rows)
    ways = []
    if PageHinkley.name in limits.detectors:
        ways.append(_by_cusum(limits, window_rows))
    if ADWIN.name in limits.detectors:
        ways.append(_by_adwin(limits, window_rows))
    if PSI.name in limits.detectors:
        ways.append(np.sqrt(psi))
    window = _window_thresholds(profile, limits, window_rows / np.maximum(present, 1e-9))
    scale = _scale(profile, limits, window_rows / np.maximum(present, 1e-9))
    ways += [_SHIFTS[name](threshold, scale) for name, threshold in window.items()]
    count = len(profile.signals)
    smallest_sd = np.min(ways, axis=0) if ways else np.full(count, np.inf)
    opening = np.maximum(smallest_sd, detection.min_effect_sd)
    sd = np.array([usual_sd(one) for one in profile.signals])
    return Sensitivity(
        window_rows=window_rows,
        smallest_sd=smallest_sd,
        smallest=smallest_sd * sd,
        opening_sd=opening,
        rows_to_see=_rows_to_see(limits, opening, window_rows),
        smallest_spread=_spread(limits, window_rows),
        psi=psi,
        window=window,
    )


def _cusum_allowances(limits: Thresholds) -> FloatArray:
    return np.array(limits.allowances, dtype=np.float64)[None, None, :]


def _by_cusum(limits: Thresholds, rows: FloatArray) -> FloatArray:
    reach = _cusum_allowances(limits) + limits.cusum / rows[:, None, None]
    # The side that sees less decides: which way a signal will go is not known.
    found: FloatArray = reach.min(axis=2).max(axis=1)
    return found


def _spread(limits: Thresholds, rows: FloatArray) -> FloatArray:
    """The roots of the distances grow by the root of what the distances are multiplied by."""
    if Spread.name not in limits.detectors:
        return np.full(len(rows), np.inf)
    reach = _cusum_allowances(limits)[:, 0] + limits.spread[:, 0] / rows[:, None]
    shift = reach.min(axis=1) * limits.spread_scale
    with np.errstate(divide="ignore", invalid="ignore"):
        found: FloatArray = (1.0 + shift / limits.spread_centre) ** 2
    return found


def _by_adwin(limits: Thresholds, rows: FloatArray) -> FloatArray:
    confidence = np.log(2.0 * np.log(np.maximum(2.0 * rows, 3.0))) + limits.adwin_log_inv_delta
    recip = 2.0 / rows
    found: FloatArray = (
        np.sqrt(2.0 * recip * confidence) + limits.adwin_scale * 2.0 / 3.0 * confidence * recip
    )
    return found


def _rows_to_see(limits: Thresholds, shift: FloatArray, window: FloatArray) -> FloatArray:
    """Values until the CUSUM bank sees it, a window where it never would or is not asked."""
    if PageHinkley.name not in limits.detectors:
        return window.copy()
    slope = shift[:, None, None] - _cusum_allowances(limits)
    with np.errstate(divide="ignore"):
        rows = np.where(slope > 0, limits.cusum / np.maximum(slope, 0.0), np.inf)
    found: FloatArray = np.minimum(rows.min(axis=2).max(axis=1), window)
    return found


# From a threshold of a full window, and (1/n + 1/m) times the inflation, to a shift in sd.
_SHIFTS: Final[Mapping[str, Callable[[FloatArray, FloatArray], FloatArray]]] = {
    ChiSquare.name: lambda threshold, scale: np.sqrt(threshold * scale),
    JensenShannon.name: lambda threshold, _: np.sqrt(8.0 * np.log(2.0) * threshold),
    KolmogorovSmirnov.name: lambda threshold, _: threshold / 0.4,
    Wasserstein.name: lambda threshold, _: threshold / 0.9,
}


def _scale(profile: ReferenceProfile, limits: Thresholds, rows: FloatArray) -> FloatArray:
    m = np.array([max(one.rows, 1) for one in profile.signals])
    found: FloatArray = (1.0 / rows + 1.0 / m) * limits.inflation
    return found


def _window_thresholds(
    profile: ReferenceProfile, limits: Thresholds, rows: FloatArray
) -> dict[str, FloatArray]:
    """What the judges themselves say of a full window that looks like the reference."""
    signals = profile.signals
    shares = np.full((len(signals), max((len(one.shares) for one in signals), default=0)), np.nan)
    for row, one in zip(shares, signals, strict=True):
        row[: len(one.shares)] = np.array(one.shares) / sum(one.shares)
    counts = np.rint(np.nan_to_num(shares) * rows[:, None]).astype(np.int64)
    found = {}
    for name in limits.detectors:
        if name in _SHIFTS:
            judge = window_judge(
                name,
                signals,
                shares,
                level=limits.psi_level,
                inflation=limits.inflation,
                fixed=limits.by_hand.get(name),
            )
            found[name] = np.where(judge.watched, judge.read(counts).threshold, np.inf)
    return found


def _psi_thresholds(profile: ReferenceProfile, limits: Thresholds, rows: FloatArray) -> FloatArray:
    hand = limits.by_hand.get(PSI.name, np.full(len(profile.signals), np.nan))
    if limits.psi_fixed is not None:
        return np.where(np.isnan(hand), limits.psi_fixed, hand)
    out = np.empty(len(profile.signals))
    for i, one in enumerate(profile.signals):
        n = rows[i] / max(1.0 - one.missing, 1e-9)  # missing is a bin too
        inflation = limits.inflation[i]
        kept = int((np.array(one.shares) * n / inflation >= _LEAST_EXPECTED).sum())
        quantile = float(chdtri(max(kept - 1, 1), limits.psi_level[i]))
        out[i] = quantile * (1.0 / n + 1.0 / weakest_rows(one)) * inflation
    return np.where(np.isnan(hand), out, hand)
