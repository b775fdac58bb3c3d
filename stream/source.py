"""What ingest keeps of one source partition between batches."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from driftlog.errors import StateError
from stream.lateness import Lateness

__all__ = ["ForeignMetadataError", "Source", "leaders", "read_metadata"]

_VERSION = "1"


class ForeignMetadataError(StateError, ValueError):
    """A committed offset's metadata are not ours: another program, or another version, has it."""

    def __init__(self, held: str) -> None:
        super().__init__(
            f"the group's committed offsets carry metadata {held[:80]!r}, which this driftlog did "
            "not write; another program uses the group: set worker.group to a name of its own"
        )


@dataclass(slots=True)
class Source:
    """Lateness, position and quiet of one partition of the events topic."""

    lateness: Lateness
    position: int  # next offset expected
    quiet_since: float | None = None  # monotonic seconds; read to its end since then
    idle: bool = False
    start: int = field(init=False)  # position at the assignment

    def __post_init__(self) -> None:
        self.start = self.position

    def metadata(self) -> str:
        """Return what travels with the committed offset: the running maximum.

        With it a new owner judges the next row as this one would have.
        """
        return json.dumps([_VERSION, self.lateness.max_ms], separators=(",", ":"))

    def note_quiet(self, *, at_end: bool, now: float, idle_after_ms: int) -> bool:
        """Judge idleness; return whether it changed.

        Args:
            at_end: a fetch of late succeeded, and nothing lies beyond the position.
            now: monotonic seconds.
            idle_after_ms: how long it must have been so.
        """
        if not at_end:
            self.quiet_since = None
        elif self.quiet_since is None:
            self.quiet_since = now
        quiet = self.quiet_since is not None and (now - self.quiet_since) * 1000 >= idle_after_ms
        changed = quiet != self.idle
        self.idle = quiet
        return changed


def read_metadata(text: str | None) -> int | None:
    """Return the running maximum out of a committed offset's metadata; none where there is none.

    Raises:
        ForeignMetadataError: it is not ours; the group belongs to another program or version.
    """
    if not text:
        return None
    try:
        held = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ForeignMetadataError(text) from exc
    if not isinstance(held, list) or len(held) != 2 or held[0] != _VERSION:
        raise ForeignMetadataError(text)
    max_ms = held[1]
    if max_ms is not None and type(max_ms) is not int:
        raise ForeignMetadataError(text)
    return max_ms


def leaders(maxima: dict[int, int | None], caught_up: set[int], max_skew_ms: int) -> set[int]:
    """Return the partitions that are too far ahead in event time and must wait.

    Args:
        maxima: source partition -> running maximum (ms), of all partitions; none: nothing read yet.
            Such a one may hold the oldest row of all: the others wait until its first is read.
        caught_up: partitions with nothing left to read; nobody waits for them.
        max_skew_ms: how far one may be ahead of the slowest.
    """
    behind = [ms for p, ms in maxima.items() if p not in caught_up]
    known = [ms for ms in behind if ms is not None]
    if len(known) < len(behind):
        return {p for p, ms in maxima.items() if ms is not None}
    if not known:
        return set()
    bound = min(known) + max_skew_ms
    return {p for p, ms in maxima.items() if ms is not None and ms > bound}
