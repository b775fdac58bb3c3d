"""Thresholds from a reference in time order: what keeps false alarms within a budget."""

from math import exp, log, sqrt

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri

from detectors.contract import FloatArray

_OVERSHOOT = 0.6  # of the sum over h at an alarm, in sd; measured over seven kinds of data
_ATOMS = 4096
_NO_ROOT = 20.0  # exponent taken where the values never exceed the allowance
_MOST_LOG_INV_DELTA = 300 * log(10)  # delta 1e-300
_AUTOCORRELATED = 1.3  # a long-run variance above this is more than the noise of its estimate


def widened(allowances: tuple[float, ...], variance: float, rows: int) -> FloatArray:
    """Allowances less what the reference's own mean may be off by, ``2 sqrt(V/m)``.

    Never less than a fifth of the allowance.
    """
    k = np.array(allowances, dtype=np.float64)
    return np.maximum(k - 2.0 * sqrt(variance / max(rows, 1)), 0.2 * k)


def _atoms(z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Values and weights with the distribution of z, at most `_ATOMS` of them.

    The means of narrow cells (1/100 sd) stand for what they hold: a hundredth of the time, and an
    exponent that is the same to three digits.
    """
    values, counts = np.unique(z, return_counts=True)
    if values.size <= _ATOMS:
        return values, counts / max(z.size, 1)
    cell = ((values - values[0]) * ((_ATOMS - 1) / (values[-1] - values[0]))).astype(np.int64)
    held = np.bincount(cell, weights=counts)
    total = np.bincount(cell, weights=counts * values)
    return total[held > 0] / held[held > 0], held[held > 0] / z.size


def exponents(
    z: FloatArray, allowances: tuple[float, ...], variance: float, rows: int | None = None
) -> FloatArray:
    """theta (2, K): the positive root of ``mean(exp(theta (+-z - k'))) = 1``, 20 if there is none.

    With it the tail of the CUSUM of this very distribution falls as ``exp(-theta h)``: skewed and
    heavy-tailed signals have a smaller theta than the 2k of N(0,1). `z` is one signal of the
    reference, clipped and standardised; k' the widened allowance. `rows` are those behind the mean
    where they are not all that there are: of a cycle those of one hour.

    Source: Wald's fundamental identity; Siegmund (1985), chapter II.
    """
    z = z[np.isfinite(z)]
    values, weights = _atoms(z)
    out = np.full((2, len(allowances)), _NO_ROOT)
    for j, k in enumerate(widened(allowances, variance, z.size if rows is None else rows)):
        for side, sign in enumerate((1.0, -1.0)):
            step = sign * values - k

            def cumulant(theta: float, step: FloatArray = step) -> float:
                # By hand: scipy's logsumexp takes thirty times as long for the same digits.
                scaled = theta * step
                most = float(scaled.max())
                return most + log(float(weights @ np.exp(scaled - most)))

            # The mean of z is 0 up to rounding, so the cumulant falls first; it comes back above
            # 0 where a value exceeds the allowance.
            high = 1e-4
            while high < _NO_ROOT and (z.size == 0 or cumulant(high) < 0.0):
                high *= 1.3
            if 1e-4 < high < _NO_ROOT:
                out[side, j] = brentq(cumulant, high / 1.3, high)
            elif high <= 1e-4:
                out[side, j] = 1e-4
    return out


def _rows_between(theta: float, variance: float, h: float) -> float:
    """ln of Siegmund's mean rows to a false alarm of a one-sided CUSUM with threshold h."""
    b = theta * (h + _OVERSHOOT)
    # e^b - b - 1 without overflow or cancellation
    grown = b + log(-np.expm1(-b) - b * exp(-b)) if b > 1e-3 else 2.0 * log(b) - log(2.0)
    return grown + log(2.0 / (theta * theta * variance))


def cusum_thresholds(
    theta: FloatArray,
    allowances: tuple[float, ...],
    variance: float,
    rows: int,
    between: float,
) -> FloatArray:
    """h (2, K) for which one signal's bank raises one false alarm in `between` rows.

    theta, variance and rows are the reference's, by `exponents` and `long_run_variance`. The
    budget is shared evenly by the members kept and the two sides. Allowances below
    ``3 sqrt(V/m)`` get ``inf`` (dropped): shifts so small are within the reference's own error.
    The largest allowance is always kept.

    Source: Siegmund (1985), chapter X, with the exponent of the reference in the place of 2k and
    its long-run variance in the place of 1.

    >>> cusum_thresholds(np.array([[1.0], [1.0]]), (0.5,), 1.0, 10**6, 1e5).round(1).tolist()
    [[11.0], [11.0]]
    """
    k = np.array(allowances, dtype=np.float64)
    kept = (k >= 3.0 * sqrt(variance / max(rows, 1))) | (k == k.max())
    goal = log(between * 2 * int(kept.sum()))
    out = np.full((2, len(k)), np.inf)
    for j in np.flatnonzero(kept):
        slack = widened(allowances, variance, rows)[j]
        for side in range(2):
            t = min(float(theta[side, j]) / variance, 2.0 * slack / variance)
            high = 1.0
            while _rows_between(t, variance, high) < goal:
                high *= 2.0
            if _rows_between(t, variance, 1e-3) >= goal:
                out[side, j] = 1e-3
            else:
                out[side, j] = brentq(
                    lambda h, t=t: _rows_between(t, variance, h) - goal, 1e-3, high
                )
    return out


def normal_thresholds(allowances: tuple[float, ...], between: float = 1e6) -> FloatArray:
    """h (2, K) of a bank over N(0,1) that raises one false alarm in `between` rows: the textbook's.

    Source: Siegmund (1985), chapter X.

    >>> normal_thresholds((0.5, 1.0), 1e4).round(1)[0].tolist()
    [8.7, 4.5]
    """
    goal = log(between * 2 * len(allowances))

    def h(k: float) -> float:
        def excess(h: float) -> float:
            b = 2 * k * (h + 1.166)
            return log((exp(b) - b - 1) / (2 * k * k)) - goal

        return float(brentq(excess, 0.0, 300.0 / (2 * k)))

    return np.tile(np.array([h(k) for k in allowances]), (2, 1))


def adwin_log_inv_delta(between: float, variance: float) -> float:
    """ln(1/delta) for which ADWIN raises one false alarm in `between` rows of one signal.

    Measured rows per alarm, with `adwin_scale`:

    ============  ======  =======  =======  =======
    delta             .5       .1      .01     .002
    ============  ======  =======  =======  =======
    N(0,1)         2,660   21,000  310,000    2.5e6
    t(3)           2,430   16,700  210,000     .9e6
    lognormal      9,900  105,000    > 1e6    > 1e6
    boolean 1 %   35,400  364,000    > 1e6    > 1e6
    AR(1) .8         300    3,500   67,000     .7e6
    ============  ======  =======  =======  =======

    (for AR(1) with ln(1/delta) times V). Their lower envelope is ``7.1 + 1.05 ln(1/delta)`` in
    ln(rows) for independent values and ``4 + 1.4 ln(1/delta)`` for autocorrelated ones. The result
    is at most that of delta 1e-300.
    """
    law = (log(between) - 7.1) / 1.05
    if variance > _AUTOCORRELATED:
        law = max(law, (log(between) - 4.0) / 1.4)
    return min(max(law, log(2.0)) * max(variance, 1.0), _MOST_LOG_INV_DELTA)


def adwin_scale(z: FloatArray) -> float:
    """What to divide one signal by before ADWIN: its absolute skewness, at least 1.

    ADWIN's bound adds a term for values of unit range, which covers N(0,1) by luck and rare large
    values not at all: on 1 % booleans delta .002 alarms each 28,000 rows. Bernstein's inequality
    has the third moment in that place.

    >>> rng = np.random.default_rng(1)
    >>> round(adwin_scale((rng.random(100_000) < 0.01) * 1.0))
    10
    """
    z = z[np.isfinite(z)]
    if z.size < 2 or float(np.ptp(z)) == 0.0:
        return 1.0
    off = z - z.mean()
    return max(1.0, float(np.abs((off**3).mean()) / off.var() ** 1.5))


def chi_square_levels(level: FloatArray, most: int) -> FloatArray:
    """Quantiles (S, `most`) of chi-square for 1 to `most` degrees of freedom at levels (S,).

    Raises ValueError for a level that is no probability.

    >>> chi_square_levels(np.array([0.05]), 3).round(2).tolist()
    [[3.84, 5.99, 7.81]]
    """
    if not bool(((level > 0) & (level < 1)).all()):
        raise ValueError(f"level holds {level}; a level is a probability, above 0 and below 1")
    table: FloatArray = chdtri(np.arange(1, most + 1)[None, :], level[:, None])
    return table
