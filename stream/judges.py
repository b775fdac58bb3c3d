"""Which detector judges which signals, and which thresholds a person has set by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import (
    ADWIN,
    DETECTORS,
    PSI,
    ChiSquare,
    JensenShannon,
    KolmogorovSmirnov,
    LevelShift,
    PageHinkley,
    Spread,
    Wasserstein,
)
from detectors.level_shift import LEAST_KNOWN
from driftlog.errors import SettingsError
from driftlog.records import SignalProfile, SignalType
from driftlog.settings import DetectionSettings
from stream.seasons import rows_behind

__all__ = ["BY_HAND", "by_hand", "check_judges", "check_signals", "out_of_reach", "watches"]

_LEAST_DELTA: Final = 1e-300
_MOST: Final = 1e300  # beyond any score
_NUMBERS: Final = frozenset({SignalType.NUMBER})
_WATCHED: Final = {
    KolmogorovSmirnov.name: _NUMBERS,
    Wasserstein.name: _NUMBERS,
    JensenShannon.name: frozenset({SignalType.NUMBER, SignalType.CATEGORY}),
}  # the others watch signals of any type

# What a threshold set by hand is, by detector; of no other can it be set.
BY_HAND: Final[Mapping[str, str]] = {
    ADWIN.name: "delta, between 0 and 1",
    PageHinkley.name: "h of every CUSUM of the bank, in sd",
    Spread.name: "h of every CUSUM of the bank, in sd of its root distances",
    PSI.name: "PSI of the window",
    ChiSquare.name: "chi-square statistic of the window",
    JensenShannon.name: "divergence in bits, 0 to 1",
    KolmogorovSmirnov.name: "distance, 0 to 1",
    Wasserstein.name: "distance in sd",
    LevelShift.name: "sd by which the window's mean is off",
}


def watches(detector: str, signal: SignalProfile) -> bool:
    """Whether a detector looks at signals of this type; those with an order need two bins."""
    if detector == Spread.name:
        return signal.spread is not None
    if detector == LevelShift.name:
        known = rows_behind(signal) / signal.long_run_variance
        return bool(signal.blocks) and known >= LEAST_KNOWN
    if signal.type not in _WATCHED.get(detector, SignalType):
        return False
    return detector not in (KolmogorovSmirnov.name, Wasserstein.name) or bool(signal.edges)


def check_judges(detection: DetectionSettings) -> None:
    """Raise unless all detectors named exist, and thresholds by hand are of ones that judge.

    Raises:
        SettingsError: names the key, what it held and what there is.
    """
    for name in detection.detectors:
        if name not in DETECTORS:
            raise SettingsError("detection.detectors", name, "some of " + ", ".join(DETECTORS))
    for key, threshold in detection.thresholds.items():
        _, _, detector = key.rpartition(":")
        if detector not in BY_HAND:
            units = "; ".join(f"{name} ({unit})" for name, unit in BY_HAND.items())
            raise SettingsError(
                "detection.thresholds", key, f"a detector, or signal:detector, of {units}"
            )
        if detector not in detection.detectors:
            raise SettingsError(
                "detection.thresholds",
                key,
                f"a detector that judges; {detector} is not in detection.detectors "
                f"({', '.join(detection.detectors)})",
            )
        if detector == ADWIN.name and threshold >= 1.0:
            raise SettingsError(f"detection.thresholds.{key}", threshold, BY_HAND[detector])


def check_signals(detection: DetectionSettings, signals: Sequence[SignalProfile]) -> None:
    """Raise where a threshold is set by hand for a signal that there is not, or not so judged.

    For commands that deal with one model: a worker has several, whose signals differ.

    Raises:
        SettingsError: names the key and the signals there are.
    """
    known = {one.signal: one for one in signals}
    for key in detection.thresholds:
        name, _, detector = key.rpartition(":")
        if name and name not in known:
            raise SettingsError("detection.thresholds", key, f"signals {', '.join(known)}")
        if name and not watches(detector, known[name]):
            kind = known[name].type
            raise SettingsError(
                "detection.thresholds", key, f"a detector that judges a {kind}; {detector} does not"
            )


def out_of_reach(detection: DetectionSettings) -> dict[str, float]:
    """Thresholds by hand, each so strict that nothing is beyond it: for a trial of the budget."""
    return {
        key: _LEAST_DELTA if key.rpartition(":")[2] == ADWIN.name else _MOST
        for key in detection.thresholds
    }


def by_hand(
    detection: DetectionSettings, signals: Sequence[SignalProfile]
) -> dict[str, NDArray[np.float64]]:
    """Thresholds set by hand, by detector, (S,); NaN where the budget solves it.

    ``signal:detector`` wins over ``detector``. Signals that the model lacks are left alone.
    """
    found: dict[str, NDArray[np.float64]] = {}
    # The general ones first.
    for key, threshold in sorted(detection.thresholds.items(), key=lambda item: ":" in item[0]):
        name, _, detector = key.rpartition(":")
        column = found.setdefault(detector, np.full(len(signals), np.nan))
        for i, one in enumerate(signals):
            if name in ("", one.signal) and watches(detector, one):
                column[i] = threshold
    return found
