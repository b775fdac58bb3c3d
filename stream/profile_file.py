"""A reference profile built from a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from driftlog.errors import InputError
from driftlog.files import FileSpec, file_rows
from driftlog.records import Event, ReferenceProfile
from driftlog.settings import ModelSettings
from stream.profile import Gathering, build_profile

__all__ = ["profile_of_file"]

_BATCH = 4096


def profile_of_file(
    file: Path,
    spec: FileSpec,
    models: ModelSettings,
    *,
    model: str | None = None,
    version: str | None = None,
    rows: slice = slice(None),
    on_rows: Callable[[int], None] = lambda _rows: None,
) -> ReferenceProfile:
    """Return the profile of a file's rows: the same as of these rows as events on the log.

    Args:
        file: CSV, Parquet or JSON lines, of plain rows or of events.
        spec: which column means what.
        models: which inputs to watch, and as what.
        model: which model, of a file of events of several; None: the only one there.
        version: which version, likewise.
        rows: which rows, by their number in the file from 0.
        on_rows: called with the number of rows of each batch read, for a progress bar.

    A file without a time column has the row number as time, in seconds; its rate is unknown.

    Raises:
        InputError: the file cannot be used, or holds several versions and none was named.
        ProfileError: there are too few rows, or nothing that can be watched.
    """
    found: dict[tuple[str, str], Gathering] = {}
    timed = spec.time is not None
    batch: list[Event] = []

    def gather() -> None:
        for name in {(event.model, event.version) for event in batch}:
            found.setdefault(name, Gathering()).add(
                event for event in batch if (event.model, event.version) == name
            )
        on_rows(len(batch))
        batch.clear()

    start, stop = rows.start or 0, rows.stop
    for row in file_rows(file, spec):
        if row.number < start or (stop is not None and row.number >= stop):
            continue
        timed = timed or row.event.ts_ms != 1000 * row.number
        batch.append(row.event)
        if len(batch) == _BATCH:
            gather()
    gather()
    name = _the_one(file, set(found), model, version)
    return build_profile(
        found[name].columns(),
        model=name[0],
        version=name[1],
        origin="file",
        models=models,
        source=file.name if rows == slice(None) else f"{file.name}, rows {start}:{stop or 'end'}",
        timed=timed,
    )


def _the_one(
    file: Path, names: set[tuple[str, str]], model: str | None, version: str | None
) -> tuple[str, str]:
    left = sorted(name for name in names if model in (None, name[0]) and version in (None, name[1]))
    if len(left) == 1:
        return left[0]
    there = ", ".join(f"{m} {v}" for m, v in sorted(names)) or "no rows in that range"
    wanted = " ".join(word for word in (model, version) if word)
    raise InputError(
        f"{file} holds {there}; "
        + (f"none of them is {wanted}" if names and not left else "name one by --model, --version")
    )
