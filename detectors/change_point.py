"""Where a change began, and how sure that is: 90 % intervals."""

from dataclasses import dataclass

import numpy as np

from detectors.contract import FloatArray, IntArray

_WIDTH = 15.0  # V/d^2 rows each side; measured, see `half_width`
_LEAST_SHIFT = 0.05  # sd; a smaller one is not what a CUSUM alarmed at
_LIKELY = 2.97  # nats below the best cut: -ln(1 - sqrt(.9))


def half_width(shift: FloatArray, variance: FloatArray) -> FloatArray:
    """Rows by which the onset of a CUSUM may be off, to either side, (S,); at least one.

    ``c V / d^2`` with c = 15: nine of ten true changes lie no further away. For the maximum
    likelihood estimate c would be 7 (Bai 1997); a CUSUM's last zero is worse, as its allowance is
    rarely half the shift, and worst for shifts between two allowances: so c hangs on the bank's
    allowances, and is measured anew when they change (`benchmarks.quality`, part ``delay``).

    Args:
        shift: d, the measured shift of the mean in sd, either sign.
        variance: V, the long-run variance of the standardised values.

    Source: D. V. Hinkley (1970), Inference about the change-point in a sequence of random
    variables, Biometrika 57; J. Bai (1997), Estimation of a change point in multiple regression
    models, Rev. Econ. Stat. 79, for the rate V/d^2.

    >>> half_width(np.array([1.0, -0.5, 9.0]), np.array([1.0, 4.0, 1.0]))
    array([ 15., 240.,   1.])
    """
    size = np.maximum(np.abs(shift), _LEAST_SHIFT)
    rows: FloatArray = np.maximum(_WIDTH * variance / (size * size), 1.0)
    return rows


@dataclass(frozen=True, slots=True)
class ChangedPanes:
    """With how many panes, counted from the last, the change is complete.

    best: the most likely; fewest, most: all that are nearly as likely, with nine chances in ten
    that the truth is among them.
    """

    best: int
    fewest: int
    most: int


def changed_panes(counts: IntArray, shares: FloatArray, inflation: float = 1.0) -> ChangedPanes:
    """Find since which pane the bins differ from the reference.

    For each k the last k panes are given shares of their own; the k of the largest likelihood is
    the best. Those within 2.97 nats of it are nearly as likely: twice the largest excess of the
    log-likelihood over that of the truth, on either side, is about exponential, and
    ``(1 - exp(-2.97))^2 = .9``.

    Args:
        counts: of one signal, (W, B), the last pane first.
        shares: of the reference, (B,), none of them 0.
        inflation: by which autocorrelation inflates the variance of shares, at least 1.

    Source: D. V. Hinkley (1970), as above; D. Siegmund (1988), Confidence sets in change-point
    problems, Int. Stat. Rev. 56.

    >>> usual, other = np.array([50, 50]), np.array([80, 20])
    >>> changed_panes(np.array([other] * 4 + [usual] * 9), np.array([0.5, 0.5]))
    ChangedPanes(best=4, fewest=4, most=4)
    """
    sums = counts.cumsum(axis=0)
    n = sums.sum(axis=1, keepdims=True)
    size = counts.shape[1]
    own = (sums + 0.5) / (n + 0.5 * size)
    gain = (sums * np.log(own / shares)).sum(axis=1) / inflation
    best = int(gain.argmax())
    likely = np.flatnonzero(gain >= gain[best] - _LIKELY)
    return ChangedPanes(best + 1, int(likely[0]) + 1, int(likely[-1]) + 1)
