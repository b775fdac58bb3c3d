"""What the bins of a signal are called, for people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detectors.bins import NumberBins

__all__ = ["BOOLEAN_BINS", "SPECIAL", "category_labels", "number_labels"]

BOOLEAN_BINS = ("false", "true", "missing", "wrong type")
SPECIAL = ("other levels", "missing", "wrong type", "unseen")  # of categories, behind the levels
_LONGEST = 60


def number_labels(bins: NumberBins) -> tuple[str, ...]:
    """Name the bins of a number, by code. Edges have as few digits as still tell them apart.

    >>> number_labels(NumberBins((0.0, 5e-324, 1.5, 9.000000000000002)))[:4]
    ('below 0', '= 0', '(0, 1.5)', '[1.5, 9]')
    """
    if not bins.edges:
        return ("any number", "missing", "wrong type")
    # The last edge is the next float64 after the largest value, which is what people know.
    *inner, beyond = bins.edges
    top = float(np.nextafter(beyond, -np.inf))
    texts = _texts([*inner, top])
    names = [f"below {texts[0]}"]
    closed = True  # whether the bin holds its own lower edge
    for at, low in enumerate(inner):
        high = bins.edges[at + 1]
        if high == np.nextafter(low, np.inf):
            names.append(f"= {texts[at]}")
            closed = False  # what follows begins just above, under the same name
            continue
        opening = "[" if closed or at == 0 else "("
        shown = texts[at] if opening == "[" else texts[at - 1]
        names.append(f"{opening}{shown}, {texts[at + 1]}{']' if high == beyond else ')'}")
        closed = True
    return (*names, f"above {texts[-1]}", "missing", "wrong type")


def category_labels(levels: Sequence[str]) -> tuple[str, ...]:
    """Name the bins of a category whose levels have a bin each, by code.

    Levels that are empty, very long, or called like a bin of ours are quoted or cut; no two bins
    have one name.

    >>> category_labels(["UA", "missing", ""])[:3]
    ('UA', '"missing"', '""')
    """
    names: list[str] = []
    taken = set(SPECIAL)
    for level in levels:
        name = level if len(level) <= _LONGEST else level[: _LONGEST - 3] + "..."
        if not name.strip() or name in taken:
            name = f'"{name}"'
        while name in taken:
            name += "'"
        taken.add(name)
        names.append(name)
    return (*names, *SPECIAL)


def _texts(edges: Sequence[float]) -> list[str]:
    distinct = len(set(edges))
    for digits in range(4, 17):
        texts = [f"{edge:.{digits}g}" for edge in edges]
        if len(set(texts)) == distinct:
            return texts
    return [repr(edge) for edge in edges]
