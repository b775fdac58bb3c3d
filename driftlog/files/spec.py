"""Which column of a file means what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from driftlog.errors import InputError

__all__ = ["FileSpec", "near"]

_COLUMNS = (
    "time",
    "version_column",
    "segment",
    "prediction",
    "confidence",
    "label",
    "latency",
    "status",
    "correlation_id",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSpec:
    """How the rows of a table become events.

    ``model`` and ``version`` are names; all else are columns, and None means that there is none.
    Every column that is not named here is an input, and so is the segment's (an airport is
    both), unless ``exclude`` holds it. A file whose lines are events already needs no spec and
    heeds none.
    """

    model: str = "model"
    version: str = "1"
    time: str | None = None  # timestamps, dates, or numbers as seconds; None: the row number
    version_column: str | None = None  # where the rows are of several versions
    segment: str | None = None
    prediction: str | None = None
    confidence: str | None = None
    label: str | None = None  # the truth; never an input
    latency: str | None = None  # milliseconds
    status: str | None = None
    correlation_id: str | None = None
    exclude: tuple[str, ...] = ()

    def inputs(self, columns: Iterable[str]) -> tuple[str, ...]:
        """Return the columns that are inputs, in the file's order.

        Raises:
            InputError: a column named here is not in the file, or none is left as an input.
        """
        present = tuple(columns)
        taken = {
            name: str(column) for name in _COLUMNS if (column := getattr(self, name)) is not None
        } | {f"exclude ({column})": column for column in self.exclude}
        for role, column in taken.items():
            if column not in present:
                raise InputError(
                    f"there is no column {column!r}, named as {role}; the file has "
                    f"{', '.join(present)}{near(column, present)}"
                )
        used = {column for role, column in taken.items() if role != "segment"}
        inputs = tuple(column for column in present if column not in used)
        if not inputs:
            raise InputError(f"no column is left as an input: all of {', '.join(present)} are used")
        return inputs


def near(name: str, known: Iterable[str]) -> str:
    """Return a hint at the name that was perhaps meant, or nothing."""
    import difflib

    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
