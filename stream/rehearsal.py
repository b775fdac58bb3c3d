"""Rows through the production code at the speed of arrays: what would have been told of them?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from driftlog.errors import ProfileError
from driftlog.records import Alert, AlertStatus, ReferenceProfile, SignalState, Verdict
from driftlog.settings import Settings
from stream.incidents import ModelIncidents
from stream.joint import without_joint
from stream.judging import Judging
from stream.preparation import Preparation, Prepared
from stream.routing import ALL
from stream.rows import MISSING, CategoryColumn, Rows
from stream.thresholds import Thresholds

__all__ = ["Rehearsal", "RehearsedPane", "Tally", "resampled"]

_BEYOND = (SignalState.MINOR, SignalState.PENDING, SignalState.DRIFT)


@dataclass(frozen=True, slots=True)
class RehearsedPane:
    """What one pane led to."""

    index: int
    start_ms: int
    verdicts: tuple[Verdict, ...]  # one a shard
    alerts: tuple[Alert, ...]


class Rehearsal:
    """Windows, detectors, lifecycle and incidents of one model version, as the service runs them.

    What is left out is the log: rows come prepared and in order, a pane at a time, and are spread
    evenly over it. Thresholds, states and alerts are those of the service for the same rows. Only
    the series of all rows is rehearsed, at thresholds that pay for the segments as well.

    Args:
        profile: the reference.
        settings: ``stream``, ``detection``, ``decision`` and ``models`` are read.

    Raises:
        ProfileError: the profile has no signals.
    """

    def __init__(self, profile: ReferenceProfile, settings: Settings) -> None:
        if not profile.signals:
            raise ProfileError(
                f"reference {profile.reference_id} of {profile.model} {profile.version} has no "
                "signals; build one that has"
            )
        judging = Judging(settings, partitions=1)
        self.profile = profile = profile if settings.detection.joint else without_joint(profile)
        self.settings = settings
        self.limits: Thresholds = judging.thresholds(profile)
        self.preparation: Preparation = judging.preparation(profile)
        self._states = [
            judging.fresh(shard, profile)
            for shard in judging.shards(profile, 0)
            if shard.segment == ALL
        ]
        self._incidents = ModelIncidents(profile.model)
        self._pane = 0
        self._rows = 0

    @property
    def rows(self) -> int:
        """Rows taken so far; the next row has this offset."""
        return self._rows

    @property
    def state_bytes(self) -> int:
        """Bytes that a checkpoint of all shards would store now."""
        return sum(len(state.dump()) for state in self._states)

    def step(
        self,
        prepared: Prepared,
        numbers: Mapping[str, NDArray[np.float64]] | None = None,
        categories: Mapping[str, CategoryColumn] | None = None,
    ) -> RehearsedPane:
        """Take the rows of the next pane, in order, for all signals of the profile.

        Without the columns that ``prepared`` was made from no fault can be named.
        """
        pane = self.settings.stream.pane
        start = self._pane * pane
        rows = self._as_rows(prepared.z.shape[1], start, pane)
        rows = replace(rows, numbers=dict(numbers or {}), categories=dict(categories or {}))
        verdicts = tuple(state.step(start, rows, prepared, None) for state in self._states)
        alerts = self._incidents.apply(start + pane, verdicts, self.settings)
        self._pane += 1
        self._rows += len(rows)
        return RehearsedPane(self._pane - 1, start, verdicts, tuple(alerts))

    def run(self, prepared: Prepared, rows_a_pane: int) -> Iterator[RehearsedPane]:
        """Take many rows, cut into panes of ``rows_a_pane``; a shorter rest makes a last pane."""
        for at in range(0, prepared.z.shape[1], rows_a_pane):
            yield self.step(prepared.cut(slice(at, at + rows_a_pane)))

    def _as_rows(self, count: int, start_ms: int, pane: int) -> Rows:
        offset = np.arange(self._rows, self._rows + count, dtype=np.int64)
        return Rows(
            model=self.profile.model,
            version=self.profile.version,
            ts_ms=start_ms + np.arange(count, dtype=np.int64) * pane // max(count, 1),
            key=offset.astype(np.uint64),
            partition=np.zeros(count, dtype=np.int32),
            offset=offset,
            correlation_id=[""] * count,
            segment=CategoryColumn((), np.full(count, MISSING, dtype=np.int32)),
            numbers={},
            categories={},
        )


class Tally:
    """Counts what panes told: incidents that opened, and alarms of each detector.

    An alarm is a detector beyond its threshold on a signal, whether or not the effect matters; as
    long as it returns within a window it is one and the same.
    """

    def __init__(self, signals: Sequence[str], window_panes: int) -> None:
        self.incidents = 0
        self.by_hand = 0  # incidents that thresholds set by hand have opened
        self.panes = 0
        self.rows = 0
        self.alarms: dict[str, int] = {}
        self.by_signal = dict.fromkeys(signals, 0)  # alarms of any detector
        self._window = window_panes
        self._last: dict[tuple[str, str], int] = {}

    def take(self, pane: RehearsedPane) -> None:
        """Count one pane."""
        self.panes += 1
        self.rows += max((verdict.rows for verdict in pane.verdicts), default=0)
        for alert in pane.alerts:
            if alert.status is AlertStatus.FIRING:
                if all(signal.by_hand for signal in alert.signals):
                    self.by_hand += 1
                else:
                    self.incidents += 1
        for verdict in pane.verdicts:
            for signal in verdict.signals:
                if signal.state not in _BEYOND:
                    continue
                for detector in signal.detectors:
                    key = (signal.signal, detector)
                    if pane.index - self._last.get(key, -self._window) >= self._window:
                        self.alarms[detector] = self.alarms.get(detector, 0) + 1
                        self.by_signal[signal.signal] += 1
                    self._last[key] = pane.index


def resampled(
    available: int, wanted: int, block: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Row numbers of a block resample: ``wanted`` rows out of ``available``, in runs of ``block``.

    Whole rows in runs keep what signals have to do with each other, and autocorrelation up to the
    length of a block.

    Source: moving block bootstrap, Künsch (1989), Ann. Statist. 17.

    >>> resampled(100, 6, 3, np.random.default_rng(1)).tolist()
    [46, 47, 48, 50, 51, 52]
    """
    block = min(block, available)
    starts = rng.integers(0, available - block + 1, size=-(-wanted // block))
    picks: NDArray[np.intp] = (starts[:, None] + np.arange(block)).ravel()[:wanted]
    return picks
