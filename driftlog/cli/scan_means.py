"""What every pane of a scan looked like: what the pictures are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from driftlog.records import ReferenceProfile

__all__ = ["PaneMeans", "Trace"]


@dataclass(slots=True)
class Trace:
    """One series, pane by pane: means in units of the reference, (S,) each."""

    profile: ReferenceProfile
    starts_ms: list[int] = field(default_factory=list)
    present: list[NDArray[np.int64]] = field(default_factory=list)  # rows with a value
    means: list[NDArray[np.float64]] = field(default_factory=list)  # in sd from the usual mean
    rows: list[int] = field(default_factory=list)


class PaneMeans:
    """Takes panes as they are judged (an ``on_pane`` of the pipeline).

    Args:
        pane_ms: length of a pane.
        segments: the segments of a reference that have a series of their own; all others are
            ``other``.
    """

    def __init__(self, pane_ms: int, segments: Callable[[ReferenceProfile], Iterable[str]]) -> None:
        self._pane_ms = pane_ms
        self._segments = segments
        self._named: dict[str, tuple[str, ...]] = {}
        self.traces: dict[tuple[str, str, str], Trace] = {}  # by model, version, segment

    def __call__(self, profile: ReferenceProfile, rows: Any, prepared: Any) -> None:
        """Take the rows of a pane (`stream.rows.Rows`, `stream.preparation.Prepared`)."""
        import numpy as np

        start = int(rows.ts_ms[0]) // self._pane_ms * self._pane_ms
        self._take(profile, "*", start, prepared.plain)
        if profile.reference_id not in self._named:
            self._named[profile.reference_id] = tuple(self._segments(profile))
        named = self._named[profile.reference_id]
        if not named:
            return
        levels = [*rows.segment.levels, None, None]  # the codes of no segment, -2 and -1
        own = np.array([level if level in named else "other" for level in levels], dtype=object)
        of_row = own[rows.segment.codes]
        for segment in dict.fromkeys(of_row):
            self._take(profile, segment, start, prepared.plain[:, of_row == segment])

    def _take(
        self, profile: ReferenceProfile, segment: str, start: int, plain: NDArray[np.float64]
    ) -> None:
        import numpy as np

        key = (profile.model, profile.version, segment)
        trace = self.traces.get(key)
        if trace is None or trace.profile.reference_id != profile.reference_id:
            trace = self.traces[key] = Trace(profile)
        there = ~np.isnan(plain)
        present = there.sum(axis=1)
        trace.starts_ms.append(start)
        trace.rows.append(plain.shape[1])
        trace.present.append(present)
        trace.means.append(np.where(there, plain, 0.0).sum(axis=1) / np.maximum(present, 1))
