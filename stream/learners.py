"""The model versions of a partition that have no reference yet, and the bound on all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from driftlog.errors import StateError
from driftlog.settings import Settings
from stream.learning import Learner
from stream.routing import model_version, split_model_version
from stream.rows import Rows

__all__ = ["Learners"]


class Learners:
    """Collects rows of model versions until a reference can be learned of them.

    Which names there are is up to the log, so how many learn at once is bounded
    (``models.max_learning``), and so are the bytes they hold together (``models.learn_bytes``). One
    more takes the place of the one with the fewest rows that has been silent for a whole window, or
    that has fewer rows than the newcomer brings; else its rows are left out. Beyond the bytes the
    largest is let go. Both follow from the rows of closed panes alone.

    Args:
        settings: ``models`` and ``stream`` are read.
    """

    def __init__(self, settings: Settings) -> None:
        self.held: dict[str, Learner] = {}
        self._models = settings.models
        self._window_ms = settings.stream.window_panes * settings.stream.pane
        self._dirty: set[str] = set()
        self._gone: dict[str, int] = {}  # name -> parts that may be stored

    def take(self, rows: Rows, end_ms: int, room: int, counts: Counter[str]) -> Learner | None:
        """Take the rows of a closed pane; return the learner once it has rows enough.

        Args:
            rows: raw, of one model version, each event once.
            end_ms: end of the pane.
            room: series that the partition may still take; none is learned for which there is none.
            counts: takes ``over_max_learning`` and ``learning_let_go``, in rows.
        """
        name = model_version(rows.model, rows.version)
        learner = self.held.get(name) or self._admitted(name, rows, end_ms, room, counts)
        if learner is None:
            counts["over_max_learning"] += len(rows)
            return None
        if end_ms <= learner.closed_through_ms:
            return None  # a checkpoint cut in two: it was stored, the partition was not
        learner.add(list(rows.raw or ()), end_ms)
        self._dirty.add(name)
        if len(learner.raw) >= self._models.learn_rows:
            return learner
        while sum(one.size for one in self.held.values()) > self._models.learn_bytes:
            self._let_go(max(self.held, key=lambda one: (self.held[one].size, one)), counts)
        return None

    def _admitted(
        self, name: str, rows: Rows, end_ms: int, room: int, counts: Counter[str]
    ) -> Learner | None:
        if len(self.held) >= min(self._models.max_learning, room):
            place = min(self.held, key=lambda one: self._claim(one, end_ms), default=None)
            if place is None or self._claim(place, end_ms) >= (True, len(rows), ""):
                return None
            self._let_go(place, counts)
        learner = self.held[name] = Learner(rows.model, rows.version)
        return learner

    def _claim(self, name: str, end_ms: int) -> tuple[bool, int, str]:
        """How much a learner has for keeping its place: heard of late, and its rows."""
        one = self.held[name]
        return end_ms - one.closed_through_ms < self._window_ms, len(one.raw), name

    def _let_go(self, name: str, counts: Counter[str]) -> None:
        """Forget a learner before its time; its rows are counted."""
        counts["learning_let_go"] += len(self.held[name].raw)
        self.forget(name)

    def forget(self, name: str) -> None:
        """Forget a learner, if there is one: its reference is there."""
        learner = self.held.pop(name, None)
        if learner is not None:
            self._dirty.discard(name)
            self._gone[name] = max(self._gone.get(name, 0), learner.parts)

    def snapshot(self) -> dict[tuple[str, int], bytes | None]:
        """Return what changed since the last call by name and number of a part; none deletes."""
        found: dict[tuple[str, int], bytes | None] = {
            (name, number): None
            for name, parts in sorted(self._gone.items())
            for number in range(parts)
        }
        for name in sorted(self._dirty):
            found |= {(name, number): part for number, part in self.held[name].new_parts()}
        self._dirty.clear()
        self._gone.clear()
        return found

    def restore(self, stored: Mapping[str, Mapping[int, bytes]]) -> Iterable[str]:
        """Go on from stored parts by name and number; return why some could not be read."""
        damaged = []
        for name, parts in stored.items():
            learner = Learner(*split_model_version(name))
            try:
                learner.restore([parts[number] for number in sorted(parts)])
            except StateError as exc:
                damaged.append(f"the rows learned of {name}: {exc}")
                self._gone[name] = max(parts, default=-1) + 1
            else:
                self.held[name] = learner
        return damaged
