"""Chance that depends on the seed and the row alone."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

__all__ = ["Draw"]


@dataclass(frozen=True, slots=True)
class Draw:
    """Uniform numbers in [0, 1), one for each row and lane of one step of a scenario.

    Nothing is carried from row to row: a replay that is resumed in the middle, or reads its rows
    in other groups, draws the same.

    >>> Draw(seed=7, step=0)(12, "distance") == Draw(seed=7, step=0)(12, "distance")
    True
    """

    seed: int
    step: int

    def __call__(self, position: int, lane: str = "") -> float:
        """Return the number of a row; ``lane`` tells apart several draws for one row."""
        text = f"{self.seed}/{self.step}/{position}/{lane}".encode()
        return (int.from_bytes(blake2b(text, digest_size=8).digest(), "big") >> 11) * 2.0**-53
