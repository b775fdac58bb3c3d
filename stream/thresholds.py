"""From the alarm budget to the threshold of every detector on every signal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import Spread
from detectors.calibration import adwin_log_inv_delta, cusum_thresholds
from driftlog.records import ReferenceProfile, SignalProfile
from driftlog.settings import Settings
from stream.routing import segments_of

__all__ = ["ASSUMED_RATE", "CONVENTIONAL_PSI", "MONTH_S", "Thresholds", "thresholds"]

MONTH_S: Final = 2_592_000.0  # 30 days
ASSUMED_RATE: Final = 100.0  # events a second, where neither reference nor settings know
CONVENTIONAL_PSI: Final = 0.2
CONVENTIONAL_LEVEL: Final = 0.05
_LEAST_ROWS: Final = 1_000.0  # between false alarms: fewer are not worth a detector
_LARGEST_BLOCK: Final = 256  # rows, of the block sums behind V
_LEAST_LEVEL: Final = 1e-300


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What S signals are judged by, in the profile's order.

    signals: their names.
    detectors: those that may open an incident; the others' readings are evidence alone.
    judges: pairs of a signal and a detector that watches it; they share the budget.
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


def thresholds(
    profile: ReferenceProfile,
    settings: Settings,
    *,
    versions: int = 1,
) -> Thresholds:
    """Return thresholds that keep a model within its alarm budget.

    ``detection.alarm_budget`` false incidents a month are split evenly over signals x detectors x
    series x versions (Bonferroni: no credit is taken for overlapping windows, for signals that
    alarm together, or for the pending rule, so the truth is below the budget). A detector that does
    not watch a signal has no share of it. A series is counted
    on to see all of the model's events: ``detection.expected_rate``, else the profile's rate, else
    `ASSUMED_RATE`, since a file without times does not tell and a rate too low would break the
    budget; a hundredfold error costs about a fifth of the delay.

    V and the inflation of a small reference are raised by what they may be too small by: two
    standard errors of a variance over blocks of 256 rows. Independent signals pay nothing.

    The preset ``conventional`` knows no budget: PSI 0.2 decides, at level .05 a look; the other
    detectors keep the budget's thresholds, as evidence of onset, and open no incident.

    Args:
        profile: the reference.
        settings: detection, models (series) and the pane are read.
        versions: model versions that share the budget.

    Source: RECIPES of the CUSUM in `detectors.calibration`; Page (1954), Siegmund (1985).
    """
    signals = profile.signals
    detection = settings.detection
    conventional = detection.preset == "conventional"
    rate = detection.expected_rate or profile.rate or ASSUMED_RATE
    judges = sum(_judges(one, detection.detectors) for one in signals)
    streams = judges * _series(profile, settings) * versions
    share = detection.alarm_budget / max(streams, 1)  # false alarms a month of one of them
    between = max(rate * MONTH_S / share, _LEAST_ROWS)
    looks = MONTH_S * 1000 / settings.stream.pane
    level = CONVENTIONAL_LEVEL if conventional else min(share / looks, CONVENTIONAL_LEVEL)
    allowances = signals[0].allowances if signals else ()
    variance = [_raised(one.long_run_variance, one) for one in signals]
    bank = [
        cusum_thresholds(np.array(one.theta), one.allowances, v, _present(one), between)
        for one, v in zip(signals, variance, strict=True)
    ]
    return Thresholds(
        signals=tuple(one.signal for one in signals),
        detectors=("psi",) if conventional else detection.detectors,
        judges=judges,
        rate=rate,
        rows_between=between,
        allowances=allowances,
        cusum=np.array(bank).reshape(len(signals), 2, len(allowances)),
        spread=np.array([_spread(one, between) for one in signals]).reshape(
            len(signals), 2, len(allowances)
        ),
        spread_centre=np.array([one.spread.centre if one.spread else 0.0 for one in signals]),
        spread_scale=np.array([one.spread.scale if one.spread else 1.0 for one in signals]),
        adwin_log_inv_delta=np.array([adwin_log_inv_delta(between, v) for v in variance]),
        adwin_scale=np.array([one.skewness for one in signals]),
        psi_level=np.full(len(signals), max(level, _LEAST_LEVEL)),
        psi_fixed=CONVENTIONAL_PSI if conventional else None,
        inflation=np.array([_raised(one.inflation, one) for one in signals]),
        smallest_shift=np.array(
            [3.0 * (v / _present(one)) ** 0.5 for one, v in zip(signals, variance, strict=True)]
        ),
    )


def _judges(one: SignalProfile, detectors: tuple[str, ...]) -> int:
    """How many detectors watch the signal; at least 1, so that a share can be told of."""
    return max(sum(name != Spread.name or one.spread is not None for name in detectors), 1)


def _spread(one: SignalProfile, between: float) -> NDArray[np.float64]:
    usual = one.spread
    if usual is None:
        return np.full((2, len(one.allowances)), np.inf)
    variance = _raised(usual.long_run_variance, one)
    return cusum_thresholds(np.array(usual.theta), one.allowances, variance, _present(one), between)


def _series(profile: ReferenceProfile, settings: Settings) -> int:
    named = len(segments_of(profile, settings.models))
    return 1 + (named + 1 if named else 0)  # all rows; each named segment, and all others


def _present(one: SignalProfile) -> int:
    return max(round(one.rows * (1.0 - one.missing)), 1)


def _raised(ratio: float, one: SignalProfile) -> float:
    """A variance ratio of at least 1, with two standard errors of what exceeds 1."""
    error = float(np.sqrt(2.0 * _LARGEST_BLOCK / _present(one)))
    return float(ratio + 2.0 * error * (ratio - 1.0))
