"""From arrays to what is told of one signal: scores always, evidence where something moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from detectors import PSI
from detectors.contract import Reading
from detectors.moments import SpanMoments
from detectors.psi import Contributions, PSIReading
from detectors.season import SeasonWindow
from driftlog.records import (
    BinShare,
    Onset,
    Score,
    SignalProfile,
    SignalState,
    SignalType,
    SignalVerdict,
    Spread,
    rounded,
)
from stream.bin_figures import quantiles, top_levels, usual_quantiles
from stream.effect import Effect, Usual
from stream.faults import FaultWatch
from stream.joint import PairMemory
from stream.seasons import NO_VALUE
from stream.window_statistics import WindowStatistics

__all__ = ["SignalEvidence", "signal_verdicts"]

_MOVED = 3  # bins named
_TOLD = (SignalState.MINOR, SignalState.PENDING, SignalState.DRIFT)
_FLAT = 0.1  # sd; a smaller shift has no direction worth naming


@dataclass(frozen=True)
class SignalEvidence:
    """All that a pane says of all signals of a shard."""

    names: tuple[str, ...]  # of the detectors
    readings: tuple[Reading, ...]
    beyond: NDArray[np.bool_]  # (detectors, S)
    effect: Effect
    onset: NDArray[np.int64]  # (3, S)
    bounds: NDArray[np.int64]  # (2, S), the earliest and the latest onset
    psi: PSI
    shown: PSIReading
    plain: dict[int, SpanMoments]  # by panes
    spans: NDArray[np.int64]  # panes looked back at, (S,)
    usual: Usual
    faults: FaultWatch
    pairs: PairMemory | None = None  # where the joint signal is one of the shard's
    partial: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)  # detectors that watch
    # some signals alone, and which, (S,)
    statistics: WindowStatistics | None = None
    by_hand: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)  # by detector, (S,)
    season: SeasonWindow | None = None  # what is usual in the hours looked at

    @cached_property
    def scores(self) -> list[dict[str, Score]]:
        """By signal and detector. Arrays become lists once: cell by cell costs ten times that."""
        columns = [
            [Score(a, b) for a, b in zip(_plain(r.score), _plain(r.threshold), strict=True)]
            for r in self.readings
        ]
        told = [dict(zip(self.names, row, strict=True)) for row in zip(*columns, strict=True)]
        for name, watched in self.partial.items():
            for i in np.flatnonzero(~watched).tolist():
                del told[i][name]
        return told

    def counts(self, profiles: Sequence[SignalProfile]) -> list[tuple[int, ...]]:
        """Rows of the window by signal and bin of its profile."""
        whole = self.psi.total.tolist()
        return [
            tuple(row[: len(profile.bins)]) for row, profile in zip(whole, profiles, strict=True)
        ]

    def distances(self, told: Sequence[bool]) -> list[dict[str, float]]:
        """Statistics of the bins since the onset, by name, of the signals told; others have none.

        One call for all of them: mostly there are none, and where there are some there are many.
        """
        found: list[dict[str, float]] = [{} for _ in told]
        if self.statistics is None or not any(told):
            return found
        counts = self.psi.window()
        shares, m = (one.copy() for one in self.psi.usual(self.psi.panes))
        for span in np.unique(self.spans[list(told)]).tolist():
            chosen = self.spans == span
            counts[chosen] = self.psi.window(span)[chosen]
            for whole, part in zip((shares, m), self.psi.usual(span), strict=True):
                whole[chosen] = part[chosen]
        usual = None if self.season is None else (shares, m)
        return self.statistics.measure(counts, self.effect.sd, usual)


def signal_verdicts(
    profiles: Sequence[SignalProfile],
    states: Sequence[SignalState],
    since_ms: Sequence[int],
    evidence: SignalEvidence,
) -> tuple[SignalVerdict, ...]:
    """Put together what is told of every signal, in the order of the profiles."""
    effect, shown = evidence.effect, evidence.shown
    scores = evidence.scores or [{} for _ in profiles]
    told = [state in _TOLD for state in states]
    distances = evidence.distances(told)
    rows = shown.n.tolist()
    counts = evidence.counts(profiles)
    psi, sd, rate = _plain(shown.psi), _plain(effect.sd), _plain(effect.rate)
    return tuple(
        _loud(i, profile, state, since_ms[i], evidence, distances[i], counts[i])
        if told[i]
        else SignalVerdict(
            signal=profile.signal,
            state=state,
            rows=rows[i],
            psi=psi[i],
            scores=scores[i],
            effect_sd=sd[i],
            effect_rate=rate[i],
            since_ms=since_ms[i],
            weight=profile.weight,
            counts=counts[i],
        )
        for i, (profile, state) in enumerate(zip(profiles, states, strict=True))
    )


def _plain(values: NDArray[np.float64]) -> list[float]:
    # Half of them are a threshold of 1 or an effect of 0, and rounding costs half a microsecond.
    return [v if v in (0.0, 1.0) else rounded(v) for v in values.tolist()]


def _loud(
    i: int,
    profile: SignalProfile,
    state: SignalState,
    since_ms: int,
    evidence: SignalEvidence,
    distances: dict[str, float],
    counts: tuple[int, ...],
) -> SignalVerdict:
    """Of a signal that has moved: with its evidence."""
    effect = evidence.effect
    shift = float(effect.sd[i])
    category = profile.type is SignalType.CATEGORY
    bins = evidence.psi.contributions(i, int(evidence.spans[i]))
    beyond = tuple(n for d, n in enumerate(evidence.names) if evidence.beyond[d, i])
    return SignalVerdict(
        signal=profile.signal,
        state=state,
        rows=int(evidence.shown.n[i]),
        psi=rounded(max(float(evidence.shown.psi[i]), float(effect.psi[i]))),
        scores=evidence.scores[i] if evidence.names else {},
        effect_sd=rounded(shift),
        effect_rate=rounded(float(effect.rate[i])),
        effect_spread=rounded(float(effect.spread[i])),
        detectors=beyond,
        direction=0 if category or abs(shift) < _FLAT else int(np.sign(shift)),
        onset=_onset(i, evidence),
        since_ms=since_ms,
        before=_before(i, profile, evidence, bins),
        after=_after(i, profile, evidence, bins),
        moved=_moved(profile, bins),
        correlations=evidence.pairs.told() if evidence.pairs and profile.joint else (),
        statistics=distances,
        by_hand=tuple(n for n in beyond if n in evidence.by_hand and evidence.by_hand[n][i]),
        weight=profile.weight,
        fault=evidence.faults.of(i),
        counts=counts,
    )


def _onset(i: int, evidence: SignalEvidence) -> Onset | None:
    time, partition, offset = evidence.onset[:, i].tolist()
    if time < 0:
        return None
    earliest, latest = evidence.bounds[:, i].tolist()
    return Onset(
        ts_ms=time, partition=partition, offset=offset, earliest_ms=earliest, latest_ms=latest
    )


def _before(
    i: int, profile: SignalProfile, evidence: SignalEvidence, bins: Contributions
) -> Spread:
    if profile.season is not None and evidence.season is not None:
        return _before_in_these_hours(i, profile, evidence.season, int(evidence.spans[i]), bins)
    category = profile.type is SignalType.CATEGORY
    return Spread(
        rows=profile.rows,
        mean=None if category else rounded(profile.mean),
        sd=None if category else rounded(profile.sd),
        missing=rounded(profile.missing),
        quantiles=usual_quantiles(profile),
        levels=top_levels(profile, bins.reference),
    )


def _before_in_these_hours(
    i: int, profile: SignalProfile, season: SeasonWindow, panes: int, bins: Contributions
) -> Spread:
    """What the reference holds of the hours that were looked at: usual for this time of day."""
    hours, at = season.hours(panes), int(np.flatnonzero(season.tables.where == i)[0])
    missing = sum(
        float(share)
        for share, name in zip(hours.shares[at], profile.bins, strict=False)
        if name in NO_VALUE
    )
    category = profile.type is SignalType.CATEGORY
    return Spread(
        rows=profile.rows,
        mean=None if category else rounded(float(hours.mean[at])),
        sd=None if category else rounded(float(hours.sd[at])),
        missing=rounded(missing) if profile.missing else 0.0,
        quantiles=quantiles(profile, bins.reference),
        levels=top_levels(profile, bins.reference),
    )


def _after(i: int, profile: SignalProfile, evidence: SignalEvidence, bins: Contributions) -> Spread:
    span = evidence.plain[int(evidence.spans[i])]
    present, gone = int(span.n[i]), int(span.missing[i])
    rows = present + gone
    missing = rounded(gone / rows) if rows else 0.0
    if profile.type is SignalType.CATEGORY or not present:
        return Spread(rows=rows, missing=missing, levels=top_levels(profile, bins.current))
    unit = float(evidence.usual.sd[i])
    return Spread(
        rows=rows,
        mean=rounded(profile.mean + unit * float(span.mean[i])),
        sd=rounded(unit * float(span.sd[i])),
        missing=missing,
        quantiles=quantiles(profile, bins.current),
    )


def _moved(profile: SignalProfile, found: Contributions) -> tuple[BinShare, ...]:
    order = np.argsort(-found.part, kind="stable")[:_MOVED]
    return tuple(
        BinShare(
            bin=profile.bins[b],
            before=rounded(float(found.reference[b])),
            after=rounded(float(found.current[b])),
            part=rounded(float(found.part[b])),
        )
        for b in order
        if found.part[b] > 0
    )
