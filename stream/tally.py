"""Counts by names that come from outside: as many names as there is room for, the rest together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

__all__ = ["MOST_NAMES", "Tally"]

MOST_NAMES: Final = 2_000  # as many as a metric tells

Name = tuple[str, ...]


class Tally:
    """A counter that lets no stream of new names grow it. The first names to come keep their place.

    ``of`` has the counts by name; ``beyond`` is what came under names for which there was no room.
    """

    def __init__(self, most_names: int = MOST_NAMES) -> None:
        self.of: Counter[Name] = Counter()
        self.beyond = 0
        self._most_names = most_names

    def add(self, name: Name, count: int = 1) -> bool:
        """Count; return whether the name is new here and has found room."""
        known = name in self.of
        if not known and len(self.of) >= self._most_names:
            self.beyond += count
            return False
        self.of[name] += count
        return not known

    def update(self, counts: Iterable[tuple[Name, int]]) -> None:
        """Count many."""
        for name, count in counts:
            self.add(name, count)
