"""Two columns that hold each other's values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from driftlog.records import Fault, FaultKind
from stream.faults.look import LEAST_ROWS, Look, fault

__all__ = ["swapped"]

_APART: Final = 0.2  # distance from its own reference, at least
_NEARER: Final = 2.0  # times nearer to the other's


def swapped(looks: Sequence[tuple[int, Look]]) -> dict[int, Fault]:
    """Recognise pairs among signals that have moved: A as B's reference, and B as A's.

    Args:
        looks: of inputs that have moved, by the number of the signal.

    Returns:
        the faults found, by the number of the signal.
    """
    able = [(i, look) for i, look in looks if look.held >= LEAST_ROWS and not look.boolean]
    away = {i: _distance(look, look) for i, look in able}
    able = [(i, look) for i, look in able if away[i] >= _APART]
    found: dict[int, Fault] = {}
    for at, (i, one) in enumerate(able):
        for j, other in able[at + 1 :]:
            if i in found or j in found or one.category is not other.category:
                continue
            if _like(one, other, away[i]) and _like(other, one, away[j]):
                for me, you in ((i, other), (j, one)):
                    name = you.profile.signal
                    found[me] = fault(
                        FaultKind.SWAPPED, f"holds the values of {name}: columns swapped?"
                    )
    return found


def _like(one: Look, other: Look, away: float) -> bool:
    """Whether ``one`` holds what is usual of ``other``, and is far from what is its own."""
    distance = _distance(one, other)
    margin = 0.05 if not one.category else 0.1
    allowed = min(margin + other.error(one.held), 0.3)
    return distance <= allowed and distance * _NEARER <= away


def _distance(one: Look, other: Look) -> float:
    """From the rows of one to the reference of the other: Kolmogorov's, or total variation."""
    if not one.category:
        return other.distance(one.there)
    usual = other.usual.levels
    rows = max(one.held, 1)
    common = sum(min(count / rows, usual.get(text, 0.0)) for text, count in one.counts.items())
    return 1.0 - common
