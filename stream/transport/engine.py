"""The one engine this transport mends: its version, and that its compiled loop is in use."""

from __future__ import annotations

import importlib.metadata

import faust.streams

from driftlog.errors import DriftlogError

__all__ = ["FAUST_VERSION", "TransportError", "require_engine"]

FAUST_VERSION = "0.15.3"


class TransportError(DriftlogError):
    """The Faust transport cannot work, or had to stop before it lost something."""


def require_engine() -> None:
    """Check that the Faust at hand is the one whose internals this package overrides.

    Raises:
        TransportError: another version is installed, or its streams run without the compiled
            extension. The pure Python loop acknowledges messages of an earlier assignment, which
            moves the commit past rows that this assignment has yet to read.
    """
    held = importlib.metadata.version("faust-streaming")
    if held != FAUST_VERSION:
        raise TransportError(
            f"faust-streaming {held} is installed, but stream.transport mends {FAUST_VERSION} and "
            f"no other: run pip install faust-streaming=={FAUST_VERSION}, or check each mend "
            "against the new version (tests/stream/test_transport_*.py name them)"
        )
    if getattr(faust.streams, "_CStreamIterator", None) is None:
        raise TransportError(
            "faust-streaming runs without its compiled extension (faust._cython.streams), whose "
            "pure Python twin acknowledges messages of an earlier assignment: unset NO_CYTHON, "
            "or install a faust-streaming wheel for this platform"
        )
