"""One shard of a series: pane in, verdict out. The heart of the monitor, and pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors import PSI, LevelShift
from detectors.contract import Detector, Reading
from detectors.moments import Moments
from detectors.psi import PSIReading
from detectors.window_judge import WindowJudge
from driftlog.errors import StateError
from driftlog.records import SignalProfile, SignalState, Verdict
from driftlog.settings import Settings
from stream.alarms import AlarmMemory
from stream.effect import Effect
from stream.evidence import SignalEvidence, signal_verdicts
from stream.faults import FaultWatch, ReplayWatch, content_signals, contents
from stream.identity import Identity
from stream.joint import PairMemory
from stream.level import Level
from stream.lifecycle import Lifecycle
from stream.onset import Onsets
from stream.preparation import Prepared
from stream.rows import Rows
from stream.sealed import seal, unseal
from stream.weighing import Weighing
from stream.window_statistics import WindowStatistics

__all__ = ["SeriesState", "stored_through_ms"]

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_KIND = "series"
_VERSION = 6
_SAMPLES = 3  # correlation ids kept of a pane


class SeriesState:
    """Windows and detectors of the signals of one shard.

    ``step`` takes the rows of a closed pane, in order of event time, and returns the verdict. All
    signals step at once: arrays are (signals, rows).

    Args:
        identity: names.
        signals: the profiles of the shard's signals.
        places: where they stand among all signals of the reference, (S,).
        detectors: those that may open an incident, in the order of the settings.
        psi: the window's bins; shown whether or not it may open an incident. Other judges of the
            window read its counts.
        settings: ``stream`` and ``detection`` are read.
        pairs: how inputs go together, where the joint signal is one of the shard's.
        statistics: distances that are told of what has moved; none: none.
        by_hand: detectors whose threshold a person has set, with the signals concerned, (S,).
        replay: where it is this shard that watches for requests that come twice.
    """

    def __init__(
        self,
        identity: Identity,
        signals: Sequence[SignalProfile],
        places: NDArray[np.intp],
        detectors: Sequence[Detector],
        psi: PSI,
        settings: Settings,
        pairs: PairMemory | None = None,
        statistics: WindowStatistics | None = None,
        by_hand: Mapping[str, BoolArray] | None = None,
        replay: ReplayWatch | None = None,
    ) -> None:
        self.identity = identity
        self.signals = tuple(signals)
        self.closed_through_ms = 0
        self.last: Verdict | None = None
        self._places = _as_slice(places)
        self._detectors = tuple(detectors)
        self._psi = psi
        # The others, with a memory of their own, do not look at the windows kept here.
        judges = tuple(d for d in self._detectors if isinstance(d, WindowJudge | LevelShift))
        self._own = tuple(d for d in self._detectors if d not in judges)
        self._partial = {d.name: d.watched for d in judges if not d.watched.all()}
        self._season = psi.season
        self._settings = settings
        self._statistics = statistics
        self._by_hand = by_hand or {}
        count = len(self.signals)
        panes = settings.stream.window_panes
        self._clipped = Moments(count, panes)  # what decides: outliers count no more than the clip
        self._plain = Moments(count, panes)  # what is shown: outliers in full
        self._level = Level(self._detectors, self.signals, self._clipped, self._plain, settings)
        self._life = Lifecycle.fresh(count)
        hold = settings.detection.pending_panes + settings.detection.resolve_panes
        self._alarms = AlarmMemory(self._detectors, count, hold)
        self._faults = FaultWatch(self.signals)
        self._replay = replay
        self._content = places[content_signals(self.signals)]
        self._samples: list[tuple[int, tuple[str, ...]]] = []
        self._pairs = pairs
        self._joint = np.array([s.joint is not None for s in self.signals], dtype=np.bool_)
        self._weighing = Weighing(self.signals, psi, self._clipped, self._alarms, settings)
        self._onsets = Onsets(
            self._alarms, self._detectors, psi, self._clipped, self.signals, settings
        )

    @property
    def reference_id(self) -> str:
        """Of the reference this state was begun with."""
        return self.identity.reference_id

    @np.errstate(over="ignore", divide="ignore", invalid="ignore")  # 1e308 is a value too
    def step(
        self, start_ms: int, rows: Rows, prepared: Prepared, index: NDArray[np.intp] | None
    ) -> Verdict:
        """Take the rows of a closed pane.

        Args:
            start_ms: start of the pane, after that of the pane before.
            rows: in order of (event time, hash of the event id).
            prepared: the same rows, for all signals of the reference.
            index: which of the rows are of this series; none: all.
        """
        stream = self._settings.stream
        pane = start_ms // stream.pane
        pick: Any = slice(None) if index is None else index
        # A slice is a view: else each of a thousand segments would copy the rows of all.
        z = prepared.z[self._places][:, pick]
        bins = prepared.bins[self._places][:, pick]
        at = np.stack((rows.ts_ms[pick], rows.partition[pick], rows.offset[pick])).astype(np.int64)
        if self._season is not None and prepared.clock_ms is not None:
            self._season.update(prepared.clock_ms[pick])
            self._season.end_pane(pane)
        for detector in self._own:
            detector.update(z if detector.takes == "z" else bins, at)
        self._psi.update(bins, at)
        self._clipped.update(z, at)
        self._plain.update(prepared.plain[self._places][:, pick], at)
        shown = self._psi.end_pane(pane)
        self._clipped.end_pane(pane)
        self._plain.end_pane(pane)
        readings = [self._read(detector, pane, shown) for detector in self._detectors]

        drifting = self._life.state == SignalState.DRIFT.code
        alarmed, beyond = self._alarms.step(readings, drifting, pane, start_ms)
        fresh = alarmed & ~drifting
        if fresh.any():
            self._onsets.place(pane)
        spans = self._weighing.spans(pane, alarmed | drifting)
        effect = self._weighing.effect(spans, shown, readings, start_ms)
        if fresh.any():
            self._onsets.bound(fresh, pane, spans, effect.sd, readings)
        back = self._life.step(
            alarmed=alarmed,
            important=self._weighing.important(effect, readings, start_ms),
            insufficient=self._level.few(shown, readings, drifting),
            # Asked of what drifts alone, and mostly nothing does.
            clear=self._weighing.recovered() if drifting.any() else np.zeros_like(drifting),
            end_ms=start_ms + stream.pane,
            settings=self._settings.detection,
            waits=None if self._pairs is None else self._joint,
        )
        if self._pairs is not None:
            joint = self._joint
            if ((alarmed[joint] | drifting[joint]) & ~back[joint]).any():
                self._pairs.take(prepared.z[:, pick])
            else:
                self._pairs.forget()
        if back.any():
            self._forget(back)
            shown = self._psi.recent(stream.window_panes)
        moved = self._life.state >= SignalState.PENDING.code
        self._faults.step(moved, self._alarms.onset[0], rows, index)
        count = at.shape[1]
        ids = tuple(
            rows.correlation_id[i if index is None else int(index[i])]
            for i in range(min(_SAMPLES, count))
        )
        verdict = self._verdict(start_ms, at, ids, readings, beyond, effect, spans, shown)
        if self._replay is not None and (rows.numbers or rows.categories):
            told = self._replay.step(pane, contents(prepared, self._content))
            if told is not None:
                verdict = msgspec.structs.replace(verdict, signals=(*verdict.signals, told))
        self._samples = [*self._samples[1 - stream.window_panes :], (start_ms + stream.pane, ids)]
        self.closed_through_ms = start_ms + stream.pane
        self.last = verdict
        return verdict

    def _read(self, detector: Detector, pane: int, shown: PSIReading) -> Reading:
        if detector is self._psi:
            return shown
        if isinstance(detector, WindowJudge):
            return detector.against(self._psi.panes).read(self._psi.total)
        if isinstance(detector, LevelShift):
            return self._level.read(detector)
        return detector.end_pane(pane)

    def _forget(self, back: BoolArray) -> None:
        """Begin anew for the signals that are back: what drifted is over and must not echo."""
        panes = self._settings.detection.resolve_panes
        for detector in self._own:
            detector.reset(back)
        self._psi.keep_last(back, panes)
        self._clipped.keep_last(back, panes)
        self._plain.keep_last(back, panes)
        if self._season is not None:
            self._season.keep_last(back, panes)
        self._alarms.forget(back)

    # -- telling ------------------------------------------------------------------------------

    def _verdict(
        self,
        start_ms: int,
        at: IntArray,
        ids: tuple[str, ...],
        readings: Sequence[Reading],
        beyond: BoolArray,
        effect: Effect,
        spans: IntArray,
        shown: PSIReading,
    ) -> Verdict:
        evidence = SignalEvidence(
            names=tuple(d.name for d in self._detectors),
            readings=tuple(readings),
            beyond=beyond,
            effect=effect,
            onset=self._alarms.onset,
            bounds=self._alarms.bounds,
            psi=self._psi,
            shown=shown,
            plain={int(k): self._plain.span(int(k)) for k in np.unique(spans)},
            spans=spans,
            usual=self._weighing.usual,
            pairs=self._pairs,
            partial=self._partial,
            statistics=self._statistics,
            by_hand=self._by_hand,
            faults=self._faults,
            season=self._season,
        )
        signals = signal_verdicts(
            self.signals,
            [self._life.of(i) for i in range(len(self.signals))],
            self._life.since_ms.tolist(),
            evidence,
        )
        told = [s.onset.ts_ms for s in signals if s.onset is not None]
        before: tuple[str, ...] = ()
        if told:
            before = next((ids for end, ids in reversed(self._samples) if end <= min(told)), ())
        end_ms = start_ms + self._settings.stream.pane
        return self.identity.verdict(start_ms, end_ms, at, signals, before, ids if told else ())

    # -- state --------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """Return everything learned from the stream, as compressed plain data."""
        plain = {
            "shard": self.identity.shard.key,
            "reference_id": self.identity.reference_id,
            "config": self.identity.config,
            "closed_through_ms": self.closed_through_ms,
            "detectors": {d.name: d.state() for d in self._own},
            "psi": self._psi.state(),
            "clipped": self._clipped.state(),
            "plain": self._plain.state(),
            **({} if self._season is None else {"season": self._season.state()}),
            "life": self._life.dump(),
            **self._level.dump(),
            **self._alarms.dump(),
            "faults": self._faults.state(),
            "replay": [] if self._replay is None else self._replay.state(),
            "samples": self._samples,
            "pairs": [] if self._pairs is None else self._pairs.dump(),
        }
        return seal(_KIND, _VERSION, msgspec.msgpack.encode(plain))

    def restore(self, raw: bytes) -> None:
        """Go on exactly where `dump` was taken.

        Raises:
            StateError: damaged, of another version, or begun with another reference or
                configuration: then windows and detectors must start afresh.
        """
        try:
            plain = msgspec.msgpack.decode(unseal(_KIND, _VERSION, raw))
            for name, mine in (
                ("shard", self.identity.shard.key),
                ("reference_id", self.identity.reference_id),
                ("config", self.identity.config),
            ):
                if plain[name] != mine:
                    raise StateError(f"the state has {name} {plain[name]!r}, not {mine!r}")
            for detector in self._own:
                detector.restore(plain["detectors"][detector.name])
            self._psi.restore(plain["psi"])
            self._clipped.restore(plain["clipped"])
            self._plain.restore(plain["plain"])
            if self._season is not None:
                self._season.restore(plain["season"])
            self._life = Lifecycle.load(plain["life"])
            self._level.load(plain)
            self._alarms.load(plain)
            if self._pairs is not None:
                self._pairs.load(plain["pairs"])
            self._faults.restore(plain["faults"])
            if self._replay is not None:
                self._replay.restore(plain["replay"])
            self._samples = [(int(end), tuple(ids)) for end, ids in plain["samples"]]
            self.closed_through_ms = int(plain["closed_through_ms"])
        except (
            msgspec.DecodeError,
            KeyError,
            TypeError,
            ValueError,
            IndexError,
        ) as exc:
            raise StateError(
                f"the state of {self.identity.shard.key} cannot be read: {exc}"
            ) from exc


def stored_through_ms(raw: bytes) -> int:
    """Return the end of the last pane closed in a stored state, of whatever configuration.

    Raises:
        StateError: it is no state of a series.
    """
    plain = msgspec.msgpack.decode(unseal(_KIND, _VERSION, raw))
    return int(plain["closed_through_ms"])


def _as_slice(places: NDArray[np.intp]) -> slice | NDArray[np.intp]:
    first, count = int(places[0]) if len(places) else 0, len(places)
    return (
        slice(first, first + count) if (places == np.arange(first, first + count)).all() else places
    )
