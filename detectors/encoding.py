"""Values to bin codes, all signals of a model at once."""

import numpy as np
from numpy.typing import NDArray

from detectors.bins import CategoryBins, NumberBins
from detectors.contract import CodeArray, FloatArray, IntArray, finite
from detectors.kernel import kernel

LevelArray = NDArray[np.int32]

MISSING, WRONG_TYPE, UNSEEN = -1, -2, -3  # in the place of a level's index


@kernel
def _number_codes(x: FloatArray, edges: FloatArray, sizes: IntArray, out: CodeArray) -> None:
    for s in range(x.shape[0]):
        size = sizes[s]
        for i in range(x.shape[1]):
            v = x[s, i]
            if np.isnan(v):
                out[s, i] = size + 1
            elif np.isinf(v):
                out[s, i] = size + 2
            else:
                code = 0
                for e in range(size):
                    code += v >= edges[s, e]
                out[s, i] = code


@kernel
def _level_codes(x: LevelArray, table: CodeArray, sizes: IntArray, out: CodeArray) -> None:
    for s in range(x.shape[0]):
        for i in range(x.shape[1]):
            level = x[s, i]
            if level >= sizes[s]:
                level = np.int32(-3)
            out[s, i] = table[s, level if level >= 0 else table.shape[1] + level]


class NumberEncoder:
    """Codes of S numbers by their bins; values above all edges of a short row stay in range.

    >>> bins = [NumberBins((0.0, 1.0, 2.0)), NumberBins((5.0, 6.0))]
    >>> encoder = NumberEncoder(bins)
    >>> encoder.encode(np.array([[-1, 0, 1.5, 9, np.nan], [1, 5, 7, np.nan, np.inf]])).tolist()
    [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]
    """

    def __init__(self, bins: list[NumberBins]) -> None:
        self._sizes = np.array([len(b.edges) for b in bins], dtype=np.int64)
        self._edges = np.full((len(bins), int(self._sizes.max(initial=0))), np.inf)
        for row, b in zip(self._edges, bins, strict=True):
            row[: len(b.edges)] = b.edges

    def encode(self, x: FloatArray) -> CodeArray:
        """Codes int16 (S, N) of values (S, N); NaN is missing, an infinity the wrong type."""
        if x.ndim != 2 or len(x) != len(self._sizes):
            raise ValueError(f"x has shape {x.shape}; this encoder takes ({len(self._sizes)}, N)")
        out = np.empty(x.shape, dtype=np.int16)
        _number_codes(finite(x), self._edges, self._sizes, out)
        return out


class CategoryEncoder:
    """Codes of S categories by their bins.

    >>> encoder = CategoryEncoder([CategoryBins((1, 0, 2), 2)])
    >>> encoder.encode(np.array([[0, 1, 2, -1, -2, -3]], dtype=np.int32)).tolist()
    [[1, 0, 2, 3, 4, 5]]
    """

    def __init__(self, bins: list[CategoryBins]) -> None:
        self._sizes = np.array([len(b.codes) for b in bins], dtype=np.int64)
        width = int(self._sizes.max(initial=0)) + 3
        self._table = np.zeros((len(bins), width), dtype=np.int16)
        for row, b in zip(self._table, bins, strict=True):
            row[: len(b.codes)] = b.codes
            # Indexed from the end by MISSING, WRONG_TYPE and UNSEEN.
            row[-3:] = (b.unseen, b.wrong_type, b.missing)

    def encode(self, levels: LevelArray) -> CodeArray:
        """Codes int16 (S, N) of level indices (S, N).

        -1 is missing, -2 the wrong type, -3 (or an index the reference does not have) unseen.
        Raises ValueError for a wrong shape or an index below -3.
        """
        if levels.ndim != 2 or len(levels) != len(self._sizes):
            raise ValueError(
                f"levels have shape {levels.shape}; this encoder takes ({len(self._sizes)}, N)"
            )
        if levels.size and int(levels.min()) < UNSEEN:
            raise ValueError(f"levels hold {levels.min()}; the least is {UNSEEN}, an unseen level")
        out = np.empty(levels.shape, dtype=np.int16)
        _level_codes(np.ascontiguousarray(levels, dtype=np.int32), self._table, self._sizes, out)
        return out
