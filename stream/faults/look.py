"""One signal's recent raw values beside its reference: what every recogniser of a fault sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from driftlog.records import Fault, FaultKind, SignalProfile, SignalType, rounded

__all__ = ["LEAST_COUNT", "LEAST_ROWS", "STUCK_ROWS", "Look", "Usual", "fault", "number"]

FloatArray = NDArray[np.float64]

LEAST_ROWS = 30  # fewer values prove nothing
STUCK_ROWS = 100  # the same in so many rows in a row is no chance either
LEAST_COUNT = 8  # rows of one value that are no chance


def fault(kind: FaultKind, words: str, **figures: float) -> Fault:
    """Name a fault, with figures that are the same on every machine."""
    return Fault(kind=kind, words=words, figures={name: rounded(v) for name, v in figures.items()})


def number(value: float) -> str:
    """Write a value as people know it.

    >>> number(-9999.0), number(1010.5), number(1e30)
    ('-9,999', '1,010.5', '1e+30')
    """
    return f"{value:,.10g}"


@dataclass(frozen=True)
class Usual:
    """A signal's reference, ready to be compared with values. Made once for a signal."""

    profile: SignalProfile

    @cached_property
    def edges(self) -> FloatArray:
        """Edges of the bins of a number, rising."""
        return np.array(self.profile.edges, dtype=np.float64)

    @cached_property
    def below(self) -> FloatArray:
        """Share of the values below each edge."""
        shares = np.array(self.profile.shares[: len(self.profile.edges) + 1], dtype=np.float64)
        return np.cumsum(shares / shares.sum())[:-1]

    @cached_property
    def marks(self) -> FloatArray:
        """The edges, moved by the 10th digit to the side where they still part what they part.

        An edge right above a value closes that value's own bin; any other begins one.
        """
        unit = 1e-10 * float(np.abs(self.edges).max(initial=0.0))
        closing = np.zeros(len(self.edges), dtype=np.bool_)
        closing[1:] = self.edges[1:] == np.nextafter(self.edges[:-1], np.inf)
        closing[-1:] = True
        return np.where(closing, self.edges + unit, self.edges - unit)

    @cached_property
    def points(self) -> tuple[FloatArray, FloatArray]:
        """Inner quantiles, rising: (shares, values), from .05 to .95."""
        known = dict(zip((0.05, 0.25, 0.5, 0.75, 0.95), self.profile.quantiles[1:6], strict=False))
        inner = (self.below > 0.04) & (self.below < 0.96)
        known |= dict(zip(self.below[inner].tolist(), self.edges[inner].tolist(), strict=True))
        shares = sorted(known)
        return np.array(shares), np.maximum.accumulate(np.array([known[s] for s in shares]))

    @cached_property
    def levels(self) -> dict[str, float]:
        """Shares of the levels of a category; those that share a bin have none each, but 0."""
        own = self.profile.shares[: len(self.profile.levels)]
        found = dict(zip(self.profile.levels, own, strict=True))
        rest = self.profile.shares[len(own)] / max(len(self.profile.other_levels), 1)
        return found | dict.fromkeys(self.profile.other_levels, rest)

    @property
    def sd(self) -> float:
        """Spread of the values, in their unit; 0 of a constant."""
        return self.profile.sd

    @property
    def dependence(self) -> float:
        """By how much rows of this signal count less than independent ones, at least 1."""
        return max(self.profile.long_run_variance, 1.0)

    def share_of(self, value: float) -> float:
        """Share of a value in the reference, or the most that it can be."""
        common = self.profile.common
        if common is not None:
            return dict(common).get(value, 0.0)
        at = int(np.searchsorted(self.edges, value, side="right"))
        return float(self.profile.shares[at]) if at < len(self.edges) + 1 else 0.0

    @cached_property
    def most_common(self) -> float:
        """Share of the most frequent value of a number: what one value usually holds at most."""
        common = self.profile.common
        if common is None:
            return max(self.profile.shares[: len(self.profile.edges) + 1], default=0.0)
        return max((share for _, share in common), default=0.0)


@dataclass(frozen=True)
class Look:
    """Recent rows of one signal that has moved, in its own unit.

    values: (n,) of a number or boolean: finite, NaN missing, inf a wrong type, -inf a wrong type
        that reads as the right one ("1.5"). Empty for a category.
    counts: rows by level, of a category.
    absent, mistyped: rows of a category without a text: nulls, and other types.
    run, of: how many of the latest rows in a row hold the same: a value, a text, or none (None).
    """

    usual: Usual
    values: FloatArray = field(default_factory=lambda: np.empty(0))
    counts: Mapping[str, int] = field(default_factory=dict)
    absent: int = 0
    mistyped: int = 0
    run: int = 0
    of: float | str | None = None

    @property
    def profile(self) -> SignalProfile:
        """The reference of the signal."""
        return self.usual.profile

    @property
    def category(self) -> bool:
        """Whether its values are texts."""
        return self.profile.type is SignalType.CATEGORY

    @property
    def boolean(self) -> bool:
        """Whether its values are true and false."""
        return self.profile.type is SignalType.BOOLEAN

    @cached_property
    def there(self) -> FloatArray:
        """The values of a number, in order of the rows."""
        return self.values[np.isfinite(self.values)]

    @cached_property
    def held(self) -> int:
        """Rows with a value."""
        return sum(self.counts.values()) if self.category else len(self.there)

    @property
    def worth(self) -> float:
        """Rows with a value, less what they depend on each other."""
        return self.held / self.usual.dependence

    @cached_property
    def rows(self) -> int:
        """All rows."""
        return self.held + self.absent + self.mistyped if self.category else len(self.values)

    @cached_property
    def nulls(self) -> float:
        """Share of rows without a value."""
        return self._share(self.absent if self.category else int(np.isnan(self.values).sum()))

    @cached_property
    def wrong(self) -> float:
        """Share of rows of a wrong type."""
        return self._share(self.mistyped if self.category else int(np.isinf(self.values).sum()))

    @cached_property
    def readable(self) -> float:
        """Share of rows whose value is right but for its type."""
        return self._share(int(np.isneginf(self.values).sum()))

    @cached_property
    def tops(self) -> Sequence[tuple[float, int]]:
        """Distinct values of a number with their rows, the most frequent first."""
        distinct, counts = np.unique(self.there, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return [(float(distinct[i]), int(counts[i])) for i in order[:8]]

    def distance(self, values: FloatArray, without: float | None = None) -> float:
        """Kolmogorov's distance between values (n,) and the reference, taken at its bins' edges.

        Values are compared with the 10 digits that a conversion there and back leaves them.

        Args:
            values: in the reference's unit.
            without: a value that is in neither, however frequent.
        """
        edges, below, marks = self.usual.edges, self.usual.below, self.usual.marks
        if not len(values) or not len(edges):
            return 1.0
        if without is not None:
            share = min(self.usual.share_of(without), 0.99)
            below = (below - share * (edges > without)) / (1.0 - share)
        reached = np.searchsorted(np.sort(values), marks, side="left") / len(values)
        return float(np.abs(reached - below).max())

    def shifted_back(self) -> float:
        """Distance of the values from the reference when their median is moved to its own."""
        middle = self.profile.quantiles[3]
        return self.distance(self.there - float(np.median(self.there)) + middle)

    def error(self, rows: int) -> float:
        """What a Kolmogorov distance of so many rows may be by chance, at about .001."""
        return 1.95 * self.standard_error(rows)

    def standard_error(self, rows: int) -> float:
        """1 / sqrt(n), with what dependence and the reference's own rows make of it."""
        dependence = self.usual.dependence
        return float(np.sqrt(dependence / max(rows, 1) + dependence / max(self.profile.rows, 1)))

    def fits(
        self,
        values: FloatArray,
        margin: float = 0.04,
        without: float | None = None,
        most: float = 0.3,
    ) -> bool:
        """Whether values look like the reference, chance and ``margin`` apart.

        Args:
            values: in the reference's unit.
            margin: distance that is no chance, and does not matter.
            without: a value that is in neither.
            most: distance that is too much, however few the values.
        """
        allowed = min(margin + self.error(len(values)), most)
        return self.distance(values, without) <= allowed

    def _share(self, rows: int) -> float:
        return rows / self.rows if self.rows else 0.0
