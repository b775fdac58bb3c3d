"""How many rows come: a series that falls silent, or has many times more or fewer than ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from driftlog.records import (
    VOLUME_SIGNAL,
    Fault,
    FaultKind,
    Onset,
    SignalState,
    SignalVerdict,
    Verdict,
    rounded,
)
from driftlog.settings import Settings
from driftlog.wording import figure, lasting
from stream.routing import ALL, series_name
from stream.volume_track import DAY_MS, Track

__all__ = ["MOST_TRACKS", "Volumes"]

MOST_TRACKS: Final = 200  # series whose rows are counted
_LOST: Final = 0.8  # of the model's rows; while more still come, others have taken over


class Volumes(msgspec.Struct, array_like=True):
    """Counts the rows of a model's series, in blocks of ``resolve_panes`` panes.

    Plain data: part of the stored state. What is usual is learned from the log alone, since a
    reference need not have come at the pace of the traffic: for each series the thinnest and the
    fullest block and the longest gap of each of the last eight days. Then are told

    - *silence*: no rows for five times the longest gap remembered, and a block at least;
    - *volume*: two blocks in a row with less than a fifth of the thinnest one remembered, or more
      than five times the fullest.

    Nothing is said before a whole day has been seen. A version that falls silent or thin is no news
    while the model still has four fifths of its rows (another version has taken over, or it never
    had many); nor is one that grows while the model does not. What has lasted for a day is usual.

    Rows are those of the verdicts, so a restart or another cut into batches changes nothing. A log
    that is silent altogether closes no pane: of that nothing can be told here before rows come.
    """

    tracks: dict[str, Track] = msgspec.field(default_factory=dict)
    total: Track | None = None  # all rows of the model
    block: int = -1  # number of the block that is being filled

    def step(
        self, model: str, end_ms: int, verdicts: Sequence[Verdict], settings: Settings
    ) -> list[Verdict]:
        """Take a pane; return a verdict for each series that is out of the usual, or just was.

        Args:
            model: its name.
            end_ms: end of the pane; rising.
            verdicts: of the model at that pane, in order of version, segment and shard; none where
                it is time to look at a silence.
            settings: ``stream`` and ``detection`` are read.
        """
        pane = settings.stream.pane
        block_ms = settings.detection.resolve_panes * pane
        told = {name for name, track in self.tracks.items() if track.told_ms}
        self._close((end_ms - pane) // block_ms, block_ms)
        self._count(verdicts, end_ms, pane)
        lost = self._lost(end_ms, block_ms)
        for track in self.tracks.values():
            quiet_ms = end_ms - track.last_ms
            due = not track.told_ms and track.known and quiet_ms >= track.patience_ms(block_ms)
            if due and (lost or track.segment != ALL):
                track.fall_silent(end_ms)
        found = [
            _verdict(model, track, end_ms, settings)
            for name, track in sorted(self.tracks.items())
            if track.told_ms or name in told
        ]
        self.tracks = {
            name: track for name, track in self.tracks.items() if end_ms - track.last_ms < DAY_MS
        }
        return found

    def wake_ms(self, now_ms: int, settings: Settings) -> int:
        """Return the end of the next pane at which a silence would be told, 0: none."""
        block_ms = settings.detection.resolve_panes * settings.stream.pane
        due = (
            track.last_ms + track.patience_ms(block_ms)
            for track in self.tracks.values()
            if not track.told_ms and track.known
        )
        return min((at for at in due if at > now_ms), default=0)

    def _close(self, block: int, block_ms: int) -> None:
        """Close the block before, if this one is new. Blocks without any rows are passed over."""
        if block == self.block:
            return
        end_ms = (self.block + 1) * block_ms
        # Of two empty blocks in a row the second says what the first did.
        for _ in range(min(block - self.block, 2) if self.block >= 0 else 0):
            if self.total is not None:
                self.total.close(end_ms, block_ms, above=False, below=False)
            lost, grown = self._lost(end_ms, block_ms), self._grown()
            for track in self.tracks.values():
                part = track.segment != ALL
                track.close(end_ms, block_ms, above=part or grown, below=part or lost)
            end_ms += block_ms
        self.block = block

    def _count(self, verdicts: Sequence[Verdict], end_ms: int, pane: int) -> None:
        whole = 0
        for verdict in verdicts:
            if verdict.shard or not verdict.rows:
                continue
            name = series_name(verdict.model, verdict.version, verdict.segment)
            if name not in self.tracks and len(self.tracks) < MOST_TRACKS:
                start = verdict.pane_ms
                self.tracks[name] = Track(verdict.version, verdict.segment, start, start)
            track = self.tracks.get(name)
            if track is not None:
                track.came(verdict.rows, end_ms, pane)
                track.reference_id, track.config = verdict.reference_id, verdict.config
            whole += verdict.rows if verdict.segment == ALL else 0
        if whole:
            if self.total is None:
                self.total = Track("", ALL, end_ms - pane, end_ms - pane)
            self.total.came(whole, end_ms, pane)

    def _lost(self, end_ms: int, block_ms: int) -> bool:
        """Whether the model as a whole has lost rows."""
        total = self.total
        if total is None:
            return False
        return end_ms - total.last_ms >= block_ms or total.latest < _LOST * total.usual

    def _grown(self) -> bool:
        return self.total is not None and self.total.latest * _LOST > self.total.usual


def _verdict(model: str, track: Track, end_ms: int, settings: Settings) -> Verdict:
    """What is told of a series, in the form in which all else is told of it."""
    pane = settings.stream.pane
    return Verdict(
        model=model,
        version=track.version,
        segment=track.segment,
        shard=0,
        shards=1,
        pane_ms=end_ms - pane,
        pane_end_ms=end_ms,
        rows=0,
        reference_id=track.reference_id,
        config=track.config,
        signals=(_signal(track, end_ms, settings),),
    )


def _signal(track: Track, end_ms: int, settings: Settings) -> SignalVerdict:
    state = SignalState.DRIFT if track.told_ms else SignalState.OK
    found = None
    if track.told_ms:
        found = _fault(track, end_ms, settings.detection.resolve_panes * settings.stream.pane)
    return SignalVerdict(
        signal=VOLUME_SIGNAL,
        state=state,
        rows=track.latest,
        psi=0.0,
        scores={},
        onset=Onset(ts_ms=track.onset_ms) if track.told_ms else None,
        since_ms=track.told_ms or end_ms,
        weight=0.0,
        fault=found,
    )


def _fault(track: Track, end_ms: int, block_ms: int) -> Fault:
    where = "" if track.segment == ALL else f" of segment {track.segment}"
    usual = f"usually {figure(track.usual)} in {lasting(block_ms)}"
    if track.silent:
        gap = end_ms - track.last_ms
        return Fault(
            kind=FaultKind.SILENCE,
            words=f"no rows{where} for {lasting(gap)}, {usual}",
            figures={"usual": rounded(track.usual), "silent_ms": float(gap)},
        )
    more = track.latest > track.usual
    return Fault(
        kind=FaultKind.VOLUME,
        words=(
            f"{'many more' if more else 'far fewer'} rows{where}: {track.latest:,} in "
            f"{lasting(block_ms)}, {usual}"
        ),
        figures={"usual": rounded(track.usual), "rows": float(track.latest)},
    )
