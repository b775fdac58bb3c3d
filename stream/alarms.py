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


class AlarmMemory:
    """The alarms of D detectors on S signals, from pane to pane.

    A detector that starts anew at a detection (``momentary``) alarms in one pane only; its alarm is
    held for as long as pending and recovery take. Where a change began does not move while the
    signal drifts.

    Args:
        detectors: in the order of the readings; of several that know where a change began, the
            first is believed.
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

    @property
    def onset(self) -> IntArray:
        """Where the change of each signal began, (3, S): event time, partition and offset.

        -1 where nothing is known: all of it without an alarm, partition and offset where only the
        pane is known.
        """
        return self._onset

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
            self._onset = np.where(drifting, self._onset, -1)
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
        alarmed = np.asarray(beyond.any(axis=0))
        # The first detector that knows where the change began says so; else the pane must do.
        onset = np.full_like(self._onset, -1)
        onset[0] = start_ms
        for i in reversed(range(len(self._begun))):
            known = beyond[i] & (self._begun[i][0] >= 0)
            onset[:, known] = self._begun[i][:, known]
        vague = alarmed & (onset[1] < 0) & (self._onset[0] >= 0)
        onset[:, vague] = self._onset[:, vague]
        onset[:, ~alarmed] = -1
        self._onset = np.where(drifting, self._onset, onset)
        return alarmed, beyond

    def forget(self, signals: BoolArray) -> None:
        """Begin anew for the signals of the mask, (S,)."""
        self._held[:, signals] = -1
        self._begun[:, :, signals] = -1
        self._onset[:, signals] = -1

    def dump(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "held": self._held.tolist(),
            "begun": self._begun.tolist(),
            "onset": self._onset.tolist(),
        }

    def load(self, plain: Mapping[str, Any]) -> None:
        """Go on from what `dump` gave, of the same detectors and signals.

        Raises:
            KeyError, TypeError, ValueError: it is not what `dump` gives.
        """
        self._held = np.array(plain["held"], dtype=np.int64).reshape(self._held.shape)
        self._begun = np.array(plain["begun"], dtype=np.int64).reshape(self._begun.shape)
        self._onset = np.array(plain["onset"], dtype=np.int64).reshape(self._onset.shape)
