"""Small symmetric systems solved the same to the last digit on every machine."""

import numpy as np

from detectors.contract import FloatArray
from detectors.kernel import kernel


@kernel
def _factor(a: FloatArray) -> int:
    """Put Cholesky's lower factor into `a`; returns the row that is not positive, or -1."""
    for i in range(a.shape[0]):
        for j in range(i + 1):
            total = a[i, j]
            for k in range(j):
                total -= a[i, k] * a[j, k]
            if i > j:
                a[i, j] = total / a[j, j]
            elif total > 0.0:
                a[i, i] = np.sqrt(total)
            else:
                return i
    return -1


@kernel
def _substitute(factor: FloatArray, x: FloatArray) -> None:
    size = factor.shape[0]
    for i in range(size):
        for k in range(i):
            for c in range(x.shape[1]):
                x[i, c] -= factor[i, k] * x[k, c]
        for c in range(x.shape[1]):
            x[i, c] /= factor[i, i]
    for i in range(size - 1, -1, -1):
        for k in range(i + 1, size):
            for c in range(x.shape[1]):
                x[i, c] -= factor[k, i] * x[k, c]
        for c in range(x.shape[1]):
            x[i, c] /= factor[i, i]


def solve(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """The solution (K, C) of `matrix` (K, K), symmetric and positive definite, for `right` (K, C).

    By Cholesky, one sum after the other: libraries order sums by processor and threads, so that
    references of the same rows would differ in their last digits.

    Raises ValueError where the matrix is not positive definite.

    >>> solve(np.array([[4.0, 2.0], [2.0, 3.0]]), np.array([[2.0], [1.0]])).ravel().tolist()
    [0.5, 0.0]
    """
    factor = np.array(matrix, dtype=np.float64)
    wrong = _factor(factor)
    if wrong >= 0:
        raise ValueError(f"the matrix is not positive definite in row {wrong} of {len(matrix)}")
    x = np.array(right, dtype=np.float64)
    _substitute(factor, x)
    return x
