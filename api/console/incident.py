"""Incidents: the list, and one with its course and what people did about it."""

from __future__ import annotations

from typing import Final, Literal

from api.console import links
from api.console.fleet import page_fields
from api.console.known import Known, action_row, paged
from api.console.signal import runbook_of
from api.console.views import Incident, Incidents, IncidentSignal
from driftlog.records import AlertSignal, AlertStatus
from driftlog.wording import sentence

__all__ = ["incident", "incidents"]

_PAGE_ROWS: Final = 50
_SIGNALS: Final = 200


def incidents(
    known: Known, which: Literal["open", "all"] = "all", query: str = "", page: int = 1
) -> Incidents:
    """One page of them.

    Args:
        known: history and clock.
        which: those that are open, or all.
        query: only those whose model, title or id holds it, in whatever case.
        page: from 1; one too far is the last.
    """
    wanted = query.casefold()
    found = [
        alert
        for alert in known.alerts
        if (which == "all" or alert.status is not AlertStatus.RESOLVED)
        and (not wanted or wanted in f"{alert.model} {alert.title} {alert.alert_id}".casefold())
    ]
    some, page, pages = paged(found, page, _PAGE_ROWS)
    asked = "open" if which == "open" else ""
    link = links.listing("/incidents", which=asked, query=query, page=page if page > 1 else 0)
    return Incidents(
        **page_fields(known, "Incidents", link),
        rows=tuple(known.incident_row(alert) for alert in some),
        which=which,
        query=query,
        total=len(found),
        page=page,
        pages=pages,
    )


def incident(known: Known, alert_id: str, *, asks_name: bool = True) -> Incident | None:
    """One incident; None where nothing is known of it.

    Args:
        known: history and clock.
        alert_id: of the incident.
        asks_name: whether who acts has to type a name, since no login tells it.
    """
    found = known.history.incidents.get(alert_id)
    if found is None:
        return None
    alert = found.alert
    ours = [one for one in alert.series if links.series_of(one)[2] == links.ALL]
    model, version, segment = links.series_of((ours or [*alert.series, f"{alert.model}@"])[0])
    actions = [action_row(one) for one in reversed(known.actions.get(alert_id, ()))]
    return Incident(
        **page_fields(known, alert.title, links.incident(alert_id)),
        incident=known.incident_row(alert),
        advice=alert.advice,
        cause=alert.cause,
        because=alert.because,
        onset=alert.onset,
        window_ms=alert.window_ms,
        offsets=alert.offsets,
        signals=tuple(_signal(one) for one in alert.signals[:_SIGNALS]),
        course=tuple(found.course),
        actions=tuple(actions),
        model_link=links.model(model, version, segment),
        runbook_link=links.runbook(runbook_of("drift", alert)),
        samples_before=alert.samples_before,
        samples_after=alert.samples_after,
        reference_id=alert.reference_id,
        config=alert.config,
        asks_name=asks_name,
    )


def _signal(one: AlertSignal) -> IncidentSignal:
    model, version, segment = links.series_of(one.series)
    score = one.scores.get(one.detector)
    ratio = score.score / score.threshold if score is not None and score.threshold > 0 else None
    return IncidentSignal(
        series=one.series,
        model=model,
        version=version,
        segment=segment,
        signal=one.signal,
        link=links.signal(model, version, segment, one.signal),
        state=one.state,
        words=sentence(one),
        contribution=one.contribution,
        detector=one.detector,
        ratio=None if ratio is None else round(ratio, 6),
        psi=one.psi,
        effect_sd=one.effect_sd,
        rows=one.rows,
        onset=one.onset,
        before=one.before,
        after=one.after,
        fault=one.fault,
        cleared_ms=one.cleared_ms,
    )
