"""From a path to the view behind it: the one table that pages, JSON and the stream share. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import parse_qsl, unquote

from api.console import links
from api.console.feed import events
from api.console.fleet import fleet
from api.console.incident import incident, incidents
from api.console.known import Known
from api.console.model import model
from api.console.pipeline import pipeline
from api.console.signal import signal
from api.console.views import (
    Events,
    Fleet,
    Incident,
    Incidents,
    Model,
    Page,
    Pipeline,
    Signal,
)

__all__ = ["PATHS", "view_of"]

# As OpenAPI has them; each is a page, and under /api/v1 the same as JSON.
PATHS: Final[Mapping[str, type[Page]]] = {
    "/fleet": Fleet,
    "/models/{model}/{version}": Model,
    "/models/{model}/{version}/{segment}": Model,
    "/models/{model}/{version}/{segment}/signals/{signal}": Signal,
    "/incidents": Incidents,
    "/incidents/{alert_id}": Incident,
    "/pipeline": Pipeline,
    "/events": Events,
}
_LONGEST: Final = 200  # letters of a filter
_PAGES: Final = 6  # digits of a page's number


def view_of(known: Known, link: str, *, asks_name: bool = True) -> Page | None:
    """The view of a link as it stands in an address, percent-encoded and with its query.

    Args:
        known: history and clock.
        link: such as ``/models/late/1?x=y``.
        asks_name: whether who acts has to type a name.

    Returns:
        None where there is nothing of that name.
    """
    path, _, query = link.partition("?")
    asked = _asked(query)
    text = asked.get("query", "")[:_LONGEST]
    number = asked.get("page", "")
    page = int(number) if number.isascii() and number.isdigit() and len(number) < _PAGES else 1
    parts = [links.name_of(unquote(part)) for part in path.strip("/").split("/")]
    match parts:
        case [""] | ["fleet"]:
            return fleet(known, text, page)
        case ["models", name, version]:
            return model(known, name, version)
        case ["models", name, version, segment]:
            return model(known, name, version, segment)
        case ["models", name, version, "signals", which]:
            return signal(known, name, version, links.ALL, which)
        case ["models", name, version, segment, "signals", which]:
            return signal(known, name, version, segment, which)
        case ["incidents"]:
            state: Literal["open", "all"] = "open" if asked.get("which") == "open" else "all"
            return incidents(known, state, text, page)
        case ["incidents", alert_id]:
            return incident(known, alert_id, asks_name=asks_name)
        case ["pipeline"]:
            return pipeline(known)
        case ["events"]:
            return events(known, text, page)
    return None


def _asked(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, max_num_fields=20))
    except ValueError:  # more fields than any page has
        return {}
