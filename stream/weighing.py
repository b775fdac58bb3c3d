"""How large the changes of a shard are since they began, and whether they matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import PSI
from detectors.contract import Reading
from detectors.moments import Moments
from detectors.psi import PSIReading
from driftlog.records import SignalProfile
from driftlog.settings import Settings
from stream.alarms import AlarmMemory
from stream.effect import Effect, Usual, measure
from stream.seasons import NO_VALUE

__all__ = ["Weighing"]

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_SHAPES = ("psi", "spread")  # effects of which a few rows say little
_LEAST_RATIO = 1e-3  # of standard deviations; less is as good as constant
_CLEAR = 0.8  # of the smallest effect: below it a signal is back to usual


class Weighing:
    """Weighs the changes of a shard's signals; keeps nothing of its own.

    Args:
        signals: S profiles.
        psi: holds the bins of the last panes, and what is usual in their hours.
        moments: of the last panes, clipped, in sd of the reference.
        alarms: of the pane; asked for onsets.
        settings: ``stream`` and ``detection`` are read.
    """

    def __init__(
        self,
        signals: Sequence[SignalProfile],
        psi: PSI,
        moments: Moments,
        alarms: AlarmMemory,
        settings: Settings,
    ) -> None:
        self.usual = Usual.of(signals, settings.detection.effect_factors)
        self._psi = psi
        self._season = psi.season
        self._moments = moments
        self._alarms = alarms
        self._settings = settings
        self._absent = _absent(signals, max((len(one.bins) for one in signals), default=0))

    def spans(self, pane: int, changed: BoolArray) -> IntArray:
        """Panes to look back at: since the onset where something changed, else the window."""
        window = self._settings.stream.window_panes
        onset_ms = self._alarms.onset[0]
        since = pane - onset_ms // self._settings.stream.pane
        # The pane of the onset holds rows from before it, so where there are others they count.
        return np.where(changed & (onset_ms >= 0), np.clip(since, 1, window), window)

    def effect(
        self, spans: IntArray, shown: PSIReading, readings: Sequence[Reading], start_ms: int
    ) -> Effect:
        """The effect over each signal's span, sharpened by what the detectors know themselves.

        Args:
            spans: panes looked back at, (S,).
            shown: the window's reading of the PSI.
            readings: of all detectors.
            start_ms: of the pane.
        """
        return self._sharpened(self._measured(spans, shown), readings, spans, start_ms)

    def important(self, effect: Effect, readings: Sequence[Reading], start_ms: int) -> BoolArray:
        """Whether the change matters.

        In the pane of the onset, whose rows are partly from before it, the spread detector's own
        ratio counts as the PSI that such a change of scale makes of a normal signal. Nothing opens
        by that alone unless ``pending_panes`` is 1: the panes after it are measured in full.
        """
        important = effect.at_least(self._settings.detection, self.usual.factor)
        partly = self._alarms.onset[0] >= start_ms
        enough = self.usual.factor * self._settings.detection.min_effect_psi
        for i, reading in enumerate(readings):
            ratio = getattr(reading, "ratio", None)
            if ratio is not None and reading.alarm.any():
                scale = np.maximum(ratio, _LEAST_RATIO) ** 2
                young = reading.alarm & partly & (self._alarms.lead == i)
                important |= young & ((scale + 1.0 / scale) / 2.0 - 1.0 >= enough)
        return important

    def recovered(self) -> BoolArray:
        """Whether the last panes alone lie well within the smallest effect that matters."""
        detection, window = self._settings.detection, self._settings.stream.window_panes
        panes = detection.resolve_panes
        short = self._over(panes)
        while panes < window and int(short.rows.min(initial=detection.min_rows)) < (
            detection.min_rows
        ):
            panes = min(2 * panes, window)
            short = self._over(panes)
        return ~short.at_least(detection, self.usual.factor, _CLEAR)

    def _over(self, panes: int, shown: PSIReading | None = None) -> Effect:
        return measure(self._psi, self._moments, self._usual_of(panes), panes, shown)

    def _usual_of(self, panes: int) -> Usual:
        """What is usual in the hours of the last panes."""
        if self._season is None:
            return self.usual
        hours, where = self._season.hours(panes), self._season.tables.where
        width = self._absent.shape[1]
        sd, missing = self.usual.sd.copy(), self.usual.missing.copy()
        sd[where] = hours.own_sd
        missing[where] = np.where(self._absent[where], hours.shares[:, :width], 0.0).sum(axis=1)
        return replace(self.usual, sd=sd, missing=missing)

    def _measured(self, spans: IntArray, shown: PSIReading) -> Effect:
        whole = self._settings.stream.window_panes
        full = self._over(whole, shown)
        if (spans == whole).all():
            return full
        parts = {k: self._over(k) for k in np.unique(spans).tolist() if k != whole}
        few = self._settings.detection.min_rows

        def gather(name: str) -> Any:
            out = np.array(getattr(full, name))
            for k, part in parts.items():
                # A span of few rows says little of the shape; of the mean it says enough.
                use = (spans == k) & ((part.rows >= few) | (name not in _SHAPES))
                out[use] = getattr(part, name)[use]
            return out

        return Effect(**{field.name: gather(field.name) for field in fields(Effect)})

    def _sharpened(
        self, effect: Effect, readings: Sequence[Reading], spans: IntArray, start_ms: int
    ) -> Effect:
        """Take a detector's own figure of the shift where the change is a pane old at most.

        Once a pane of rows from after the change is there, only that of the detector believed
        counts: when the spread has grown, the sums of the mean alarm by chance, on runs of a few
        rows whose mean says nothing of the others.
        """
        sd = effect.sd.copy()
        lead = self._alarms.lead
        partly = self._alarms.onset[0] >= start_ms
        for i, reading in enumerate(readings):
            own = getattr(reading, "effect", None)
            if own is not None:
                believed = partly | (lead == i)
                young = reading.alarm & (spans <= 1) & believed & (np.abs(own) > np.abs(sd))
                sd[young] = own[young]
        return replace(effect, sd=sd)


def _absent(signals: Sequence[SignalProfile], width: int) -> BoolArray:
    """Which bins hold rows without a value, (S, B)."""
    out = np.zeros((len(signals), width), dtype=np.bool_)
    for row, one in zip(out, signals, strict=True):
        row[: len(one.bins)] = [name in NO_VALUE for name in one.bins]
    return out
