"""One signal in depth: what it looks like, since when, how sure, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Final

from api.console import links
from api.console.fleet import page_fields
from api.console.history import SeriesMemory
from api.console.known import Known
from api.console.memory import MOVED, ShardMemory, health_of, ratio_of
from api.console.model import (
    deployment_marks,
    incident_marks,
    numbers,
    reference_marks,
    references,
    smallest_sd,
)
from api.console.views import HEALTHS, Bin, DetectorScore, Mark, Points, Signal
from driftlog.records import (
    Alert,
    AlertStatus,
    Severity,
    SignalProfile,
    SignalState,
    SignalVerdict,
    Verdict,
)
from driftlog.wording import sentence, shares

__all__ = ["bins_of", "bins_words", "runbook_of", "signal"]

_INCIDENTS: Final = 20


def signal(known: Known, model: str, version: str, segment: str, name: str) -> Signal | None:
    """The view of a signal; None where nothing is known of it."""
    series = known.history.series.get((model, version, segment))
    found = None if series is None else _find(series, name)
    if series is None or found is None:
        return None
    shard, verdict, one = found
    fresh = known.fresh_series(series)
    profile = _profile(known, verdict, name)
    told = [
        alert
        for alert in known.alerts
        if alert.model == model and version in alert.versions and _holds(alert, segment, name)
    ]
    its_incidents = told[:_INCIDENTS]
    state = known.shown(health_of(one.state), fresh, model, version)
    ratio = ratio_of(one)
    bins = bins_of(one, profile)
    smallest = smallest_sd(one, profile)
    its_references = tuple(references(known, model, version))
    opened = next((alert for alert in told if alert.status is not AlertStatus.RESOLVED), None)
    words = sentence(one) if one.state in MOVED else ""
    return Signal(
        **page_fields(
            known, f"{name} of {model} {version}", links.signal(model, version, segment, name)
        ),
        model=model,
        version=version,
        segment=segment,
        model_link=links.model(model, version, segment),
        signal=name,
        role="" if profile is None else profile.role,
        type="" if profile is None else profile.type.value,
        weight=one.weight,
        state=state,
        words=words or _quiet_words(one),
        since_ms=one.since_ms,
        ratio=None if ratio is None else ratio[0],
        rows=one.rows,
        reference_rows=None if profile is None else profile.rows,
        enough=one.state not in (SignalState.INSUFFICIENT, SignalState.LEARNING),
        freshness=fresh,
        detectors=_detectors(one),
        psi=one.psi,
        effect_sd=one.effect_sd,
        effect_rate=one.effect_rate,
        effect_spread=one.effect_spread,
        direction=one.direction,
        smallest_sd=smallest,
        smallest=None if smallest is None or profile is None else round(smallest * profile.sd, 9),
        onset=one.onset,
        before=one.before,
        after=one.after,
        bins=bins,
        bins_words=bins_words(bins) if one.state in MOVED else "",
        statistics=one.statistics,
        correlations=one.correlations,
        fault=one.fault,
        advice="" if opened is None else opened.advice,
        runbook_link=links.runbook(runbook_of(state, opened)),
        points=_points(shard, name),
        timeline=tuple(shard.runs.get(name, ())),
        marks=(
            *reference_marks(its_references),
            *deployment_marks(known, model),
            *_marks(known, its_incidents),
        ),
        incidents=tuple(known.incident_row(alert) for alert in its_incidents),
        samples_before=verdict.samples_before if one.onset is not None else (),
        samples_after=verdict.samples_after if one.onset is not None else (),
        reference=next((one for one in its_references if one.in_effect), None),
    )


def _find(series: SeriesMemory, name: str) -> tuple[ShardMemory, Verdict, SignalVerdict] | None:
    for shard in series.shards.values():
        verdict = shard.verdict
        for one in verdict.signals:
            if one.signal == name:
                return shard, verdict, one
    return None


def _profile(known: Known, verdict: Verdict, name: str) -> SignalProfile | None:
    profile = known.history.profile(verdict.model, verdict.version, verdict.reference_id)
    if profile is None:
        return None
    return next((one for one in profile.signals if one.signal == name), None)


def _holds(alert: Alert, segment: str, name: str) -> bool:
    """Whether an incident is about a signal of a series."""
    return any(
        one.signal == name and links.series_of(one.series)[2] == segment for one in alert.signals
    )


def _quiet_words(one: SignalVerdict) -> str:
    if one.state is SignalState.INSUFFICIENT:
        return f"too few rows to judge: {one.rows:,} in the window"
    if one.state is SignalState.LEARNING:
        return "there is no reference yet to compare with"
    return "as usual" if one.state is SignalState.OK else ""


def _detectors(one: SignalVerdict) -> tuple[DetectorScore, ...]:
    found = [
        DetectorScore(
            detector=name,
            score=score.score,
            threshold=score.threshold,
            ratio=round(score.score / score.threshold, 6) if score.threshold > 0 else 0.0,
            beyond=name in one.detectors,
            by_hand=name in one.by_hand,
        )
        for name, score in one.scores.items()
    ]
    return tuple(sorted(found, key=lambda each: (-each.ratio, each.detector)))


def bins_of(one: SignalVerdict, profile: SignalProfile | None) -> tuple[Bin, ...]:
    """The bins of the reference beside those of the window.

    The parts are those of the PSI with +0.5 a bin, as `detectors.PSI` has them. Where the verdict
    tells no counts, only the bins that moved have a current share. Of a signal with a cycle the
    reference's shares are those of all its hours, and no parts are told but the verdict's own.
    """
    moved = {each.bin: each for each in one.moved}
    if profile is None:
        return tuple(
            Bin(bin=each.bin, reference=each.before, current=each.after, rows=None, part=each.part)
            for each in one.moved
        )
    counts: Sequence[int] = one.counts if len(one.counts) == len(profile.bins) else ()
    n = sum(counts)
    parts = [0.0] * len(profile.bins)
    if n and profile.season is None:
        parts = _parts(profile.shares, profile.rows, counts)
    found = []
    for place, (name, share) in enumerate(zip(profile.bins, profile.shares, strict=True)):
        told = moved.get(name)
        current = counts[place] / n if n else None if told is None else told.after
        seasonal = profile.season is not None or not n
        part = (0.0 if told is None else told.part) if seasonal else parts[place]
        found.append(
            Bin(
                bin=name,
                reference=share,
                current=None if current is None else round(current, 9),
                rows=counts[place] if n else None,
                part=round(part, 9),
            )
        )
    return tuple(found)


def _parts(usual: Sequence[float], m: int, counts: Sequence[int]) -> list[float]:
    n, size = sum(counts), len(counts)
    terms = []
    for share, count in zip(usual, counts, strict=True):
        p = (m * share + 0.5) / (m + 0.5 * size)
        q = (count + 0.5) / (n + 0.5 * size)
        terms.append((q - p) * log(q / p))
    whole = sum(terms)
    return [term / whole for term in terms] if whole > 0 else terms


def bins_words(bins: Sequence[Bin]) -> str:
    """Which bin the change lies in, in one plain sentence; empty where none is told."""
    told = [one for one in bins if one.current is not None and one.part > 0]
    if not told:
        return ""
    most = max(told, key=lambda one: one.part)
    assert most.current is not None
    moved = shares(most.reference, most.current)
    return f"{most.part:.0%} of the change lies in {most.bin}: {moved} of rows"


def runbook_of(state: str, alert: Alert | None) -> str:
    """Name of the runbook for what is seen."""
    if alert is not None:
        severe = alert.severity in (Severity.CRITICAL, Severity.EMERGENCY)
        return "DriftIncidentCritical" if severe else "DriftIncidentWarning"
    return "SignalStale" if state == "stale" else "SignalDrift"


def _points(shard: ShardMemory, name: str) -> Points:
    panes, columns = [], []
    for pane, column in shard.points(name):
        panes.append(pane)
        columns.append(column.tolist())
    detectors = tuple(dict.fromkeys(each for pane in panes for each in pane.detectors))
    nan = float("nan")

    def of(detector: str, more: int) -> tuple[float | None, ...]:
        return numbers(
            column[4 + 2 * pane.detectors.index(detector) + more]
            if detector in pane.detectors
            else nan
            for pane, column in zip(panes, columns, strict=True)
        )

    return Points(
        pane_end_ms=tuple(pane.end_ms for pane in panes),
        state=tuple(HEALTHS[int(column[0])] for column in columns),
        ratio=numbers(column[1] for column in columns),
        rows=tuple(int(column[2]) for column in columns),
        psi=numbers(column[3] for column in columns),
        scores={one: of(one, 0) for one in detectors},
        thresholds={one: of(one, 1) for one in detectors},
    )


def _marks(known: Known, alerts: Sequence[Alert]) -> list[Mark]:
    found: list[Mark] = []
    for alert in alerts:
        found += incident_marks(alert)
        for action in known.actions.get(alert.alert_id, ()):
            words = f"{action.by}: {action.action}{f' ({action.note})' if action.note else ''}"
            link = links.incident(alert.alert_id)
            found.append(Mark(kind="action", ts_ms=action.at_ms, words=words, link=link))
    return found
