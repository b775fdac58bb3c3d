"""Detectors built for the signals of one shard, with the thresholds that keep the budget."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors import ADWIN, DETECTORS, PSI, LevelShift, PageHinkley, Spread
from detectors.contract import Detector
from detectors.season import SeasonTables, SeasonWindow
from detectors.window_judge import WindowJudge
from driftlog.records import ReferenceProfile, SignalProfile
from driftlog.settings import Settings
from stream.judges import watches
from stream.seasons import rows_behind
from stream.thresholds import Thresholds
from stream.window_statistics import window_judge

__all__ = ["banks"]


def banks(
    profile: ReferenceProfile,
    limits: Thresholds,
    places: NDArray[np.intp],
    shares: NDArray[np.float64],
    settings: Settings,
    season: SeasonTables | None = None,
) -> tuple[tuple[Detector, ...], PSI]:
    """Return the detectors that may open an incident, and the PSI that is shown in any case.

    Args:
        profile: the reference.
        limits: of all signals of the profile, in its order.
        places: which of them are wanted, (S,).
        shares: of their bins in the reference, (S, B), NaN behind the last bin.
        settings: ``stream`` and ``detection`` are read.
        season: cycles of the wanted signals, if any of them has one.
    """
    signals = [profile.signals[i] for i in places]
    psi = _psi(signals, limits, places, shares, settings, season)
    found: list[Detector] = []
    for name in limits.detectors:
        if name == PSI.name:
            found.append(psi)
        elif name == PageHinkley.name:
            found.append(PageHinkley(limits.cusum[places], limits.allowances))
        elif name == Spread.name:
            found.append(
                Spread(
                    limits.spread[places],
                    limits.spread_centre[places],
                    limits.spread_scale[places],
                    limits.allowances,
                )
            )
        elif name == ADWIN.name:
            found.append(
                ADWIN(limits.adwin_log_inv_delta[places], scale=limits.adwin_scale[places])
            )
        elif name == LevelShift.name:
            found.append(_level_shift(signals, limits, places, settings))
        elif issubclass(DETECTORS[name], WindowJudge):
            found.append(
                window_judge(
                    name,
                    signals,
                    shares,
                    panes=settings.stream.window_panes,
                    level=limits.psi_level[places],
                    inflation=limits.inflation[places],
                    fixed=_fixed(name, limits, places),
                    season=psi.season,
                )
            )
        else:  # one of somebody's own: it comes with its textbook settings
            found.append(DETECTORS[name].textbook(len(places)))
    return tuple(found), psi


def _level_shift(
    signals: Sequence[SignalProfile],
    limits: Thresholds,
    places: NDArray[np.intp],
    settings: Settings,
) -> LevelShift:
    return LevelShift(
        np.array([one.long_run_variance for one in signals]),
        np.array([rows_behind(one) for one in signals]),
        level=limits.psi_level[places],
        skewness=np.array([one.skewness for one in signals]),
        blocks=[one.blocks for one in signals],
        panes=settings.stream.window_panes,
        fixed=_fixed(LevelShift.name, limits, places),
        watched=np.array([watches(LevelShift.name, one) for one in signals], dtype=np.bool_),
    )


def _fixed(name: str, limits: Thresholds, places: NDArray[np.intp]) -> NDArray[np.float64] | None:
    """Thresholds set by hand, (S,)."""
    return limits.by_hand[name][places] if name in limits.by_hand else None


def _psi(
    signals: Sequence[SignalProfile],
    limits: Thresholds,
    places: NDArray[np.intp],
    shares: NDArray[np.float64],
    settings: Settings,
    season: SeasonTables | None,
) -> PSI:
    fixed = _fixed(PSI.name, limits, places)
    if limits.psi_fixed is not None:
        hand = np.nan if fixed is None else fixed
        fixed = np.where(np.isnan(hand), np.full(len(signals), limits.psi_fixed), hand)
    panes = settings.stream.window_panes
    return PSI(
        shares,
        np.array([max(s.rows, 1) for s in signals], dtype=np.int64),
        panes=panes,
        level=limits.psi_level[places],
        inflation=limits.inflation[places],
        fixed=fixed,
        season=None if season is None else SeasonWindow(season, len(signals), panes),
    )
