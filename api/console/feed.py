"""What happened, newest first: incidents, references, and what people did."""

from __future__ import annotations

from typing import Final

from api.console import links
from api.console.fleet import page_fields
from api.console.known import Known, paged
from api.console.views import Events, FeedEvent

__all__ = ["events"]

_PAGE_ROWS: Final = 100


def events(known: Known, query: str = "", page: int = 1) -> Events:
    """One page of the feed.

    Args:
        known: history and clock.
        query: only events whose model, words, person or correlation id holds it.
        page: from 1; one too far is the last.
    """
    wanted = query.casefold()
    newest = sorted(known.history.feed, key=lambda one: (-one.told_ms, one.id))
    found = [event for event in newest if wanted in _text(event)]
    some, page, pages = paged(found, page, _PAGE_ROWS)
    link = links.listing("/events", query=query, page=page if page > 1 else 0)
    return Events(
        **page_fields(known, "Events", link),
        rows=some,
        query=query,
        total=len(found),
        page=page,
        pages=pages,
    )


def _text(event: FeedEvent) -> str:
    said = (event.model, event.words, event.by or "", *event.correlation_ids)
    return " ".join(said).casefold()
