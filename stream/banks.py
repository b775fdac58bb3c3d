"""Detectors built for the signals of one shard, with the thresholds that keep the budget."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors import ADWIN, DETECTORS, PSI, PageHinkley, Spread
from detectors.contract import Detector
from driftlog.errors import SettingsError
from driftlog.records import ReferenceProfile, SignalProfile
from driftlog.settings import Settings
from stream.thresholds import Thresholds

__all__ = ["banks"]


def banks(
    profile: ReferenceProfile,
    limits: Thresholds,
    places: NDArray[np.intp],
    shares: NDArray[np.float64],
    settings: Settings,
) -> tuple[tuple[Detector, ...], PSI]:
    """Return the detectors that may open an incident, and the PSI that is shown in any case.

    Args:
        profile: the reference.
        limits: of all signals of the profile, in its order.
        places: which of them are wanted, (S,).
        shares: of their bins in the reference, (S, B), NaN behind the last bin.
        settings: ``stream`` and ``detection`` are read.

    Raises:
        SettingsError: ``detection.detectors`` names one that does not exist.
    """
    signals = [profile.signals[i] for i in places]
    psi = _psi(signals, limits, places, shares, settings)
    found: list[Detector] = []
    for name in limits.detectors:
        if name not in DETECTORS:
            raise SettingsError("detection.detectors", name, "some of " + ", ".join(DETECTORS))
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
        else:  # one of somebody's own: it comes with its textbook settings
            found.append(DETECTORS[name].textbook(len(places)))
    return tuple(found), psi


def _psi(
    signals: Sequence[SignalProfile],
    limits: Thresholds,
    places: NDArray[np.intp],
    shares: NDArray[np.float64],
    settings: Settings,
) -> PSI:
    fixed = np.nan if limits.psi_fixed is None else limits.psi_fixed
    return PSI(
        shares,
        np.array([max(s.rows, 1) for s in signals], dtype=np.int64),
        panes=settings.stream.window_panes,
        level=limits.psi_level[places],
        inflation=limits.inflation[places],
        fixed=np.full(len(signals), fixed),
    )
