"""A capture client in this process, and what it says of itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from driftlog.capture import Capture
from driftlog.settings import load_settings

__all__ = ["found", "logging_ten", "told_of_capture"]


@contextmanager
def told_of_capture() -> Iterator[list[str]]:
    """Collect what capture clients warn of inside the block, line by line."""
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger, handler = logging.getLogger("driftlog.capture"), Lines()
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)


def logging_ten(environment: Mapping[str, str]) -> Capture:
    """Make a client that has been given ten events.

    Args:
        environment: its settings.
    """
    settings = load_settings(Path("/dev/null"), dict(environment))
    capture = Capture(settings, model="captured", version="1")
    for number in range(10):
        capture.log({"distance": number})
    return capture


def found(lines: list[str], text: str) -> Callable[[], Any]:
    """Return a question whether a line has the text, as `eventually` asks it."""

    async def look() -> bool:
        return any(text in line for line in lines)

    return look
