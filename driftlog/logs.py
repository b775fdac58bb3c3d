"""The log of a process of ours: one record is one line, whoever chose the names in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from driftlog.printable import printable

__all__ = ["PrintableFormatter", "log_to_stderr", "quiet_clients"]

_LONGEST: Final = 8_000  # letters of a record's line


class PrintableFormatter(logging.Formatter):
    """A formatter in whose lines no text can move the cursor, turn the line or forge a record.

    Control characters are escaped, line feeds too; only the lines of a traceback stay lines, each
    indented, so that none of them looks like a record. What is very long is cut.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the record's line."""
        line = printable(super().formatMessage(record))
        return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's name
        """Return a traceback."""
        return _indented(super().formatException(ei))  # type: ignore[arg-type]

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - logging's name
        """Return a stack."""
        return _indented(super().formatStack(stack_info))


def log_to_stderr(level: str, form: str = "%(levelname)s %(name)s: %(message)s") -> None:
    """Set up the process's log.

    Args:
        level: the mildest told, such as ``warning``.
        form: of a line, as `logging.Formatter` has it.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(PrintableFormatter(form))
    logging.basicConfig(level=level.upper(), handlers=[handler])


def _indented(text: str) -> str:
    return "\n".join(f"    {printable(line)}" for line in text.split("\n"))


@contextmanager
def quiet_clients(*names: str) -> Iterator[None]:
    """Keep back what clients write to loggers of these names, where our own words say it.

    Args:
        names: such as ``aiokafka``.
    """
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
