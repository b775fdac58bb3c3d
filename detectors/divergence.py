"""The compiled comparison of a window's bin counts with the reference's."""

import numpy as np

from detectors.contract import CodeArray, FloatArray, IntArray
from detectors.kernel import kernel


@kernel
def _held(counts: IntArray, shares: FloatArray) -> tuple[int, float]:
    """Bins of one signal, those before the padding, and the rows in them."""
    n = 0.0
    bins = 0
    for b in range(shares.size):
        if np.isnan(shares[b]):
            break
        bins += 1
        n += counts[b]
    return bins, n


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
    the inflation. The other bins are one bin together. Where even that is small it counts by its
    deviance, of which each bin's Pearson term is the approximation: given the rows of both samples
    in a bin, those of the window are binomial, and the tail of a binomial's deviance is near
    chi-square's where few are expected, too. So a bin that the reference never had (nulls appear)
    is not thinned out by joining a large one. `kept` is the number of bins compared.
    """
    for s in range(counts.shape[0]):
        bins, n = _held(counts[s], shares[s])
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

        total = 0.0
        pooled = False
        now = 0.0  # rows of the pooled bins, in the window and in the reference
        then = 0.0
        for b in range(bins):
            p = shares[s, b]
            q = counts[s, b] / n
            both = (counts[s, b] + m * p) / (n + m)
            if scarce * both >= least:
                kept[s] += 1
                total += (q - p) * (q - p) / both
            else:
                pooled = True
                now += counts[s, b]
                then += m * p
        if pooled:
            kept[s] += 1
            both = (now + then) / (n + m)
            if scarce * both >= least:
                total += (now / n - then / m) ** 2 / both
            else:
                deviance = now * np.log(now / (n * both)) if now > 0.0 else 0.0
                deviance += then * np.log(then / (m * both)) if then > 0.0 else 0.0
                total += 2.0 * deviance * (1.0 / n + 1.0 / m)
        score[s] = total if kept[s] > 1 else 0.0


@kernel
def divide(
    counts: IntArray,
    shares: FloatArray,
    rows: FloatArray,
    inflation: FloatArray,
    least: float,
    score: FloatArray,
    kept: IntArray,
    scarcest: FloatArray,
    thin: FloatArray,
) -> None:
    """Fill the Jensen-Shannon divergence in bits of counts (S, B) from shares (S, B), all (S,).

    Bins are pooled as by `compare`, and `kept` is their number. `scarcest` is the smallest expected
    count of a bin, in effective rows of the smaller sample; a pooled bin that is still below
    `least` is left out of it and has its expected count in `thin`, which is 0 elsewhere.
    """
    for s in range(counts.shape[0]):
        bins, n = _held(counts[s], shares[s])
        score[s] = 0.0
        kept[s] = 0
        scarcest[s] = least
        thin[s] = 0.0
        if n == 0.0:
            continue
        m = rows[s]
        scarce = min(n, m) / inflation[s]

        total = 0.0
        pooled = False
        now = 0.0
        then = 0.0
        fewest = np.inf
        for b in range(bins):
            p = shares[s, b]
            both = (counts[s, b] + m * p) / (n + m)
            if scarce * both >= least:
                kept[s] += 1
                fewest = min(fewest, scarce * both)
                total += _parted(counts[s, b] / n, p)
            else:
                pooled = True
                now += counts[s, b]
                then += m * p
        if pooled:
            kept[s] += 1
            both = (now + then) / (n + m)
            if scarce * both >= least:
                fewest = min(fewest, scarce * both)
            else:
                thin[s] = scarce * both
            total += _parted(now / n, then / m)
        if kept[s] > 1:
            score[s] = max(total, 0.0) / (2.0 * np.log(2.0))
        if fewest < np.inf:
            scarcest[s] = fewest


@kernel
def _parted(q: float, p: float) -> float:
    """Twice one bin's part of the divergence, in nats."""
    total = q * np.log(2.0 * q / (p + q)) if q > 0.0 else 0.0
    return total + (p * np.log(2.0 * p / (p + q)) if p > 0.0 else 0.0)


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
