"""The fleet: every model version, the worst first; and the verdict on everything, on all pages."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import Any, Final

from api.console import links
from api.console.history import SeriesMemory
from api.console.known import Known, paged, worst, worst_severity
from api.console.memory import Worst, rank
from api.console.views import Bar, Fleet, FleetRow, Freshness, Health

__all__ = ["PAGE_ROWS", "bar", "fleet", "fleet_rows", "page_fields", "series_state", "worst_signal"]

PAGE_ROWS: Final = 100


def worst_signal(series: SeriesMemory) -> Worst | None:
    """The worst signal of a series, over its shards."""
    found = [one.worst for one in series.shards.values() if one.worst is not None]
    return max(found, key=lambda one: one.order, default=None)


def series_state(
    known: Known, name: tuple[str, str], series: SeriesMemory, freshness: Freshness
) -> Health:
    """The state of a series of a model version: of its worst signal, unless nothing new is told."""
    found = worst_signal(series)
    return known.shown("no data" if found is None else found.state, freshness, *name)


@lru_cache(maxsize=2)
def fleet_rows(known: Known) -> tuple[FleetRow, ...]:
    """All of them, the worst first."""
    models: defaultdict[tuple[str, str], dict[str, SeriesMemory]] = defaultdict(dict)
    for (model, version, segment), series in known.history.series.items():
        models[model, version][segment] = series
    for name in known.history.references:
        models.setdefault(name, {})
    rows = [_row(known, *name, found) for name, found in models.items()]
    return tuple(sorted(rows, key=_order))


def _order(row: FleetRow) -> tuple[int, float, str, str]:
    ratio = -1.0 if row.ratio is None else row.ratio
    return -rank(row.state), -ratio, row.model, row.version


def _row(known: Known, model: str, version: str, found: dict[str, SeriesMemory]) -> FleetRow:
    alerts = known.open_alerts.get((model, version), ())
    more: dict[str, Any] = {
        "model": model,
        "version": version,
        "link": links.model(model, version),
        "series": len(found),
        "open_incidents": len(alerts),
        "severity": worst_severity(alerts),
        "decision": alerts[0].decision.value if alerts else None,
    }
    if not found:
        fresh = Freshness(
            state="no data",
            words="it has a reference, and nothing has been judged yet",
            since_ms=None,
            heard_ms=None,
            pane_end_ms=None,
            bound_ms=known.bound_ms,
        )
        return FleetRow(
            **more,
            state="no data",
            words=fresh.words,
            since_ms=None,
            drifted=0,
            judged=0,
            rows=0,
            segment=links.ALL,
            signal=None,
            signal_link=None,
            ratio=None,
            freshness=fresh,
        )
    fresh_by = {segment: known.fresh_series(series) for segment, series in found.items()}
    states = {
        segment: series_state(known, (model, version), series, fresh_by[segment])
        for segment, series in found.items()
    }
    segment = max(found, key=lambda one: (rank(states[one]), _ratio(found[one]), one == links.ALL))
    lead = links.ALL if links.ALL in found else segment
    counted = [found[links.ALL]] if links.ALL in found else list(found.values())
    shards = [shard for series in counted for shard in series.shards.values()]
    drifted, judged = sum(s.drifted for s in shards), sum(s.judged for s in shards)
    signal = worst_signal(found[segment])
    # One without rows for long is stale in its segments too: that of all rows says it for them.
    state = states[segment] if states[segment] != "stale" else states[lead]
    if states[segment] == "stale" and states[lead] != "stale":
        segment, signal = lead, worst_signal(found[lead])
    since = signal.since_ms if signal and signal.state == state else None
    if state == "stale":
        since = fresh_by[segment].since_ms
    return FleetRow(
        **more,
        state=state,
        words=_words(state, signal, drifted, judged, fresh_by[segment]),
        since_ms=since,
        drifted=drifted,
        judged=judged,
        rows=found[lead].newest.rows,
        segment=segment,
        signal=None if signal is None else signal.signal,
        signal_link=None
        if signal is None
        else links.signal(model, version, segment, signal.signal),
        ratio=None if signal is None else signal.ratio,
        freshness=fresh_by[lead],
    )


def _ratio(series: SeriesMemory) -> float:
    found = worst_signal(series)
    return -1.0 if found is None or found.ratio is None else found.ratio


def _words(state: Health, worst: Worst | None, drifted: int, judged: int, fresh: Freshness) -> str:
    if state == "stale":
        return fresh.words
    if worst is not None and worst.words:
        return worst.words
    if judged == 0:
        return "too few rows to judge" if state == "insufficient" else "nothing is judged yet"
    return f"{drifted or 'none'} of {judged} signals has drifted"


@lru_cache(maxsize=2)
def bar(known: Known) -> Bar:
    """The verdict on everything: the worst of drift, freshness and ownership."""
    rows = fleet_rows(known)
    fresh = known.freshness
    drifted, judged = sum(row.drifted for row in rows), sum(row.judged for row in rows)
    models = sum(row.drifted > 0 or row.state == "drift" for row in rows)
    unowned = len(known.watched.unowned)
    # A model that has no traffic is its own affair; what a reader must know at once is drift, and
    # whether anything is told at all.
    states: list[Health] = [row.state for row in rows if row.state not in ("no data", "stale")]
    if fresh.state != "live":
        states.append(fresh.state)
    if unowned:
        states.append("unowned")
    state = worst(states)
    open_alerts = [alert for found in known.open_alerts.values() for alert in found]
    since = [row.since_ms for row in rows if row.state == state and row.since_ms is not None]
    return Bar(
        state=state,
        words=_bar_words(known, drifted, judged, models, len(rows)),
        since_ms=_bar_since(state, fresh, since),
        drifted=drifted,
        judged=judged,
        models=len(rows),
        open_incidents=len({alert.alert_id for alert in open_alerts}),
        severity=worst_severity(open_alerts),
        freshness=fresh,
        unowned=unowned,
    )


def _bar_since(state: Health, fresh: Freshness, since: list[int]) -> int | None:
    if state == "ok":
        return None
    return fresh.since_ms if state == "stale" else min(since, default=None)


def _bar_words(known: Known, drifted: int, judged: int, models: int, of: int) -> str:
    if known.freshness.state in ("no data", "learning"):
        return known.freshness.words
    signals = "signal" if judged == 1 else "signals"
    if models == 0:
        words = f"none of {judged} {signals} has drifted" if judged else "no signal is judged yet"
    else:
        many = f"{drifted} of {judged} {signals} {'has' if drifted == 1 else 'have'} drifted"
        words = f"{many}, in {models} of {of} {'model' if of == 1 else 'models'}"
    if known.freshness.state == "stale":
        return f"{words}, as of the last pane; {known.freshness.words}"
    if known.watched.unowned:
        return f"{words}; {len(known.watched.unowned)} partitions are held by no worker"
    return words


def page_fields(known: Known, title: str, link: str) -> dict[str, Any]:
    """The fields that every page has."""
    return {
        "title": title,
        "link": link,
        "api_link": links.api(link),
        "now_ms": known.now_ms,
        "driftlog_version": known.driftlog_version,
        "bar": bar(known),
    }


def fleet(known: Known, query: str = "", page: int = 1) -> Fleet:
    """One page of the fleet.

    Args:
        known: history and clock.
        query: only model versions whose name or worst signal holds it, in whatever case.
        page: from 1; one too far is the last.
    """
    wanted = query.casefold()
    rows = [
        row
        for row in fleet_rows(known)
        if not wanted
        or wanted in f"{row.model}@{row.version} {row.signal or ''} {row.state}".casefold()
    ]
    some, page, pages = paged(rows, page, PAGE_ROWS)
    link = links.listing("/", query=query, page=page if page > 1 else 0)
    return Fleet(
        **page_fields(known, "Fleet", link),
        rows=some,
        query=query,
        total=len(rows),
        page=page,
        pages=pages,
    )
