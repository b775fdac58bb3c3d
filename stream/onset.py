"""Where a change began, in event time, with the 90 % interval it lies in."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from detectors import PSI, PageHinkley, Spread
from detectors.change_point import half_width
from detectors.contract import Detector, Reading
from detectors.moments import Moments
from detectors.spread import SpreadReading
from driftlog.records import SignalProfile
from driftlog.settings import Settings
from stream.alarms import AlarmMemory

__all__ = ["Onsets"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Interval = tuple[int, int]

_AT_ALARM = 0.85  # of a shift measured up to its alarm alone: chance helped it to alarm


class Onsets:
    """Says where the changes of alarming signals began, and how sure that is.

    Four ways, by what is known:

    - The CUSUMs of the mean named the row: c V / d^2 rows to either side
      (`detectors.change_point.half_width`), turned into time by the rows there were; at least one
      row, at most a window, and never after the pane's end. Towards the past V is that of the rows
      since the onset where it is larger (Bai 1997): of a level that comes in a tenth of the rows
      the first is seen some rows late.
    - The spread detector named it: the same, with d and V of what it watches.
    - No detector named a row: the border between two panes since which the bins differ most
      clearly from the reference, with all borders nearly as likely and a pane to either side.
    - Another detector named it: its row, with the interval of the panes, which takes the row in.

    Args:
        alarms: of the pane; asked, and told.
        detectors: in the order of the readings.
        psi: holds the bins of the last panes.
        moments: of the last panes, clipped, in sd of the reference.
        signals: S profiles.
        settings: ``stream`` is read.
    """

    def __init__(
        self,
        alarms: AlarmMemory,
        detectors: Sequence[Detector],
        psi: PSI,
        moments: Moments,
        signals: Sequence[SignalProfile],
        settings: Settings,
    ) -> None:
        self._alarms = alarms
        self._names = tuple(d.name for d in detectors)
        self._psi = psi
        self._moments = moments
        self._signals = signals
        self._pane_ms = int(settings.stream.pane)
        self._window_ms = self._pane_ms * settings.stream.window_panes

    def place(self, pane: int) -> None:
        """Say where that began which no detector has named a row of; ``pane`` is the last."""
        for i in np.flatnonzero(self._alarms.vague).tolist():
            onset, interval = self._by_panes(i, pane)
            self._alarms.place(i, onset)
            self._alarms.bound(i, *interval)

    def bound(
        self,
        signals: BoolArray,
        pane: int,
        spans: IntArray,
        shift: FloatArray,
        readings: Sequence[Reading],
    ) -> None:
        """Say how sure the rows are that detectors have named.

        Args:
            signals: those that alarm and do not drift yet, (S,).
            pane: the last.
            spans: panes to look back at, (S,): those since the onset.
            shift: of the mean as it is told, in sd, (S,); for changes that began in this pane.
            readings: of this pane.
        """
        end_ms = (pane + 1) * self._pane_ms
        lead = self._alarms.lead
        for i in np.flatnonzero(signals & (lead >= 0)).tolist():
            onset = int(self._alarms.onset[0, i])
            span = self._moments.span(int(spans[i]))
            row_ms = int(spans[i]) * self._pane_ms / max(int(span.n[i]), 1)
            name, reading = self._names[lead[i]], readings[lead[i]]
            if name == PageHinkley.name:
                # A detector's own figure is taken at its alarm, and is too large for rare values.
                young = onset >= end_ms - self._pane_ms
                d = float(shift[i] if young else span.mean[i])
                variance = self._signals[i].long_run_variance
                more = max(float(span.sd[i]) ** 2, 1.0)
                before = self._reach(d, variance * more, row_ms)
                after = self._reach(d, variance, row_ms)
            elif name == Spread.name and isinstance(reading, SpreadReading):
                before, after = self._of_spread(i, float(reading.ratio[i]), row_ms)
            else:
                _, (earliest, latest) = self._by_panes(i, pane)
                before, after = onset - earliest, latest - onset
            self._alarms.bound(i, onset - max(before, 0), max(min(onset + after, end_ms), onset))

    def _of_spread(self, signal: int, ratio: float, row_ms: float) -> Interval:
        usual = self._signals[signal].spread
        if usual is None:
            return self._window_ms, self._window_ms
        shift = _AT_ALARM * usual.centre * (sqrt(max(ratio, 0.0)) - 1.0) / usual.scale
        variance = usual.long_run_variance
        # The root of a distance has a variance in proportion to the distance.
        before = self._reach(shift, variance * max(ratio, 1.0), row_ms)
        return before, self._reach(shift, variance, row_ms)

    def _reach(self, shift: float, variance: float, row_ms: float) -> int:
        rows = float(half_width(np.array([shift]), np.array([variance]))[0])
        return ceil(min(rows * row_ms, self._window_ms))

    def _by_panes(self, signal: int, pane: int) -> tuple[int, Interval]:
        """The border between panes, and the earliest and the latest it may be, in ms."""
        found = self._psi.changed_panes(signal)
        end = pane + 1
        return (end - found.best) * self._pane_ms, (
            (end - found.most - 1) * self._pane_ms,
            min(end - found.fewest + 1, end) * self._pane_ms,
        )
