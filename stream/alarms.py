"""Which signals are beyond a threshold, for how long that is remembered, and where it began."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Detector, Reading

__all__ = ["AlarmMemory"]

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_NO_ROW = np.iinfo(np.int64).max  # of an alarm that came at the end of a pane


class AlarmMemory:
    """The alarms of D detectors on S signals, from pane to pane.

    A detector that starts anew at a detection (``momentary``) alarms in one pane only; its alarm is
    held for as long as pending and recovery take. Where a change began, and how sure that is, does
    not move while the signal drifts.

    Call order, for each pane: `step`; then, where something alarms and does not drift yet, `place`
    what is `vague`, and `bound` the rest when its effect is known.

    Of several detectors that know where it began, one that alarms steadily is believed before a
    momentary one, and of the steady ones the one that alarmed first: what has moved alarms the
    detector made for it before any other. A larger spread sets off the CUSUMs of the mean too, but
    later and by chance, and a shift of the mean those of the spread.

    Args:
        detectors: in the order of the readings; of those that alarm on the same row, the first is
            believed.
        signals: S.
        hold_panes: for how many panes after its own a momentary alarm counts.
    """

    def __init__(self, detectors: Sequence[Detector], signals: int, hold_panes: int) -> None:
        self._momentary = tuple(bool(getattr(d, "momentary", False)) for d in detectors)
        self._hold = hold_panes
        count = len(self._momentary)
        self._held = np.full((count, signals), -1, dtype=np.int64)
        self._begun = np.full((count, 3, signals), -1, dtype=np.int64)
        self._onset = np.full((3, signals), -1, dtype=np.int64)
        # Pane and row at which the present alarm of a steady detector came; -1 without one.
        self._came = np.full((2, count, signals), -1, dtype=np.int64)
        self._lead = np.full(signals, -1, dtype=np.int64)
        self._bounds = np.full((2, signals), -1, dtype=np.int64)
        self._vague = np.zeros(signals, dtype=np.bool_)

    @property
    def lead(self) -> IntArray:
        """Which detector's onset is believed, (S,): its place, -1 where none knows the row."""
        return self._lead

    @property
    def onset(self) -> IntArray:
        """Where the change of each signal began, (3, S): event time, partition and offset.

        -1 where nothing is known: all of it without an alarm, partition and offset where only the
        pane is known.
        """
        return self._onset

    @property
    def bounds(self) -> IntArray:
        """The earliest and the latest time at which it may have begun, (2, S); -1: not known."""
        return self._bounds

    @property
    def vague(self) -> BoolArray:
        """Signals that began to alarm at this pane without a detector that knows the row, (S,)."""
        return self._vague

    def place(self, signal: int, onset_ms: int) -> None:
        """Say when the change of a signal began; the row is not known."""
        self._onset[0, signal] = onset_ms

    def bound(self, signal: int, earliest_ms: int, latest_ms: int) -> None:
        """Say how early and how late it may have begun."""
        self._bounds[:, signal] = earliest_ms, latest_ms

    def step(
        self, readings: Sequence[Reading], drifting: BoolArray, pane: int, start_ms: int
    ) -> tuple[BoolArray, BoolArray]:
        """Take the readings of one pane; return what is beyond, (S,), and by which detector (D, S).

        Args:
            readings: one a detector.
            drifting: signals in drift before this pane, (S,).
            pane: its index, and
            start_ms: its start, which is the onset where no detector knows better.
        """
        beyond = np.zeros(self._held.shape, dtype=np.bool_)
        if not any(reading.alarm.any() for reading in readings) and (self._held < pane).all():
            # The usual case, and the same as below with nothing beyond.
            for begun, momentary in zip(self._begun, self._momentary, strict=True):
                if not momentary:
                    begun[:] = -1
            self._came[:] = -1
            self._lead = np.full_like(self._lead, -1)
            self._onset = np.where(drifting, self._onset, -1)
            self._bounds = np.where(drifting, self._bounds, -1)
            self._vague[:] = False
            return np.zeros_like(drifting), beyond
        for i, (momentary, reading) in enumerate(zip(self._momentary, readings, strict=True)):
            alarm = reading.alarm
            known = reading.onset[0] >= 0
            self._begun[i] = np.where(alarm & known, reading.onset, self._begun[i])
            if momentary:
                self._held[i] = np.where(alarm, pane + self._hold, self._held[i])
                beyond[i] = self._held[i] >= pane
            else:
                self._begun[i][:, ~alarm] = -1
                beyond[i] = alarm
                self._date(i, reading, pane)
        alarmed = np.asarray(beyond.any(axis=0))
        # The detector believed says where the change began; else the pane must do.
        onset = np.full_like(self._onset, -1)
        onset[0] = start_ms
        self._lead = self._leading(beyond)
        known = self._lead >= 0
        onset[:, known] = self._begun[self._lead[known], :, known].T
        before = self._onset[0] >= 0
        vague = alarmed & ~drifting & ~known
        onset[:, vague & before] = self._onset[:, vague & before]
        onset[:, ~alarmed] = -1
        self._vague = vague & ~before
        self._onset = np.where(drifting, self._onset, onset)
        self._bounds = np.where(drifting | (vague & before), self._bounds, -1)
        return alarmed, beyond

    def _date(self, detector: int, reading: Reading, pane: int) -> None:
        """Note when a steady detector's alarm came, to the row where it says so."""
        came = self._came[:, detector]
        came[:, ~reading.alarm] = -1
        fresh = reading.alarm & (came[0] < 0)
        if fresh.any():
            came[0, fresh] = pane
            came[1, fresh] = _NO_ROW
            for signal, row in reversed(reading.hits):
                if fresh[signal]:
                    came[1, signal] = row

    def _leading(self, beyond: BoolArray) -> IntArray:
        """Return the detector whose onset is believed, (S,); -1 where none knows one."""
        lead = np.full(beyond.shape[1], -1, dtype=np.int64)
        knows = beyond & (self._begun[:, 0] >= 0)
        for s in np.flatnonzero(knows.any(axis=0)).tolist():
            order = [
                (self._momentary[d], *self._came[:, d, s].tolist(), d)
                for d in np.flatnonzero(knows[:, s]).tolist()
            ]
            lead[s] = min(order)[-1]
        return lead

    def forget(self, signals: BoolArray) -> None:
        """Begin anew for the signals of the mask, (S,)."""
        self._held[:, signals] = -1
        self._begun[:, :, signals] = -1
        self._onset[:, signals] = -1
        self._came[:, :, signals] = -1
        self._lead[signals] = -1
        self._bounds[:, signals] = -1

    def dump(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "held": self._held.tolist(),
            "begun": self._begun.tolist(),
            "onset": self._onset.tolist(),
            "came": self._came.tolist(),
            "bounds": self._bounds.tolist(),
        }

    def load(self, plain: Mapping[str, Any]) -> None:
        """Go on from what `dump` gave, of the same detectors and signals.

        Raises:
            KeyError, TypeError, ValueError: it is not what `dump` gives.
        """
        self._held = np.array(plain["held"], dtype=np.int64).reshape(self._held.shape)
        self._begun = np.array(plain["begun"], dtype=np.int64).reshape(self._begun.shape)
        self._onset = np.array(plain["onset"], dtype=np.int64).reshape(self._onset.shape)
        self._came = np.array(plain["came"], dtype=np.int64).reshape(self._came.shape)
        self._bounds = np.array(plain["bounds"], dtype=np.int64).reshape(self._bounds.shape)
