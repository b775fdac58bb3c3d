"""How usual the combination of a row's values is, whatever each value by itself."""

from dataclasses import dataclass

import numpy as np

from detectors.contract import BoolArray, FloatArray, IntArray, finite
from detectors.kernel import kernel

CLIP = 2.0  # sd; a value counts no more than this, so that no tail speaks for a combination
MOST_INPUTS = 100
MOST_PAIRS = 512
_LEAST_TIE = 0.2  # correlation; below it two inputs do not go together
_SIGMAS = 4.0  # of the correlation of independent inputs; or it may be chance
_SHRINKAGE = 0.05  # of the correlations towards none
_ROWS_AN_INPUT = 50  # independent ones; fewer make the score of the reference's own rows too good


@dataclass(frozen=True, slots=True)
class Ties:
    """Which of S inputs go together, and how: plain data, made by `fit_ties`.

    inputs: int64 (K,), indices into the signals, rising; -1 for one that is not there. Everything
        below is in terms of ``u = (clip(z, -2, 2) - centre) / scale`` of these.
    centre, scale: float64 (K,).
    pairs: int64 (P, 2), indices into `inputs`, the first below the second.
    correlation: float64 (P,), within [-1, 1].
    weight: float64 (P,), the inverse correlation matrix's entry over the group's usual spread; of
        the other sign than the correlation where two inputs go together directly, and not by way of
        others.
    """

    inputs: IntArray
    centre: FloatArray
    scale: FloatArray
    pairs: IntArray
    correlation: FloatArray
    weight: FloatArray


def fit_ties(z: FloatArray, variance: FloatArray) -> Ties | None:
    """Find the ties in a reference: z (S, m) of the candidate inputs, NaN where missing.

    Two inputs are tied where their correlation, of values clipped at 2 sd, is at least .2 and at
    least four times what chance makes of m rows; `variance` (S,) are the inputs' long-run
    variances, by which autocorrelated rows count for fewer. Inputs tied directly or by way of
    others form groups. The inverse of each group's correlation matrix, shrunk towards the identity
    by .05 (more where that leaves no positive definite matrix), gives the weights, in units in
    which each group's sum has sd 1 for normal values.

    None where no two inputs are tied. At most `MOST_INPUTS` inputs, one for each 50 independent
    rows, those with the strongest ties; at most `MOST_PAIRS` pairs, those that count most.

    Source: O. Ledoit, M. Wolf (2004), A well-conditioned estimator for large-dimensional covariance
    matrices, J. Multivariate Anal. 88, for the shrinkage (their optimal share was below .03 in
    everything tried from 500 rows on); P. Huber (1981), Robust Statistics, chapter 8, for the
    clipping.
    """
    there = np.isfinite(z)
    present = there.sum(axis=1)
    u = np.clip(np.where(there, z, 0.0), -CLIP, CLIP)
    centre = u.sum(axis=1, where=there) / np.maximum(present, 1)
    u = np.where(there, u - centre[:, None], 0.0)
    scale = np.sqrt((u * u).sum(axis=1) / np.maximum(present, 1))
    usable = scale > 1e-6  # a constant goes together with nothing
    scale = np.where(usable, scale, 1.0)
    u /= scale[:, None]
    correlation, both = _correlation(u, there)
    chance = _SIGMAS * np.sqrt(
        np.sqrt(variance[:, None] * variance[None, :]) / np.maximum(both, 1.0)
    )
    tied = (np.abs(correlation) >= np.maximum(_LEAST_TIE, chance)) & usable & usable[:, None]
    np.fill_diagonal(tied, False)
    strongest = np.where(tied, np.abs(correlation), 0.0).max(axis=1, initial=0.0)
    order = np.argsort(-strongest, kind="stable")[: int(tied.any(axis=1).sum())]
    independent = z.shape[1] / float(np.median(variance[order])) if len(order) else 0.0
    kept = np.sort(order[: min(MOST_INPUTS, int(independent / _ROWS_AN_INPUT))])
    tied, correlation = tied[np.ix_(kept, kept)], correlation[np.ix_(kept, kept)]
    group = _groups(tied)
    together = group[:, None] == group[None, :]
    shrunk = _shrunk(np.where(together, correlation, 0.0))
    first, second = np.nonzero(np.triu(together, 1))
    if not len(first):
        return None
    own = correlation[first, second]
    weight: FloatArray = np.linalg.inv(shrunk)[first, second].astype(np.float64)
    # The sum of a group's terms has this sd for normal values: each group counts for as much, and a
    # weak tie is not drowned by the noise of a strong one.
    for one in np.unique(group[first]):
        own_group = group[first] == one
        weight[own_group] /= 2.0 * float(np.sqrt((own[own_group] ** 2).sum()))
    # A pair's term has the sd 2 |weight| (1 - correlation^2) for normal values.
    counts = np.argsort(-np.abs(weight) * (1.0 - 0.95 * own**2), kind="stable")[:MOST_PAIRS]
    counts = np.sort(counts)
    pairs = np.stack((first, second), axis=1)[counts].astype(np.int64)
    named = np.unique(pairs)  # who lost all pairs is out
    return Ties(
        inputs=kept[named].astype(np.int64),
        centre=centre[kept[named]],
        scale=scale[kept[named]],
        pairs=np.searchsorted(named, pairs).astype(np.int64),
        correlation=own[counts],
        weight=weight[counts],
    )


def _correlation(u: FloatArray, there: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Correlations (S, S) over the rows that have both values, and how many those are.

    Twice the products over the sum of squares: of values of one and the same spread it is
    Pearson's, and the mean of a pair's term over the reference is exactly 0.
    """
    mask = there.astype(np.float64)
    squares = (u * u) @ mask.T
    total = squares + squares.T
    found = np.divide(2.0 * (u @ u.T), total, out=np.zeros_like(total), where=total > 0)
    return np.clip(found, -1.0, 1.0), mask @ mask.T


def _groups(tied: BoolArray) -> IntArray:
    """A label for each input, equal for those tied directly or by way of others."""
    label = np.arange(len(tied))
    while True:
        least = np.where(tied, label[None, :], len(tied)).min(axis=1, initial=len(tied))
        new = np.minimum(label, least)
        if (new == label).all():
            return label
        label = new


def _shrunk(correlation: FloatArray) -> FloatArray:
    """The matrix moved towards the identity: its least eigenvalue is at least `_SHRINKAGE`."""
    matrix = correlation.copy()
    np.fill_diagonal(matrix, 1.0)
    least = float(np.linalg.eigvalsh(matrix)[0]) if len(matrix) else 1.0
    # Correlations over different rows need not belong to any one distribution.
    needed = (_SHRINKAGE - least) / (1.0 - least) if least < 1.0 else 0.0
    share = min(max(_SHRINKAGE, needed), 1.0)
    found: FloatArray = (1.0 - share) * matrix
    np.fill_diagonal(found, 1.0)
    return found


@kernel
def _standard(
    z: FloatArray, inputs: IntArray, centre: FloatArray, scale: FloatArray, u: FloatArray
) -> None:
    """u and, behind it, whether it is there: (2 K, n)."""
    count = inputs.shape[0]
    for i in range(count):
        at = inputs[i]
        for r in range(z.shape[1]):
            v = z[at, r] if at >= 0 else np.nan
            if np.isfinite(v):
                u[i, r] = (min(max(v, -CLIP), CLIP) - centre[i]) / scale[i]
                u[count + i, r] = 1.0
            else:
                u[i, r] = 0.0
                u[count + i, r] = 0.0


@kernel
def _score(u: FloatArray, pairs: IntArray, terms: FloatArray, out: FloatArray) -> None:
    # Pair by pair and row by row: a row's score is the same whatever rows stand beside it, which
    # a matrix product does not promise. Unsigned indices are never wrapped, so the loop is fast.
    inputs = u.shape[0] // 2
    out[:] = 0.0
    present = np.zeros(out.shape[0])
    whole = np.empty(inputs, dtype=np.bool_)
    for k in range(inputs):
        for r in range(out.shape[0]):
            present[r] += u[inputs + k, r]
        whole[k] = u[inputs + k].min() > 0.0 if out.shape[0] else True
    count = np.uint64(inputs)
    for p in range(pairs.shape[0]):
        i, j = np.uint64(pairs[p, 0]), np.uint64(pairs[p, 1])
        product, squares = terms[p, 0], terms[p, 1]
        if whole[i] and whole[j]:  # the usual case: the same to the last bit, and half the work
            for r in range(out.shape[0]):
                a, b = u[i, r], u[j, r]
                out[r] += product * a * b + squares * (a * a + b * b)
            continue
        for r in range(out.shape[0]):
            a, b = u[i, r], u[j, r]
            both = a * a * u[count + j, r] + b * b * u[count + i, r]
            out[r] += product * a * b + squares * both
    for r in range(out.shape[0]):
        if present[r] < 2.0:
            out[r] = np.nan


@kernel
def _moments(u: FloatArray, pairs: IntArray, out: FloatArray) -> None:
    count = u.shape[0] // 2
    for p in range(pairs.shape[0]):
        i, j = pairs[p, 0], pairs[p, 1]
        for r in range(u.shape[1]):
            if u[count + i, r] * u[count + j, r] > 0.0:
                a, b = u[i, r], u[j, r]
                out[p, 0] += 1.0
                out[p, 1] += a
                out[p, 2] += b
                out[p, 3] += a * a
                out[p, 4] += b * b
                out[p, 5] += a * b


class JointScore:
    r"""Scores rows by the ties of a reference.

    For each tied pair a row has the term ``w (2 a b - c (a^2 + b^2))``, with a and b its two values
    u, c their correlation and w the weight; the score is the sum. Over the reference every term has
    the mean 0, so a pair of which a value is missing adds just that. With all pairs of a group its
    sum is ``u' (C^-1 - I) u`` over its spread: twice the logarithm of how much likelier the row is
    when the inputs are independent than when they go together as in the reference, for normal
    values and up to a constant. It rises when a tie is broken, turned round or weakened, falls when
    it tightens, and is moved little by a shift of one input, and not at all by inputs that are tied
    to none. The
    Mahalanobis distance ``u' C^-1 u`` mixes in how large each value is by itself, which is noise
    for this question and heavy-tailed noise at that.

    >>> rng = np.random.default_rng(1)
    >>> z = rng.normal(size=(2, 10_000))
    >>> z[1] = 0.9 * z[0] + np.sqrt(0.19) * z[1]
    >>> score = JointScore(fit_ties(z, np.ones(2)))
    >>> usual, unusual = score(np.array([[1.0, 1.0], [1.0, -1.0]]))
    >>> bool(usual < 0 < unusual)
    True

    References
    ----------
    P. Mahalanobis (1936), On the generalised distance in statistics, Proc. Nat. Inst. Sci. India 2.
    T. W. Anderson (2003), An Introduction to Multivariate Statistical Analysis, chapter 9: the
    likelihood ratio of independence.
    """

    def __init__(self, ties: Ties) -> None:
        self.ties = ties
        self._terms = np.stack((2.0 * ties.weight, -ties.correlation * ties.weight), axis=1)
        self._last = int(ties.inputs.max(initial=-1))

    def __call__(self, z: FloatArray) -> FloatArray:
        """Score of n rows, float64 (n,); NaN where fewer than two of the inputs are there.

        z: (S, n) of all signals, NaN where missing; an input at -1 is missing in all rows.
        """
        out = np.empty(z.shape[1])
        _score(self._standard(z), self.ties.pairs, self._terms, out)
        return out

    def moments(self, z: FloatArray, pairs: IntArray) -> FloatArray:
        """Sums over the rows that have both values of a pair, float64 (P, 6).

        Rows, both values u, both squares, and the product; z as above, `pairs` as in `Ties`.
        """
        out = np.zeros((len(pairs), 6))
        _moments(self._standard(z), pairs, out)
        return out

    def _standard(self, z: FloatArray) -> FloatArray:
        ties = self.ties
        if z.ndim != 2 or len(z) <= self._last:
            raise ValueError(f"z has shape {z.shape}; these ties take ({self._last + 1}+, n)")
        out = np.empty((2 * len(ties.inputs), z.shape[1]))
        _standard(finite(z), ties.inputs, ties.centre, ties.scale, out)
        return out
