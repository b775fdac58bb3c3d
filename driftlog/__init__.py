"""driftlog: a streaming drift monitor over an event log.

``Capture`` and ``CaptureMiddleware`` are what a watched service uses. They are loaded when first
asked for: the Kafka client is not needed to read settings or records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from driftlog.asgi import CaptureMiddleware
    from driftlog.capture import Capture

__all__ = ["Capture", "CaptureMiddleware", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "Capture":
        from driftlog.capture import Capture

        return Capture
    if name == "CaptureMiddleware":
        from driftlog.asgi import CaptureMiddleware

        return CaptureMiddleware
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), "Capture", "CaptureMiddleware"])
