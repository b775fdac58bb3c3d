"""The compiled comparison of a window's bin counts with the reference's."""

import numpy as np

from detectors.contract import CodeArray, FloatArray, IntArray
from detectors.kernel import kernel


@kernel
def compare(
    counts: IntArray,
    shares: FloatArray,
    rows: FloatArray,
    inflation: FloatArray,
    least: float,
    score: FloatArray,
    psi: FloatArray,
    kept: IntArray,
) -> None:
    """Fill score, psi and kept (S,) from counts (S, B) and the reference's shares (S, B).

    Pearson's form over the bins whose expected count is at least `least` both in the window and
    in the reference, under the hypothesis that both are of one distribution and after division by
    the inflation. The other bins are one bin together, which joins the least of the kept ones
    where it is still too small. `kept` is the number of bins compared.
    """
    size = shares.shape[1]
    expected = np.empty(size)
    for s in range(counts.shape[0]):
        n = 0.0
        bins = 0
        for b in range(size):
            if np.isnan(shares[s, b]):
                break
            bins += 1
            n += counts[s, b]
        score[s] = 0.0
        psi[s] = 0.0
        kept[s] = 0
        if n == 0.0:
            continue
        m = rows[s]
        scarce = min(n, m) / inflation[s]  # the smaller sample, as independent rows

        total = 0.0
        for b in range(bins):
            p = (m * shares[s, b] + 0.5) / (m + 0.5 * bins)
            q = (counts[s, b] + 0.5) / (n + 0.5 * bins)
            total += (q - p) * np.log(q / p)
        psi[s] = total

        lone = -1  # the least of the bins that stand alone
        pool_p = 0.0
        pool_q = 0.0
        for b in range(bins):
            expected[b] = (counts[s, b] + m * shares[s, b]) / (n + m)
            if scarce * expected[b] >= least:
                kept[s] += 1
                if lone < 0 or expected[b] < expected[lone]:
                    lone = b
            else:
                pool_p += shares[s, b]
                pool_q += counts[s, b] / n
        pool = (n * pool_q + m * pool_p) / (n + m)
        joins = scarce * pool < least
        if not joins:
            kept[s] += 1
        total = 0.0
        for b in range(bins):
            if scarce * expected[b] < least:
                continue
            p = shares[s, b]
            q = counts[s, b] / n
            both = expected[b]
            if joins and b == lone:
                p += pool_p
                q += pool_q
                both += pool
            total += (q - p) * (q - p) / both
        if not joins:
            total += (pool_q - pool_p) * (pool_q - pool_p) / pool
        score[s] = total if kept[s] > 1 else 0.0


@kernel
def count_codes(x: CodeArray, sizes: IntArray, out: IntArray) -> int:
    """Add the codes x (S, N) to the counts (S, B); returns the first signal with a wrong one."""
    for s in range(x.shape[0]):
        for i in range(x.shape[1]):
            if x[s, i] >= sizes[s]:
                return s
    for s in range(x.shape[0]):
        for i in range(x.shape[1]):
            if x[s, i] >= 0:
                out[s, x[s, i]] += 1
    return -1
