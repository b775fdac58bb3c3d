"""Which rows have been acknowledged, in a small file, so that a replay can go on."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from driftlog.errors import InputError

__all__ = ["Journal", "Progress"]


@dataclass(slots=True)
class Progress:
    """Positions before ``begun`` are finished, save those in ``open``.

    The file stays small however long the replay is: only rows under way, and failed ones, are
    listed.
    """

    begun: int = 0
    open: set[int] = field(default_factory=set)

    def wanted(self, position: int) -> bool:
        """Return whether the row is still to be sent."""
        return position >= self.begun or position in self.open

    def begin(self, position: int) -> None:
        """Note that the row is under way."""
        self.begun = max(self.begun, position + 1)
        self.open.add(position)

    def finish(self, position: int) -> None:
        """Note that the row has arrived, or never will."""
        self.open.discard(position)


@dataclass(slots=True)
class Journal:
    """Progress of events and labels, kept in ``path`` where there is one.

    ``of`` says what is replayed (file, columns, scenario, seed); a journal of another replay is
    refused, since its positions would mean other rows.
    """

    path: Path | None = None
    of: str = ""
    events: Progress = field(default_factory=Progress)
    labels: Progress = field(default_factory=Progress)

    @classmethod
    def read(cls, path: Path, of: str) -> Journal:
        """Return the journal in ``path``; an empty one where there is no such file.

        Raises:
            InputError: it is damaged, or of another replay.
        """
        try:
            held = orjson.loads(path.read_bytes())
            journal = cls(path, held["of"], _progress(held["events"]), _progress(held["labels"]))
        except FileNotFoundError:
            return cls(path, of)
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise InputError(
                f"the journal {path} cannot be read ({type(exc).__name__}: {exc}); delete it to "
                "begin anew"
            ) from exc
        if journal.of != of:
            raise InputError(
                f"the journal {path} is of another file, scenario, seed or target; delete it to "
                "begin anew, or name another file"
            )
        return journal

    def write(self) -> None:
        """Write the file, whole or not at all.

        Raises:
            InputError: it cannot be written.
        """
        if self.path is None:
            return
        scratch = self.path.with_name(self.path.name + ".part")
        try:
            with scratch.open("wb") as file:
                file.write(
                    orjson.dumps(
                        {
                            "of": self.of,
                            "events": _plain(self.events),
                            "labels": _plain(self.labels),
                        }
                    )
                )
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(self.path)
        except OSError as exc:
            raise InputError(f"the journal {self.path} cannot be written: {exc}") from exc


def _plain(progress: Progress) -> dict[str, Any]:
    return {"begun": progress.begun, "open": sorted(progress.open)}


def _progress(held: dict[str, Any]) -> Progress:
    begun, opened = held["begun"], held["open"]
    if not _whole([begun]) or not isinstance(opened, list) or not _whole(opened):
        raise ValueError("positions must be whole numbers")
    return Progress(begun, set(opened))


def _whole(held: Iterable[object]) -> bool:
    return all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in held)
