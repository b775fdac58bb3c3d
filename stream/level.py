"""Signals whose level tells more than their bins: what `level_shift` sees, and what it may open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import LevelShift
from detectors.contract import Detector, Reading
from detectors.moments import Moments
from detectors.psi import PSIReading
from driftlog.records import SignalProfile
from driftlog.settings import Settings

__all__ = ["Level"]

BoolArray = NDArray[np.bool_]


class Level:
    """The level of the window, for `LevelShift`, and the drifts that it alone could open.

    Of values that depend on each other closely the bins may never hold enough, so that a signal
    stays insufficient. A level beyond all that the reference showed is told nevertheless, and such
    a drift ends by the effect alone.

    Args:
        detectors: of the shard, in the order of the readings.
        signals: S profiles.
        clipped: moments of the window's values, as they decide.
        plain: the same not clipped.
        settings: ``stream`` and ``detection`` are read.
    """

    def __init__(
        self,
        detectors: Sequence[Detector],
        signals: Sequence[SignalProfile],
        clipped: Moments,
        plain: Moments,
        settings: Settings,
    ) -> None:
        self._places = [i for i, d in enumerate(detectors) if isinstance(d, LevelShift)]
        self._clipped, self._plain = clipped, plain
        self._panes = settings.stream.window_panes
        self._min_rows = settings.detection.min_rows
        self._cyclic = np.array([s.season is not None for s in signals], dtype=np.bool_)
        self._opened = np.zeros(len(signals), dtype=np.bool_)

    def read(self, judge: LevelShift) -> Reading:
        """Judge the window, both moments of which have ended this pane."""
        clipped = self._clipped.span(self._panes)
        # Of a cycle the plain values still have it in them.
        mean = np.where(self._cyclic, clipped.mean, self._plain.mean())
        return judge.read(clipped, mean, self._clipped.held())

    def few(self, shown: PSIReading, readings: Sequence[Reading], drifting: BoolArray) -> BoolArray:
        """Where there is too little to judge by, (S,); asked once a pane.

        Args:
            shown: the window's bins.
            readings: of this pane.
            drifting: signals in drift before it, (S,).
        """
        few: BoolArray = shown.n < self._min_rows
        if not shown.insufficient.any():
            self._opened &= drifting
            return few
        beyond = np.zeros_like(few)
        for place in self._places:
            beyond |= readings[place].alarm
        self._opened = np.where(drifting, self._opened, beyond & shown.insufficient)
        return few | (shown.insufficient & ~beyond & ~self._opened)

    def dump(self) -> dict[str, Any]:
        """Plain data."""
        return {"by_level": self._opened.tolist()}

    def load(self, plain: Mapping[str, Any]) -> None:
        """Go on from what `dump` gave, of the same signals.

        Raises:
            KeyError, TypeError, ValueError: it is not what `dump` gives.
        """
        self._opened = np.array(plain["by_level"], dtype=np.bool_).reshape(self._opened.shape)
