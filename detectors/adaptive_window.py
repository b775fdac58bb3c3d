"""The compiled step of ADWIN: exponential histograms of S signals."""

import numpy as np

from detectors.contract import BELOW_ONE, BoolArray, FloatArray, IntArray
from detectors.kernel import kernel

_SLICE = 64  # values that are put into the histogram at once
_MARGIN = 0.98  # of the bound that passes over hopeless cuts: far beyond rounding


@kernel
def _insert(
    values: FloatArray,
    origins: IntArray,
    count: int,
    fill: IntArray,
    sums: FloatArray,
    marks: IntArray,
    line: FloatArray,
    places: IntArray,
) -> None:
    """Put `count` values, each a bucket of one row, into the histogram of one signal.

    fill: (L,), buckets in use; sums: (L, buckets + 1), oldest first; marks: the same with 3 more.
    A level merges its two oldest buckets whenever it holds one too many. Doing so for many values
    at once leaves the same buckets as one by one; how a stream is cut into slices does not show.
    """
    buckets = sums.shape[1] - 1
    for i in range(count):
        line[i] = values[i]
        for c in range(3):
            places[i, c] = origins[i, c]
    level = 0
    while count:
        held = fill[level]
        both = held + count
        merges = max(0, (both - buckets + 1) // 2)
        if merges == 0:
            for i in range(count):
                sums[level, held + i] = line[i]
                for c in range(3):
                    marks[level, held + i, c] = places[i, c]
            fill[level] = both
            return
        for i in range(count - 1, -1, -1):  # make room in front for what the level holds
            line[held + i] = line[i]
            for c in range(3):
                places[held + i, c] = places[i, c]
        for i in range(held):
            line[i] = sums[level, i]
            for c in range(3):
                places[i, c] = marks[level, i, c]
        stay = both - 2 * merges
        for i in range(stay):
            sums[level, i] = line[2 * merges + i]
            for c in range(3):
                marks[level, i, c] = places[2 * merges + i, c]
        fill[level] = stay
        for i in range(merges):
            line[i] = line[2 * i] + line[2 * i + 1]
            for c in range(3):
                places[i, c] = places[2 * i, c]
        count = merges
        level += 1


@kernel
def _look(
    fill: IntArray,
    sums: FloatArray,
    marks: IntArray,
    width: float,
    total: float,
    variance: float,
    log_inv_delta: float,
    least: float,
    best: float,
    cut: IntArray,
) -> tuple[float, float]:
    """Find the cut with the largest |mean difference| / eps_cut, if that is more than `best`.

    Returns that ratio, and the mean after the cut minus the mean before it; (0, 0) if there is
    none. `cut` becomes the mark of the first row after it.
    """
    found = 0.0
    change = 0.0
    n0 = 0.0
    n1 = width
    u0 = 0.0
    u1 = total
    spread = variance / width
    confidence = np.log(2.0 * np.log(width)) + log_inv_delta
    # With 1/n0 + 1/n1 for the exact reciprocals, eps_cut^2 >= (gauss n0 n1 + poisson) / (n0 n1)^2:
    # most cuts are passed over by this, without a division or a root.
    gauss = 2.0 * spread * confidence * width * _MARGIN
    poisson = (2.0 / 3.0 * confidence * width) ** 2 * _MARGIN
    square = best * best
    pending = False
    top = fill.size - 1
    while top > 0 and fill[top] == 0:
        top -= 1
    for level in range(top, -1, -1):
        size = float(np.int64(1) << level)
        for b in range(fill[level]):
            if pending:  # the bucket after the best cut is the first one of the newer side
                cut[:] = marks[level, b]
                pending = False
            n0 += size
            n1 -= size
            u0 += sums[level, b]
            u1 -= sums[level, b]
            cross = u0 * n1 - u1 * n0
            if cross * cross <= square * (gauss * n0 * n1 + poisson) or n0 < least or n1 < least:
                continue
            difference = u0 / n0 - u1 / n1
            recip = 1.0 / (n0 - least + 1.0) + 1.0 / (n1 - least + 1.0)
            eps = np.sqrt(2.0 * recip * spread * confidence) + 2.0 / 3.0 * confidence * recip
            gap = abs(difference)
            if gap > best * eps:
                # Only a true excess may round to 1.
                found = max(gap / eps, 1.0) if gap > eps else min(gap / eps, BELOW_ONE)
                best = found
                square = best * best
                change = -difference
                pending = True
    return found, change


@kernel
def step(
    x: FloatArray,
    at: IntArray,
    scale: FloatArray,
    log_inv_delta: FloatArray,
    clock: int,
    least: float,
    grace: float,
    fill: IntArray,
    sums: FloatArray,
    marks: IntArray,
    width: FloatArray,
    total: FloatArray,
    variance: FloatArray,
    tick: IntArray,
    score: FloatArray,
    looked: BoolArray,
    change: FloatArray,
    onset: IntArray,
    hits: IntArray,
) -> int:
    """Run S signals of x (S, N) through their windows; returns the number of hits written.

    fill: (S, L), sums: (S, L, buckets + 1), marks: (S, L, buckets + 1, 3) are the histograms; the
    caller provides enough levels L for all rows. hits: rows (signal, row in x). The other arrays
    are (S,), onset (S, 3).

    A window is emptied at a detection, as river does at the next value. So no bucket is ever
    dropped on its own, and the variances of single buckets need not be kept. The order of the
    floating-point operations is river's, so that detections are equal.
    """
    count = 0
    rows = x.shape[1]
    cut = np.empty(3, dtype=np.int64)
    values = np.empty(_SLICE)
    origins = np.empty((_SLICE, 3), dtype=np.int64)
    line = np.empty(_SLICE + sums.shape[2])
    places = np.empty((_SLICE + sums.shape[2], 3), dtype=np.int64)
    for s in range(x.shape[0]):
        i = 0
        n = width[s]
        u = total[s]
        spread = variance[s]
        while i < rows:
            room = min(np.int64(_SLICE), clock - tick[s] % clock)
            taken = 0
            while i < rows and taken < room:
                v = x[s, i] / scale[s]
                if np.isfinite(v):
                    values[taken] = v
                    for c in range(3):
                        origins[taken, c] = at[c, i]
                    taken += 1
                    n += 1.0
                    if n > 1.0:
                        off = v - u / (n - 1.0)
                        spread += (n - 1.0) * off * off / n
                    u += v
                i += 1
            _insert(values, origins, taken, fill[s], sums[s], marks[s], line, places)
            tick[s] += taken
            if taken == 0 or tick[s] % clock != 0 or n <= grace:
                continue
            looked[s] = True
            ratio, shift = _look(
                fill[s],
                sums[s],
                marks[s],
                n,
                u,
                spread,
                log_inv_delta[s],
                least,
                min(score[s], BELOW_ONE),
                cut,
            )
            if ratio >= 1.0:
                if score[s] < 1.0:
                    change[s] = shift
                    onset[s] = cut
                hits[count, 0] = s
                hits[count, 1] = i - 1
                count += 1
                fill[s] = 0
                n = 0.0
                u = 0.0
                spread = 0.0
                tick[s] = 0
            score[s] = max(score[s], ratio)
        width[s] = n
        total[s] = u
        variance[s] = spread
    return count
