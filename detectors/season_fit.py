"""Cycles from a reference: fitted at knots by least squares, believed if they foretell other days.

Straight lines between hourly knots come within 1 % of the amplitude of a daily sine. A signal has a
cycle if what is fitted on the even days (or weeks) is nearer to the odd ones than no cycle is, and
the other way round: white noise has none, and neither has weather, which differs from day to day.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from detectors.contract import CodeArray, FloatArray, IntArray
from detectors.linear import solve

_RIDGE = 1e-3  # of a knot's rows; holds still what no row says, bends a daily sine by 1e-5
_LEAST_SD = 0.2  # of the whole: one odd value of a calm night must not outweigh a day
_LEAST_GAIN = 0.003  # share of the variance, or PSI, explained; less matters to nobody
_LEAST_COUNT = 50  # rows of a bin below which it has no say in whether there is a cycle
_SURE = 2.0  # standard errors by which the groups must agree


@dataclass(frozen=True)
class Places:
    """n rows among K knots and G groups of days (or weeks), of which every other is for the trial.

    knot: int64 (n,); after: float64 (n,), as `detectors.season.place` gives them; group: int64
    (n,), 0 to G - 1; knots: K.
    """

    knot: IntArray
    after: FloatArray
    group: IntArray
    knots: int

    @cached_property
    def groups(self) -> int:
        """G."""
        return int(self.group.max(initial=0)) + 1

    def take(self, index: IntArray) -> "Places":
        """The rows at `index`, which rises."""
        if len(index) == len(self.knot):
            return self
        return Places(self.knot[index], self.after[index], self.group[index], self.knots)

    @cached_property
    def rows(self) -> FloatArray:
        """Rows of each knot in each group, (G, K), each row shared between its two knots."""
        return self.sums(np.ones(len(self.knot)))

    def sums(self, values: FloatArray) -> FloatArray:
        """Sums (G, K) of values (n,), weighted by the share that a row has in a knot."""
        return self._binned(self.knot, (1.0 - self.after) * values) + self._binned(
            (self.knot + 1) % self.knots, self.after * values
        )

    def code_sums(self, codes: CodeArray, bins: int) -> FloatArray:
        """Rows (G, K, B) of each bin, shared likewise."""
        out = np.zeros((self.groups, self.knots, bins))
        base = self.group * self.knots
        for knot, weight in (
            (self.knot, 1.0 - self.after),
            ((self.knot + 1) % self.knots, self.after),
        ):
            out.ravel()[:] += np.bincount((base + knot) * bins + codes, weight, out.size)
        return out

    @cached_property
    def gram(self) -> FloatArray:
        """The two bands of the straight lines' Gram matrix, (2, G, K): knot k with k, and k + 1."""
        low, high = 1.0 - self.after, self.after
        own = self._binned(self.knot, low * low)
        own += self._binned((self.knot + 1) % self.knots, high * high)
        bands: FloatArray = np.stack((own, self._binned(self.knot, low * high)))
        return bands

    def _binned(self, knot: IntArray, weights: FloatArray) -> FloatArray:
        out = np.zeros((self.groups, self.knots))
        flat = self.group * self.knots + knot
        out.ravel()[:] = np.bincount(flat, weights, out.size)
        return out


def _matrix(bands: FloatArray) -> FloatArray:
    """The Gram matrix (K, K) of its two bands (2, K)."""
    knots = bands.shape[1]
    at = np.arange(knots)
    full = np.zeros((knots, knots))
    full[at, at] = bands[0]
    full[at, (at + 1) % knots] += bands[1]
    full[(at + 1) % knots, at] += bands[1]
    return full


def _bend(knots: int) -> FloatArray:
    """What second differences cost, (K, K)."""
    out = np.zeros((knots, knots))
    at = np.arange(knots)
    for step, cost in enumerate((3.0, -4.0, 1.0)):  # twice, from either side
        out[at, (at + step) % knots] += cost
        out[(at + step) % knots, at] += cost
    return out


def _solve(bands: FloatArray, right: FloatArray) -> FloatArray:
    """Least squares at the knots, (K, C), of weighted sums (K, C), held by second differences."""
    knots = bands.shape[1]
    weight = _RIDGE * max(float(bands[0].mean()), 1e-9)
    held = _matrix(bands) + weight * _bend(knots)
    return solve(held, right)


def fitted(places: Places, values: FloatArray) -> FloatArray:
    """Values (n,) at the knots, (K,)."""
    return _solve(places.gram.sum(axis=1), places.sums(values).sum(axis=0)[:, None])[:, 0]


def at_rows(knots: FloatArray, places: Places) -> FloatArray:
    """What is fitted at the knots (K,), at each row (n,)."""
    here = knots[places.knot]
    found: FloatArray = here + places.after * (knots[(places.knot + 1) % len(knots)] - here)
    return found


def spread(places: Places, off: FloatArray) -> FloatArray:
    """Standard deviation at the knots, (K,), of what values are off their cycle by, (n,)."""
    whole = float((off**2).mean())
    square = fitted(places, off**2)
    found: FloatArray = np.sqrt(np.maximum(square, _LEAST_SD**2 * whole))
    return found


def fitted_shares(places: Places, codes: CodeArray, shares: FloatArray) -> FloatArray:
    """Shares of the bins at the knots, (K, B), each row summing to 1.

    Smoothed by half a row a bin, which falls on the bins as the reference's `shares` (B,) do.
    """
    size = len(shares)
    sums = places.code_sums(codes, size).sum(axis=0)
    found = np.maximum(_solve(places.gram.sum(axis=1), sums), 0.0)
    found /= found.sum(axis=1, keepdims=True)
    rows = places.rows.sum(axis=0)[:, None]
    smoothed: FloatArray = (rows * found + 0.5 * size * shares) / (rows + 0.5 * size)
    return smoothed


def mean_gain(places: Places, z: FloatArray) -> FloatArray:
    """How much nearer the mean's cycle is to the rows of each group, (G,), in rows explained.

    Fitted on the groups of the other parity; n times the share of the variance explained, below 0
    where there is no cycle. `z` (n,) are finite.
    """
    variance = float(z.var())
    if variance == 0.0:
        return np.zeros(places.groups)
    return _gain(places, places.sums(z)[:, :, None])[:, 0] / variance


def bins_gain(places: Places, codes: CodeArray, bins: int) -> tuple[FloatArray, int]:
    """The same of the bins' shares, and the number of bins that were asked.

    By Pearson's weights: n times the PSI explained, about.
    """
    counts = np.bincount(codes, minlength=bins)
    asked = np.flatnonzero((counts >= _LEAST_COUNT) & (counts < len(codes)))
    if not len(asked):
        return np.zeros(places.groups), 0
    sums = places.code_sums(codes, bins)[:, :, asked]
    return _gain(places, sums) @ (len(codes) / counts[asked]), len(asked)


def _gain(places: Places, sums: FloatArray) -> FloatArray:
    """Squared error without the cycle less that with it, (G, C), for weighted sums (G, K, C)."""
    bands = places.gram
    parity = np.arange(places.groups) % 2
    out = np.zeros((places.groups, sums.shape[2]))
    for side in (0, 1):
        learned = parity != side
        right = sums[learned].sum(axis=0)
        model = _solve(bands[:, learned].sum(axis=1), right)
        level = right.sum(axis=0) / max(float(places.rows[learned].sum()), 1e-9)
        flat = np.broadcast_to(level, model.shape)
        for group in np.flatnonzero(parity == side):
            gram = _matrix(bands[:, group])
            for sign, shape in ((1.0, flat), (-1.0, model)):
                squares = np.einsum("kc,kl,lc->c", shape, gram, shape)
                out[group] += sign * (squares - 2.0 * (sums[group] * shape).sum(axis=0))
    return out


def convincing(gain: FloatArray, rows: int, parameters: int, variance: float) -> bool:
    """Whether a gain (G,) over so many rows is more than noise, and more than nothing.

    Without a cycle the gain of a fit with p parameters is about -p V, with a spread of
    2 V sqrt(p); at least +p V is asked for, and that the groups agree.

    Args:
        gain: by group.
        rows: of all groups.
        parameters: fitted.
        variance: V, the long-run variance of what is left.
    """
    total = float(gain.sum())
    if total < max(_LEAST_GAIN * rows, parameters * variance):
        return False
    if len(gain) < 4:
        return bool((gain > 0.0).all())
    error = float(gain.std(ddof=1)) / float(np.sqrt(len(gain)))
    return float(gain.mean()) >= _SURE * error
