"""What ingest keeps of one source partition between batches."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from stream.lateness import Lateness

__all__ = ["Source", "leaders", "read_metadata"]

_VERSION = "1"


@dataclass(slots=True)
class Source:
    """Lateness, position and quiet of one partition of the events topic."""

    lateness: Lateness
    position: int  # next offset expected
    quiet_since: float | None = None  # monotonic seconds; read to its end since then
    idle: bool = False
    lost: int = field(default=0)

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
        ValueError: it is not ours; the group belongs to another program, or to another version.
    """
    if not text:
        return None
    try:
        version, max_ms = json.loads(text)
    except (ValueError, TypeError) as exc:
        raise ValueError(f"the group's offsets carry foreign metadata: {text[:80]!r}") from exc
    if version != _VERSION or not isinstance(max_ms, int | None):
        raise ValueError(f"the group's offsets carry metadata of version {version!r}")
    return max_ms


def leaders(maxima: dict[int, int | None], caught_up: set[int], max_skew_ms: int) -> set[int]:
    """Return the partitions that are too far ahead in event time and must wait.

    Args:
        maxima: source partition -> running maximum (ms), of all workers; none: nothing read yet.
        caught_up: partitions with nothing left to read; nobody waits for them.
        max_skew_ms: how far one may be ahead of the slowest.
    """
    behind = [ms for p, ms in maxima.items() if p not in caught_up and ms is not None]
    if not behind:
        return set()
    bound = min(behind) + max_skew_ms
    return {p for p, ms in maxima.items() if ms is not None and ms > bound}
