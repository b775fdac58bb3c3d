"""One series of a model version: its signals, the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import isnan, sqrt
from typing import Final

from api.console import links
from api.console.fleet import page_fields, series_state, worst_signal
from api.console.history import SeriesMemory
from api.console.known import Known
from api.console.memory import MOVED, ShardMemory, health_of, rank, ratio_of
from api.console.views import (
    HEALTHS,
    Freshness,
    Mark,
    Model,
    Reference,
    Run,
    SegmentRow,
    SignalRow,
)
from driftlog.records import (
    Alert,
    ReferenceProfile,
    SignalProfile,
    SignalType,
    SignalVerdict,
)
from driftlog.wording import sentence

__all__ = [
    "deployment_marks",
    "incident_marks",
    "model",
    "numbers",
    "reference_marks",
    "references",
    "smallest_sd",
]

_RECENT: Final = 60  # panes of a sparkline
_RUNS: Final = 40  # of a timeline in a list
_SEGMENTS: Final = 200
_INCIDENTS: Final = 20
_DEPLOYMENTS: Final = 20
_RATIO: Final = 1  # row of a pane's figures


def model(known: Known, name: str, version: str, segment: str = links.ALL) -> Model | None:
    """The view of a series; None where nothing is known of it.

    Args:
        known: history and clock.
        name: of the model.
        version: of the model.
        segment: of the series; ``*`` is all rows.
    """
    series = known.history.series.get((name, version, segment))
    if series is None and (segment != links.ALL or not _is_known(known, name, version)):
        return None
    alerts = known.open_alerts.get((name, version), ())
    segments = _segments(known, name, version)
    found = [one for one in known.alerts if one.model == name and version in one.versions]
    known_references = tuple(references(known, name, version))
    judged_by = "" if series is None else series.newest.reference_id
    profile = known.history.profile(name, version, judged_by)
    fresh = _freshness(known, series)
    worst = None if series is None else worst_signal(series)
    state = "no data" if series is None else series_state(known, (name, version), series, fresh)
    shards = [] if series is None else list(series.shards.values())
    drifted, judged = sum(one.drifted for one in shards), sum(one.judged for one in shards)
    words = fresh.words if state in ("no data", "stale") else f"{drifted} of {judged} have drifted"
    since = fresh.since_ms if state == "stale" else None
    if worst is not None and worst.state == state:
        since = worst.since_ms
        words = worst.words or words
    newest = None if series is None else series.newest
    length = None if newest is None else newest.pane_end_ms - newest.pane_ms
    return Model(
        **page_fields(known, f"{name} {version}", links.model(name, version, segment)),
        model=name,
        version=version,
        segment=segment,
        state=state,
        words=words,
        since_ms=since,
        drifted=drifted,
        judged=judged,
        rows=0 if newest is None else newest.rows,
        pane_ms=None if newest is None else newest.pane_ms,
        pane_end_ms=None if newest is None else newest.pane_end_ms,
        pane_length_ms=length,
        freshness=fresh,
        decision=alerts[0].decision.value if alerts else None,
        because=alerts[0].because if alerts else None,
        reference=next((one for one in known_references if one.in_effect), None),
        references=known_references,
        segments=tuple(segments[:_SEGMENTS]),
        segments_total=len(segments),
        signals=() if series is None else _signals(known, (name, version, segment), profile, fresh),
        incidents=tuple(known.incident_row(one) for one in found[:_INCIDENTS]),
        marks=(
            *reference_marks(known_references),
            *deployment_marks(known, name),
            *(mark for one in found[:_INCIDENTS] for mark in incident_marks(one)),
        ),
        timeline=_timeline(shards),
        config="" if newest is None else newest.verdict.config,
    )


def _is_known(known: Known, name: str, version: str) -> bool:
    return (name, version) in known.history.references or any(
        key[:2] == (name, version) for key in known.history.series
    )


def _freshness(known: Known, series: SeriesMemory | None) -> Freshness:
    if series is not None:
        return known.fresh_series(series)
    return Freshness(
        state="no data",
        words="nothing has been judged yet",
        since_ms=None,
        heard_ms=None,
        pane_end_ms=None,
        bound_ms=known.bound_ms,
    )


def _segments(known: Known, name: str, version: str) -> list[SegmentRow]:
    rows = []
    for (model_name, its_version, segment), series in known.history.series.items():
        if (model_name, its_version) != (name, version):
            continue
        worst = worst_signal(series)
        fresh = known.fresh_series(series)
        state = series_state(known, (name, version), series, fresh)
        rows.append(
            SegmentRow(
                segment=segment,
                link=links.model(name, version, segment),
                state=state,
                drifted=sum(one.drifted for one in series.shards.values()),
                judged=sum(one.judged for one in series.shards.values()),
                since_ms=worst.since_ms if worst and worst.state == state else fresh.since_ms,
                signal=None if worst is None else worst.signal,
                ratio=None if worst is None else worst.ratio,
            )
        )
    return sorted(
        rows,
        key=lambda one: (
            one.segment != links.ALL,
            -rank(one.state),
            -(one.ratio or 0),
            one.segment,
        ),
    )


def _signals(
    known: Known,
    key: tuple[str, str, str],
    profile: ReferenceProfile | None,
    fresh: Freshness,
) -> tuple[SignalRow, ...]:
    profiles = {} if profile is None else {one.signal: one for one in profile.signals}
    rows = []
    for shard in known.history.series[key].shards.values():
        recent = _recent(shard)
        for one in shard.verdict.signals:
            rows.append(_row(known, key, one, profiles.get(one.signal), shard, recent, fresh))
    return tuple(sorted(rows, key=lambda one: (-rank(one.state), -(one.ratio or 0.0), one.signal)))


def _row(
    known: Known,
    key: tuple[str, str, str],
    one: SignalVerdict,
    profile: SignalProfile | None,
    shard: ShardMemory,
    recent: Mapping[str, tuple[float | None, ...]],
    fresh: Freshness,
) -> SignalRow:
    ratio = ratio_of(one)
    return SignalRow(
        signal=one.signal,
        link=links.signal(*key, one.signal),
        state=known.shown(health_of(one.state), fresh, *key[:2]),
        words=sentence(one) if one.state in MOVED else "",
        since_ms=one.since_ms,
        ratio=None if ratio is None else ratio[0],
        detector=None if ratio is None else ratio[1],
        psi=one.psi,
        effect_sd=one.effect_sd,
        effect_rate=one.effect_rate,
        direction=one.direction,
        rows=one.rows,
        role="" if profile is None else profile.role,
        type="" if profile is None else profile.type.value,
        weight=one.weight,
        fault=None if one.fault is None else one.fault.kind.value,
        smallest_sd=smallest_sd(one, profile),
        recent=recent.get(one.signal, ()),
        timeline=tuple(shard.runs.get(one.signal, ())[-_RUNS:]),
    )


def _recent(shard: ShardMemory) -> dict[str, tuple[float | None, ...]]:
    """The ratios of the newest panes, by signal."""
    found: dict[str, list[float | None]] = {}
    for pane in list(shard.panes)[-_RECENT:]:
        for name, ratio in zip(pane.names, numbers(pane.figures[_RATIO].tolist()), strict=True):
            found.setdefault(name, []).append(ratio)
    return {name: tuple(ratios) for name, ratios in found.items()}


def smallest_sd(one: SignalVerdict, profile: SignalProfile | None) -> float | None:
    """About the smallest lasting shift of a number's mean that the bins of the window show, in sd.

    A shift of d standard deviations makes a divergence of about d^2 (see `detectors.PSI`), which is
    compared with the threshold for as many rows as the window has. The sequential detectors see
    smaller ones, given longer. None where nothing is known.
    """
    limit = one.scores.get("psi")
    if limit is None or limit.threshold <= 0 or "psi" in one.by_hand:
        return None
    if profile is None or profile.type is not SignalType.NUMBER:
        return None
    return round(sqrt(limit.threshold), 3)


def references(known: Known, name: str, version: str) -> Iterator[Reference]:
    """The references of a model version, the newest first."""
    series = known.history.series.get((name, version, links.ALL))
    used = "" if series is None else series.newest.reference_id
    by = {one.reference_id: one.by for one in known.history.actions if one.model == name}
    for one in known.history.profiles(name, version):
        yield Reference(
            reference_id=one.reference_id,
            origin=one.origin,
            effective_from_ms=one.effective_from_ms,
            rows=one.rows,
            span_ms=one.span_ms,
            source=one.source,
            in_effect=one.reference_id == used,
            by=by.get(one.reference_id),
        )


def reference_marks(found: Iterable[Reference]) -> Iterator[Mark]:
    """When references took effect; the first of all did before anything."""
    for one in found:
        if one.effective_from_ms > 0:
            words = f"reference {one.reference_id} ({one.origin}) takes effect"
            yield Mark(kind="reference", ts_ms=one.effective_from_ms, words=words, link=None)


def deployment_marks(known: Known, name: str) -> list[Mark]:
    """When versions of a model came in, the newest ones; what was there at first came before."""
    came = sorted(
        (series.first_ms, version)
        for (model, version, segment), series in known.history.series.items()
        if model == name and segment == links.ALL
    )
    return [
        Mark(
            kind="deployment",
            ts_ms=at_ms,
            words=f"version {version} comes in",
            link=links.model(name, version, links.ALL),
        )
        for at_ms, version in came[-_DEPLOYMENTS:]
        if at_ms > came[0][0]
    ]


def incident_marks(alert: Alert) -> Iterator[Mark]:
    """When an incident began, was told of, and ended."""
    link = links.incident(alert.alert_id)
    onset = alert.onset
    sure = onset.earliest_ms >= 0 and onset.latest_ms >= 0
    yield Mark(
        kind="onset",
        ts_ms=onset.ts_ms,
        words=f"began: {alert.title}",
        link=link,
        from_ms=onset.earliest_ms if sure else None,
        to_ms=onset.latest_ms if sure else None,
    )
    yield Mark(kind="opened", ts_ms=alert.opened_ms, words=f"told: {alert.title}", link=link)
    if alert.resolved_ms is not None:
        words = f"over: {alert.title}"
        yield Mark(kind="resolved", ts_ms=alert.resolved_ms, words=words, link=link)


def _timeline(shards: Iterable[ShardMemory]) -> tuple[Run, ...]:
    """The worst state of the series, pane by pane, over the panes kept."""
    states: dict[int, int] = {}
    length = 0
    for shard in shards:
        length = shard.pane_end_ms - shard.pane_ms
        for pane in shard.panes:
            if pane.names:
                place = int(pane.figures[0].max())
                states[pane.end_ms] = max(place, states.get(pane.end_ms, 0))
    runs: list[Run] = []
    for end in sorted(states):
        state = HEALTHS[states[end]]
        if runs and runs[-1].state == state and runs[-1].to_ms == end - length:
            runs[-1] = Run(state, runs[-1].from_ms, end)
        else:
            runs.append(Run(state, end - length, end))
    return tuple(runs)


def numbers(values: Iterable[float]) -> tuple[float | None, ...]:
    """The same with None for NaN, which JSON does not have."""
    return tuple(None if isnan(one) else one for one in values)
