"""The request that is being served: its correlation id, its start, whether it was logged."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar

__all__ = [
    "Request",
    "correlation_id",
    "current_request",
    "make_correlation_id",
    "sane",
    "trace_id",
]

# Printable ASCII without the space: safe in a header, a log line and a terminal.
_SANE = re.compile(r"[!-~](?:[ -~]{0,126}[!-~])?")
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")

correlation_id: ContextVar[str | None] = ContextVar("driftlog_correlation_id", default=None)
"""The correlation id of the request being served; None outside of one. May be set by hand."""

current_request: ContextVar[Request | None] = ContextVar("driftlog_request", default=None)


class Request:
    """One request. Shared by all threads and tasks that serve it, so it is held, not copied."""

    __slots__ = ("_clock", "_started", "logged")

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._started = clock()
        self.logged = False

    def elapsed_ms(self) -> float:
        """Milliseconds since the request began, to the microsecond."""
        return round((self._clock() - self._started) * 1000, 3)


def make_correlation_id() -> str:
    """Return a new correlation id: a random UUID, 36 characters."""
    return str(uuid.uuid4())


def sane(given: str) -> str | None:
    """Return a correlation id from outside, stripped, or None if it is not to be trusted.

    It may hold printable ASCII, at most 128 characters: it goes into headers, logs and records.
    """
    stripped = given.strip(" \t")
    return stripped if _SANE.fullmatch(stripped) else None


def trace_id(traceparent: str) -> str | None:
    """Return the trace id of a W3C ``traceparent`` header, or None if the header is invalid.

    Source: W3C Trace Context, section 3.2: version ff, a trace id or parent id of zeros, and
    further fields in version 00 are invalid.

    >>> trace_id("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    '4bf92f3577b34da6a3ce929d0e0e4736'
    """
    match = _TRACEPARENT.fullmatch(traceparent.strip(" \t"))
    if match is None:
        return None
    version, trace, parent, further = match.groups()
    if version == "ff" or (version == "00" and further) or not (int(trace, 16) and int(parent, 16)):
        return None
    return trace
