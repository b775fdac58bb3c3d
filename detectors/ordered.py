"""Distances between a window and its reference where the bins have an order: numbers."""

import numpy as np

from detectors.contract import FloatArray, IntArray

_ROUNDING = 1e-6  # sd; centres come from records with nine digits


class Ordered:
    """The reference's cumulative shares over the bins that hold values, in rising order.

    Only values count: rows without one (missing, of a wrong type) are in bins behind the ordered
    ones, and are another judge's business.

    Parameters
    ----------
    shares
        Reference share of each bin, (S, B), NaN behind the last.
    rows
        m, rows of the reference, with a value or not, (S,).
    ordered
        How many leading bins hold values in rising order, (S,); 0 where the bins have no order.

    >>> ordered = Ordered(np.array([[0.25, 0.5, 0.2, 0.05]]), np.array([1000]), np.array([3]))
    >>> difference, n = ordered.difference(np.array([[10, 10, 20, 60]]))
    >>> difference.round(3).tolist(), n.tolist()
    ([[-0.013, -0.289, 0.0, 0.0]], [40])
    """

    def __init__(self, shares: FloatArray, rows: FloatArray | IntArray, ordered: IntArray) -> None:
        if ordered.shape != rows.shape or shares.ndim != 2:
            raise ValueError(
                f"shares {shares.shape}, rows {rows.shape} and ordered {ordered.shape} are (S, B), "
                "(S,) and (S,)"
            )
        place = np.arange(shares.shape[1])
        self.mask = place < ordered[:, None]
        # Behind the last but one the cumulative shares of both are 1.
        self.inner = place < ordered[:, None] - 1
        held = np.where(self.mask, shares, 0.0)
        present = held.sum(axis=1)
        self.shares = held / np.where(present > 0.0, present, 1.0)[:, None]
        self.cumulative = np.where(self.inner, np.cumsum(self.shares, axis=1), 0.0)
        self.rows = np.maximum(rows * present, 1.0)

    def difference(self, counts: IntArray) -> tuple[FloatArray, IntArray]:
        """Cumulative shares of counts (S, B) less the reference's, at each edge, and values n (S,).

        0 where a signal has no values.
        """
        held = np.where(self.mask, counts, 0)
        n: IntArray = held.sum(axis=1)
        reached = np.cumsum(held, axis=1) / np.maximum(n, 1)[:, None]
        difference = np.where(self.inner & (n > 0)[:, None], reached - self.cumulative, 0.0)
        return difference, n


def gaps(centres: FloatArray, ordered: IntArray) -> FloatArray:
    """Distance (S, B) from the centre of each ordered bin to the next one's; 0 behind the last.

    >>> gaps(np.array([[-1.0, 0.0, 2.0, np.nan]]), np.array([3])).tolist()
    [[1.0, 2.0, 0.0, 0.0]]
    """
    out = np.zeros(centres.shape)
    out[:, :-1] = np.diff(centres, axis=1)
    inner = np.arange(centres.shape[1]) < ordered[:, None] - 1
    out[~inner] = 0.0
    falls = np.flatnonzero(~(out >= -_ROUNDING).all(axis=1))
    if falls.size:
        raise ValueError(
            f"centres of signal {falls[0]} are {centres[falls[0]]}; those of ordered bins rise"
        )
    return np.maximum(out, 0.0)
