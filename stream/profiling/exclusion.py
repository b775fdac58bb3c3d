"""Inputs that name their row instead of describing it: left out by themselves, and said so."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftlog.records import SignalType
from stream.profiling.cells import Cells, Kind
from stream.profiling.prose import is_prose

__all__ = ["is_free_text", "why_excluded"]

MIN_ROWS: Final = 50  # below it, unique values prove nothing
UNIQUE: Final = 0.95
TEXT_UNIQUE: Final = 0.9
FOLLOWS: Final = 0.999
_MANY_TEXTS: Final = 200
_LOOKED_AT: Final = 1_000  # texts read to tell free text from identifiers
_IDENTIFIER = re.compile(r"(^|[_.\- ])(id|uuid|guid|rowid|row_number|index)$", re.IGNORECASE)
_CAMEL = re.compile(r"[a-z](Id|ID|Uuid|UUID)$")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?")


def why_excluded(name: str, cells: Cells, kind: SignalType | None) -> str | None:
    """Say why an input is no signal, or None when it is one.

    The rules, on the cells present in event-time order:

    - nothing but nulls, or nothing but lists and objects;
    - texts of which 90 % and more are distinct (from 50 rows on): identifiers, unless they are
      free text (`is_free_text`);
    - texts that are dates or times: they move on by themselves;
    - numbers nearly all distinct that follow the order of the rows (rank correlation .999): row
      numbers, counters, clocks. Ties in time that shuffle neighbours do not hide them;
    - whole numbers, all distinct, that fill their range: keys in any order;
    - whole numbers 95 % distinct under an identifier's name (``id``, ``customer_id``, ``userId``).

    A constant column is kept: that it changes is worth knowing.
    """
    if not cells.kind.any():
        return "holds nothing but nulls"
    if kind is None:
        return "holds lists or objects, which no signal can be made of"
    if kind is SignalType.CATEGORY:
        return _why_not_texts(cells)
    if kind is SignalType.NUMBER:
        return _why_not_numbers(name, cells.number[cells.kind == Kind.NUMBER])
    return None


def is_free_text(cells: Cells) -> bool:
    """Whether texts are free: mostly of several words (`is_prose`), and too many to be levels.

    Too many are, from 50 rows on, 90 % distinct ones, or 50 % where that is 200 texts and more:
    the same complaint may come twice, and thirty airports in sixty rows are still levels.
    """
    codes = cells.code[cells.code >= 0]
    rows, distinct = len(codes), len(np.unique(codes))
    many = distinct >= TEXT_UNIQUE * rows or (distinct >= rows / 2 and distinct >= _MANY_TEXTS)
    if rows < MIN_ROWS or not many:
        return False
    looked = np.unique(np.linspace(0, rows - 1, _LOOKED_AT).astype(np.intp))
    return is_prose([cells.levels[code] for code in codes[looked].tolist()])


def _why_not_texts(cells: Cells) -> str | None:
    codes = cells.code[cells.code >= 0]
    there = np.unique(codes)
    rows, distinct = len(codes), len(there)
    if rows < MIN_ROWS:
        return None
    if distinct >= TEXT_UNIQUE * rows:
        if is_free_text(cells):
            return None
        return (
            f"identifiers: {distinct} different texts in {rows} rows (if they are free text, "
            "set its type to text)"
        )
    if distinct > 1 and all(_MOMENT.fullmatch(cells.levels[i]) for i in there.tolist()):
        return "dates or times, which move on by themselves"
    return None


def _why_not_numbers(name: str, values: NDArray[np.float64]) -> str | None:
    rows = len(values)
    if rows < MIN_ROWS:
        return None
    ranked = np.sort(values)
    distinct = 1 + int(np.count_nonzero(np.diff(ranked)))
    if distinct < UNIQUE * rows:
        return None
    correlation = _rank_correlation(values)
    if abs(correlation) >= FOLLOWS:
        return (
            f"follows the order of the rows (rank correlation {correlation:.4f}): "
            "a row number, counter or clock"
        )
    if np.any(values != np.floor(values)):
        return None
    if distinct == rows and ranked[-1] - ranked[0] == rows - 1:
        return f"the numbers {ranked[0]:.0f} to {ranked[-1]:.0f}, each once: a key"
    if _IDENTIFIER.search(name) or _CAMEL.search(name):
        return f"identifiers: {distinct} different numbers in {rows} rows under this name"
    return None


def _rank_correlation(values: NDArray[np.float64]) -> float:
    """Spearman's rho between values and their places; both are ranks, so no variance to find."""
    n = len(values)
    gap = np.empty(n)
    gap[np.argsort(values, kind="stable")] = np.arange(n)
    gap -= np.arange(n)
    return 1.0 - 6.0 * float(gap @ gap) / (n * (n * n - 1.0))
