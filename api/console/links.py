"""Permalinks: every name percent-encoded, so that any name has one address and only one."""

from __future__ import annotations

from urllib.parse import quote, unquote, urlencode

__all__ = [
    "ALL",
    "api",
    "incident",
    "listing",
    "model",
    "name_of",
    "runbook",
    "series_of",
    "signal",
]

ALL = "*"  # the segment of all rows
_STOPS = {".": "%2E", "..": "%2E%2E"}  # which browsers and servers take for steps, encoded or not
_STEP = "~"  # put before those


def _part(name: str) -> str:
    # A name that is a step, or begins with the mark of one, gets the mark.
    marked = f"{_STEP}{name}" if name in _STOPS or name.startswith(_STEP) or not name else name
    return quote(marked, safe="*")


def name_of(part: str) -> str:
    """The name behind a decoded part of a path.

    >>> name_of("~.."), name_of("distance")
    ('..', 'distance')
    """
    return part.removeprefix(_STEP)


def model(name: str, version: str, segment: str = ALL) -> str:
    """Path of a series.

    >>> model("flight delay/ü", "3"), model("late", "1", "JFK")
    ('/models/flight%20delay%2F%C3%BC/3', '/models/late/1/JFK')
    """
    path = f"/models/{_part(name)}/{_part(version)}"
    return path if segment == ALL else f"{path}/{_part(segment)}"


def signal(name: str, version: str, segment: str, signal: str) -> str:
    """Path of a signal.

    >>> signal("late", "1", "*", "a?b")
    '/models/late/1/*/signals/a%3Fb'
    """
    return f"/models/{_part(name)}/{_part(version)}/{_part(segment)}/signals/{_part(signal)}"


def incident(alert_id: str) -> str:
    """Path of an incident."""
    return f"/incidents/{_part(alert_id)}"


def runbook(name: str) -> str:
    """Path of a runbook, by the name of its file without the ending."""
    return f"/runbooks/{_part(name)}"


def listing(path: str, **asked: str | int) -> str:
    """Path of a list with what was asked of it; what is empty is left out.

    >>> listing("/incidents", which="open", query="", page=2)
    '/incidents?which=open&page=2'
    """
    query = urlencode({key: value for key, value in asked.items() if value not in ("", 0)})
    return f"{path}?{query}" if query else path


def api(link: str) -> str:
    """Path of the same as JSON.

    >>> api("/"), api("/?page=2"), api("/models/late/1")
    ('/api/v1/fleet', '/api/v1/fleet?page=2', '/api/v1/models/late/1')
    """
    path, asked, query = link.partition("?")
    return f"/api/v1{'/fleet' if path == '/' else path}{asked}{query}"


def series_of(name: str) -> tuple[str, str, str]:
    """Model, version and segment of a series' name in an alert, ``model@version/segment``.

    >>> series_of("late%40jfk@3/A%2FB")
    ('late@jfk', '3', 'A/B')
    """
    head, _, segment = name.partition("/")
    model_name, _, version = head.partition("@")
    return unquote(model_name), unquote(version), unquote(segment) or ALL
