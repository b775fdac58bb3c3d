"""How far a reference in time order wanders: what rows that depend on each other take off n."""

from collections.abc import Callable

import numpy as np
from scipy.special import chdtri

from detectors.contract import CodeArray, FloatArray

_MOST_CORRELATED = 0.999  # of neighbours; a series that hardly moves has no more to say
_BLOCKS = 50  # of a size, by which its variance is known well enough to be taken as it is
_FEWEST_BLOCKS = 5
_CHANCE = 0.01  # that independent values seem to wander over long blocks


def _block_variance(x: FloatArray) -> float:
    """Long-run variance of x by the sums of blocks of 32 to 256 rows, their median."""
    n = x.size
    # At least 50 blocks of a size; a short sample uses the four largest sizes it can.
    sizes = [2**e for e in range(9) if 2**e <= max(n // _BLOCKS, 1)][-4:]
    found = []
    for size in sizes:
        blocks = x[: n // size * size].reshape(-1, size).sum(axis=1)
        found.append(float(blocks.var()) / size)
    return float(np.median(found))


def long_run_variance(z: FloatArray) -> float:
    """V, the variance of the sum of n standardised values over n, for large n; at least 1.

    It is 1 for independent values and (1 + phi) / (1 - phi) for AR(1). `z` is one signal of the
    reference in time order; NaN are left out. The larger of two estimates: block sums, which see
    any dependence but are short of long blocks in a small reference, and the AR(1) formula at the
    correlation of neighbours.

    Source: block sums, as in batch means (Schmeiser 1982).

    >>> rng = np.random.default_rng(1)
    >>> round(long_run_variance(rng.normal(size=100_000)), 1)
    1.0
    """
    z = z[np.isfinite(z)]
    if z.size < 2:
        return 1.0
    spread = float(z.var())
    return 1.0 if spread == 0.0 else max(1.0, _long_run(z, spread))


def _long_run(x: FloatArray, spread: float) -> float:
    """Long-run variance of x: block sums, the correlation of neighbours, or what long blocks prove.

    `spread` is the plain variance of x.
    """
    off = x - x.mean()
    neighbours = min(float((off[1:] * off[:-1]).mean()) / spread, _MOST_CORRELATED)
    near = max(_block_variance(x), spread * (1.0 + neighbours) / (1.0 - neighbours))
    return max(near, _proven_by_long_blocks(off, spread, near))


def _proven_by_long_blocks(off: FloatArray, spread: float, near: float) -> float:
    """The largest variance by blocks too few for `_block_variance`, where that is no chance.

    Values that wander for hundreds of rows (the days of a campaign) vary far more from block to
    block than their neighbours tell, and a short reference holds only a handful of blocks that are
    long enough to show it. Few blocks say little, so a size counts only where its variance is
    beyond `near` by a chi-square test, at 1 % for all sizes together; independent values pay
    nothing. The degrees of freedom are those left by the kurtosis of the values.

    Source: variance-time plot, Beran (1994), Statistics for Long-Memory Processes, section 4.4.
    """
    n = off.size
    size = max(n // _BLOCKS, 1)
    sums = off[: n // size * size].reshape(-1, size).sum(axis=1)
    variances = {}
    while sums.size >= _FEWEST_BLOCKS:
        variances[size] = float(sums.var(ddof=1)) / size
        sums = sums[: sums.size // 2 * 2].reshape(-1, 2).sum(axis=1)
        size *= 2
    beyond = {size: found for size, found in variances.items() if found > near}
    if not beyond:
        return 0.0
    square = off * off
    kurtosis = max(float((square * square).mean()) / (spread * spread) - 3.0, 0.0)
    most = 0.0
    for size, found in beyond.items():
        freedom = 1.0 / (1.0 / (n // size - 1) + kurtosis / (2.0 * n))
        if found > near * float(chdtri(freedom, _CHANCE / len(variances))) / freedom:
            most = max(most, found)
    return most


def indicator_inflation(
    codes: CodeArray, usual: Callable[[int], FloatArray] | None = None
) -> float:
    """By how much autocorrelation inflates the variance of bin shares; at least 1.

    The largest ratio of long-run to plain variance over the indicators of the bins with at least
    50 rows, by the same two estimates as `long_run_variance`: a daily rate in a reference of 2,000
    calls stays the same for hundreds of them, which no block of 32 rows can see. `codes` (m,) is
    one signal of the reference in time order; negative codes are left out. Divide n and m by it
    before a chi-square test. `usual` gives the share of a bin that a cycle foretells for each row,
    (m,): what is left of the indicators then counts.
    """
    codes = codes[codes >= 0]
    most = 1.0
    for code, count in zip(*np.unique(codes, return_counts=True), strict=True):
        share = count / codes.size
        if count >= 50 and share < 1.0:
            indicator = (codes == code).astype(np.float64)
            if usual is not None:
                indicator -= usual(int(code))
            spread = share * (1.0 - share) if usual is None else float(indicator.var())
            if spread > 0.0:
                most = max(most, _long_run(indicator, spread) / spread)
    return most


def ordered_inflation(codes: CodeArray, ordered: int) -> float:
    """By how much autocorrelation inflates the variance of *cumulative* shares; at least 1.

    The largest ratio of long-run to plain variance over the indicators of "at or below this bin",
    for `ordered` bins in rising order; other codes are left out. Cumulative indicators follow a
    slow signal longer than those of single bins do (100,000 rows of AR(1) .9 in ten bins: 12
    against 9). `codes` (m,) is one signal of the reference in time order.

    >>> rng = np.random.default_rng(1)
    >>> ordered_inflation(rng.integers(0, 10, size=100_000).astype(np.int16), 10) < 1.2
    True
    """
    codes = codes[(codes >= 0) & (codes < ordered)]
    most = 1.0
    for last in range(ordered - 1):
        below = codes <= last
        count = int(np.count_nonzero(below))
        if min(count, codes.size - count) >= 50:
            share = count / codes.size
            spread = share * (1.0 - share)
            most = max(most, _long_run(below.astype(np.float64), spread) / spread)
    return most
