"""From the alarm budget to the threshold of every detector on every signal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import ADWIN, PageHinkley, Spread
from detectors.calibration import adwin_log_inv_delta, cusum_thresholds
from driftlog.records import ReferenceProfile, SignalProfile
from driftlog.settings import Settings
from stream.judges import by_hand, check_judges, watches
from stream.routing import segments_of
from stream.seasons import rows_behind

__all__ = ["ASSUMED_RATE", "CONVENTIONAL_PSI", "MONTH_S", "Thresholds", "thresholds"]

MONTH_S: Final = 2_592_000.0  # 30 days
ASSUMED_RATE: Final = 100.0  # events a second, where neither reference nor settings know
CONVENTIONAL_PSI: Final = 0.2
CONVENTIONAL_LEVEL: Final = 0.05
_LEAST_ROWS: Final = 1_000.0  # between false alarms: fewer are not worth a detector
_LARGEST_BLOCK: Final = 256  # rows, of the block sums behind V
_HOUR_S: Final = 3_600.0
_LEAST_LEVEL: Final = 1e-300


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What S signals are judged by, in the profile's order.

    signals: their names.
    detectors: those that may open an incident; the others' readings are evidence alone.
    judges: pairs of a signal and a detector that watches it, less those whose threshold was set by
        hand; they share the budget.
    rate: events a second that were counted on.
    rows_between: T, rows of one signal between two false alarms of one detector.
    allowances: k of the CUSUM bank, (K,), in sd.
    cusum: h, float64 (S, 2, K): up and down; inf where a member is dropped.
    spread: h of the bank over the root of |z|, float64 (S, 2, K): wider and narrower; inf where a
        member is dropped, all of them where the signal's spread is not watched.
    spread_centre, spread_scale: float64 (S,), mean and sd of that root.
    adwin_log_inv_delta: float64 (S,), ln(1/delta).
    adwin_scale: float64 (S,), by which values are divided before ADWIN.
    psi_level: float64 (S,), probability of a false alarm at one look (one pane).
    psi_fixed: PSI at and above which a signal is drifted whatever the level says; None under a
        budget. With it `detectors` holds psi alone.
    inflation: float64 (S,), at least 1, by which rows are divided before a chi-square test.
    smallest_shift: float64 (S,), sd; the reference is too small to tell less from nothing.
    by_hand: detector to thresholds that a person has set, float64 (S,), NaN where the budget's
        holds. `cusum`, `spread` and `adwin_log_inv_delta` have them already.
    """

    signals: tuple[str, ...]
    detectors: tuple[str, ...]
    judges: int
    rate: float
    rows_between: float
    allowances: tuple[float, ...]
    cusum: NDArray[np.float64]
    spread: NDArray[np.float64]
    spread_centre: NDArray[np.float64]
    spread_scale: NDArray[np.float64]
    adwin_log_inv_delta: NDArray[np.float64]
    adwin_scale: NDArray[np.float64]
    psi_level: NDArray[np.float64]
    psi_fixed: float | None
    inflation: NDArray[np.float64]
    smallest_shift: NDArray[np.float64]
    by_hand: Mapping[str, NDArray[np.float64]]


def thresholds(profile: ReferenceProfile, settings: Settings) -> Thresholds:
    """Return thresholds that keep a model within its alarm budget.

    ``detection.alarm_budget`` false incidents a month are split evenly over signals x detectors x
    series x versions live at once (Bonferroni: no credit is taken for overlapping windows, for
    signals that alarm together, or for the pending rule, so the truth is below the budget). A
    detector that does not watch a signal has no share of it. A version has looks of its own at its
    windows, and a reference whose rate was measured when it had more or less of the traffic, so
    that versions share nothing but the budget. A series is counted
    on to see all of the model's events: ``detection.expected_rate``, else the profile's rate, else
    `ASSUMED_RATE`, since a file without times does not tell and a rate too low would break the
    budget; a hundredfold error costs about a fifth of the delay.

    V and the inflation of a small reference are raised by what they may be too small by: two
    standard errors of a variance over blocks of 256 rows. Independent signals pay nothing.

    Thresholds of ``detection.thresholds`` are taken as they are, and have no part in the budget.

    The preset ``conventional`` knows no budget: PSI 0.2 decides, at level .05 a look; the other
    detectors keep the budget's thresholds, as evidence of onset, and open no incident.

    Args:
        profile: the reference.
        settings: detection, models (series, versions) and the pane are read.

    Raises:
        SettingsError: ``detection.detectors`` or ``detection.thresholds`` name what there is not.

    Source: RECIPES of the CUSUM in `detectors.calibration`; Page (1954), Siegmund (1985).
    """
    signals = profile.signals
    detection = settings.detection
    conventional = detection.preset == "conventional"
    rate = detection.expected_rate or profile.rate or ASSUMED_RATE
    check_judges(detection)
    hand = by_hand(detection, signals)
    judges = sum(
        watches(name, one) and not (name in hand and hand[name][i] > 0.0)
        for name in detection.detectors
        for i, one in enumerate(signals)
    )
    streams = judges * _series(profile, settings) * settings.models.versions
    share = detection.alarm_budget / max(streams, 1)  # false alarms a month of one of them
    between = max(rate * MONTH_S / share, _LEAST_ROWS)
    looks = MONTH_S * 1000 / settings.stream.pane
    level = CONVENTIONAL_LEVEL if conventional else min(share / looks, CONVENTIONAL_LEVEL)
    allowances = signals[0].allowances if signals else ()
    variance = [_raised(one.long_run_variance, one) for one in signals]
    bank = [
        cusum_thresholds(np.array(one.theta), one.allowances, v, rows_behind(one), between)
        for one, v in zip(signals, variance, strict=True)
    ]
    return Thresholds(
        signals=tuple(one.signal for one in signals),
        detectors=("psi",) if conventional else detection.detectors,
        rate=rate,
        rows_between=between,
        allowances=allowances,
        cusum=_heights(
            np.array(bank).reshape(len(signals), 2, len(allowances)), hand.get(PageHinkley.name)
        ),
        spread=_heights(
            np.array([_spread(one, between) for one in signals]).reshape(
                len(signals), 2, len(allowances)
            ),
            hand.get(Spread.name),
        ),
        spread_centre=np.array([one.spread.centre if one.spread else 0.0 for one in signals]),
        spread_scale=np.array([one.spread.scale if one.spread else 1.0 for one in signals]),
        adwin_log_inv_delta=_log_inv_deltas(
            np.array(
                [
                    adwin_log_inv_delta(between, v * _hourly_error(one, rate))
                    for one, v in zip(signals, variance, strict=True)
                ]
            ),
            hand.get(ADWIN.name),
        ),
        adwin_scale=np.array([one.skewness for one in signals]),
        psi_level=np.full(len(signals), max(level, _LEAST_LEVEL)),
        psi_fixed=CONVENTIONAL_PSI if conventional else None,
        inflation=np.array([_raised(one.inflation, one) for one in signals]),
        smallest_shift=np.array(
            [3.0 * (v / rows_behind(one)) ** 0.5 for one, v in zip(signals, variance, strict=True)]
        ),
        judges=judges,
        by_hand=hand,
    )


def _spread(one: SignalProfile, between: float) -> NDArray[np.float64]:
    usual = one.spread
    if usual is None:
        return np.full((2, len(one.allowances)), np.inf)
    variance = _raised(usual.long_run_variance, one)
    return cusum_thresholds(
        np.array(usual.theta), one.allowances, variance, rows_behind(one), between
    )


def _heights(solved: NDArray[np.float64], fixed: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """h with those set by hand; members that the reference is too small for stay dropped."""
    if fixed is None:
        return solved
    chosen = np.isfinite(solved) & ~np.isnan(fixed)[:, None, None]
    return np.where(chosen, fixed[:, None, None], solved)


def _log_inv_deltas(
    solved: NDArray[np.float64], fixed: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    return solved if fixed is None else np.where(np.isnan(fixed), solved, -np.log(fixed))


def _series(profile: ReferenceProfile, settings: Settings) -> int:
    named = len(segments_of(profile, settings.models))
    return 1 + (named + 1 if named else 0)  # all rows; each named segment, and all others


def _present(one: SignalProfile) -> int:
    return max(round(one.rows * (1.0 - one.missing)), 1)


def _hourly_error(one: SignalProfile, rate: float) -> float:
    """By how much the reference's own error raises the long-run variance of what a cycle leaves.

    It differs from hour to hour, and ADWIN compares hours: of n rows an hour, each off by the same
    error of variance 1/m, the sum's variance is n (1 + n/m).
    """
    return 1.0 if one.season is None else 1.0 + rate * _HOUR_S / rows_behind(one)


def _raised(ratio: float, one: SignalProfile) -> float:
    """A variance ratio of at least 1, with two standard errors of what exceeds 1."""
    error = float(np.sqrt(2.0 * _LARGEST_BLOCK / _present(one)))
    return float(ratio + 2.0 * error * (ratio - 1.0))
