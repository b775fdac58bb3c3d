"""How far each source partition has been told, by model version, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

__all__ = ["MOST_BYTES", "Offsets"]

MOST_BYTES: Final = 400_000  # of names; with them a partition's record stays far below 1 MB
_ENTRY: Final = 12  # bytes of an entry beside its name


class Offsets:
    """The highest offset told of each source partition and model version.

    How many model versions there are is up to the log. Beyond `MOST_BYTES` of names those unheard
    of for longest are forgotten; of each source partition the highest of them stays as its
    ``floor``.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._of: OrderedDict[str, int] = OrderedDict()
        self._floors: dict[int, int] = {}
        self._bytes = 0
        self._most_bytes = most_bytes

    def __len__(self) -> int:
        return len(self._of)

    def of(self, source: int, name: str) -> int | None:
        """Return the highest offset, none where the name is not known or forgotten."""
        return self._of.get(f"{source} {name}")

    def floor(self, source: int) -> int:
        """Return the highest offset of those forgotten, -1 where there are none."""
        return self._floors.get(source, -1)

    def raise_to(self, source: int, name: str, offset: int) -> None:
        """Take note of an offset; a lower one than known changes nothing."""
        key = f"{source} {name}"
        held = self._of.pop(key, None)
        if held is None:
            self._bytes += len(key.encode()) + _ENTRY
        self._of[key] = offset if held is None else max(held, offset)
        while self._bytes > self._most_bytes and len(self._of) > 1:
            oldest, told = self._of.popitem(last=False)
            self._bytes -= len(oldest.encode()) + _ENTRY
            number = int(oldest.partition(" ")[0])
            self._floors[number] = max(self.floor(number), told)

    def dump(self) -> dict[str, int]:
        """Return all of it as plain data; a floor has no name behind its partition."""
        return {f"{source} ": offset for source, offset in self._floors.items()} | self._of

    @classmethod
    def load(cls, held: Mapping[str, int]) -> Offsets:
        """Go on from what `dump` gave.

        Raises:
            ValueError: a key names no source partition.
        """
        found = cls()
        for key, offset in held.items():
            source, _, name = key.partition(" ")
            if name:
                found.raise_to(int(source), name, offset)
            else:
                found._floors[int(source)] = offset
        return found
