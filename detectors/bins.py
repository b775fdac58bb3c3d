"""Bins of a reference sample: which values count as one, for numbers and for categories."""

from dataclasses import dataclass
from math import inf, nextafter

import numpy as np

from detectors.contract import FloatArray, IntArray

_MODE_SHARE = 0.2  # a value as frequent as this has a bin to itself
_FEW = 12  # up to so many distinct values have a bin each
_MOST_LEVELS = 30


@dataclass(frozen=True, slots=True)
class NumberBins:
    """Bins of a number by their edges: plain data, made by `number_bins`.

    A value's code is the number of edges that are not above it. So code 0 is below the
    reference's range, the last edge begins what is above it, and the codes between are the bins
    ``[edge, next edge)``. A value with a bin to itself has the next larger float64 as the next
    edge. Two more codes follow: missing, and wrong type.
    """

    edges: tuple[float, ...]

    @property
    def size(self) -> int:
        """Number of codes."""
        return len(self.edges) + 3

    @property
    def missing(self) -> int:
        """Code of a missing value."""
        return len(self.edges) + 1

    @property
    def wrong_type(self) -> int:
        """Code of a value that is not a number."""
        return len(self.edges) + 2

    def labels(self) -> tuple[str, ...]:
        """What each code holds, for people.

        >>> number_bins(np.array([0.0, 1.0, 1.0])).labels()
        ('< 0', '[0, 0.5)', '[0.5, 1]', '> 1', 'missing', 'wrong type')
        """
        if not self.edges:
            return ("any number", "missing", "wrong type")
        names = [f"< {self.edges[0]:.6g}"]
        last = len(self.edges) - 2
        for i, (low, high) in enumerate(zip(self.edges, self.edges[1:], strict=False)):
            if high == nextafter(low, inf):
                names.append(f"= {low:.6g}")
                continue
            # After a bin of one value the next begins just above it.
            above = i > 0 and low == nextafter(self.edges[i - 1], inf)
            left = f"({self.edges[i - 1]:.6g}" if above else f"[{low:.6g}"
            names.append(f"{left}, {high:.6g}{']' if i == last else ')'}")
        top = nextafter(self.edges[-1], -inf)
        return (*names, f"> {top:.6g}", "missing", "wrong type")


@dataclass(frozen=True, slots=True)
class CategoryBins:
    """Bins of a category: plain data, made by `category_bins`.

    codes: for each level of the reference, by its index, its code. The most frequent levels have
    codes 0, 1, ... of their own; then follow: other levels of the reference, missing, wrong type,
    and unseen in the reference.
    """

    codes: tuple[int, ...]
    own: int

    @property
    def size(self) -> int:
        """Number of codes."""
        return self.own + 4

    @property
    def other(self) -> int:
        """Code of the reference's rare levels."""
        return self.own

    @property
    def missing(self) -> int:
        """Code of a missing value."""
        return self.own + 1

    @property
    def wrong_type(self) -> int:
        """Code of a value of another type."""
        return self.own + 2

    @property
    def unseen(self) -> int:
        """Code of a level that the reference does not have."""
        return self.own + 3

    def labels(self, levels: tuple[str, ...]) -> tuple[str, ...]:
        """What each code holds, for people; `levels` are the reference's, by index."""
        names = {code: level for level, code in zip(levels, self.codes, strict=True)}
        kept = tuple(names[code] for code in range(self.own))
        return (*kept, "other levels", "missing", "wrong type", "unseen levels")


def number_bins(values: FloatArray, bins: int = 10) -> NumberBins:
    """Quantile bins of a reference sample, fitted to what it looks like.

    `values` (m,) may hold NaN (missing) and infinities (wrong type), which have codes of their
    own. Up to 12 distinct values have a bin each (cut half-way between them); a single one makes a
    constant. Otherwise each value with a share above .2 has a bin to itself (a zero-inflated
    number), and the rest is cut at its quantiles into `bins` bins, fewer where they coincide.

    Raises ValueError for fewer than 2 bins.

    >>> rng = np.random.default_rng(1)
    >>> spend = np.where(rng.random(10_000) < 0.8, 0.0, rng.lognormal(size=10_000))
    >>> number_bins(spend, 4).labels()[:3]
    ('< 0', '= 0', '(0, 0.506267)')
    """
    if bins < 2:
        raise ValueError(f"bins is {bins}; quantile bins are 2 or more")
    distinct, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    if not distinct.size:
        return NumberBins(())
    beyond = nextafter(float(distinct[-1]), inf)
    if distinct.size <= _FEW:
        # Half of each, so that the sum of two large ones is finite.
        between = distinct[:-1] / 2 + distinct[1:] / 2
        edges = np.array([distinct[0], *between, beyond])
        return NumberBins(tuple(float(edge) for edge in np.unique(edges) if edge < np.inf))
    modes = distinct[counts > _MODE_SHARE * counts.sum()]
    rest = ~np.isin(distinct, modes)
    reached = np.cumsum(counts[rest]) / counts[rest].sum()
    cuts = np.searchsorted(reached, np.arange(1, bins) / bins, side="left")
    edges = np.concatenate(
        [
            [distinct[0], beyond],
            modes,
            [nextafter(float(mode), inf) for mode in modes],
            distinct[rest][cuts],
        ]
    )
    return NumberBins(tuple(float(edge) for edge in np.unique(edges) if edge < np.inf))


def category_bins(counts: IntArray, most: int = _MOST_LEVELS) -> CategoryBins:
    """Bins of a category whose levels, by index, occur so often in the reference.

    The `most` frequent levels have a bin each (of equally frequent ones those with the smaller
    index), the rest share one: many rare levels would make the index large by chance alone.

    >>> category_bins(np.array([5, 90, 5, 0]), most=2).codes
    (1, 0, 2, 2)
    """
    order = np.argsort(-counts, kind="stable")
    own = int(min(most, (counts > 0).sum()))
    codes = np.full(len(counts), own)
    codes[order[:own]] = np.arange(own)
    return CategoryBins(tuple(int(code) for code in codes), own)
