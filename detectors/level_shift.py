"""A lasting shift of the level, where values depend on each other too much for the other judges."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
from scipy.special import stdtrit

from detectors.contract import BoolArray, FloatArray, IntArray, Reading, no_marks
from detectors.kernel import kernel
from detectors.moments import Moments, SpanMoments

_LEAST = 2.0  # sd; a smaller shift is for the detectors that count rows
_LEAST_PANES = 10  # with values, or the whole window where it is shorter
_LEAST_ROWS = 100
_LEAST_INDEPENDENT = 10.0  # values in the window: n / V
_SMALLEST_BLOCK = 64  # rows
_FEWEST_BLOCKS = 5  # of the largest size
_MARGIN = 0.5  # of the range of the blocks' means, beyond their extremes
_OUTLIERS = 2.0  # times the mean of clipped values; what is beyond is the doing of a few rows
_MOST = 1e9  # sd; thresholds are finite

LEAST_KNOWN = 8.0  # independent values in the reference, m / V: fewer are no ground to judge from

Extreme = tuple[int, float, float]


def block_extremes(z: FloatArray) -> tuple[Extreme, ...]:
    """How far the level of a reference goes by itself: (rows, lowest, highest) by size of blocks.

    The lowest and the highest mean of z over blocks of 64, 128, 256 ... rows, each block half over
    the one before, as long as there are five of a size side by side; nothing of fewer than 320
    values. `z` is one signal of the reference in time order; NaN are left out.

    >>> block_extremes(np.repeat([0.0, 1.0, 0.0, -1.0, 0.0], 128))
    ((64, -1.0, 1.0), (128, -1.0, 1.0))
    """
    z = z[np.isfinite(z)]
    sums = np.concatenate(([0.0], np.cumsum(z)))
    found = []
    size = _SMALLEST_BLOCK
    while size * _FEWEST_BLOCKS <= z.size:
        start = np.arange(0, z.size - size + 1, size // 2)
        means = (sums[start + size] - sums[start]) / size
        found.append((size, float(means.min()), float(means.max())))
        size *= 2
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Extremes of S signals by size: sizes (J,), low and high (S, J); `held` (S,) of the J."""

    sizes: IntArray
    low: FloatArray
    high: FloatArray
    held: IntArray

    @classmethod
    def of(cls, signals: Sequence[Sequence[Extreme]]) -> Self:
        held = np.array([len(one) for one in signals], dtype=np.int64)
        most = max((list(one) for one in signals), key=len, default=[])
        low = np.zeros((len(held), max(len(most), 1)))
        high = low.copy()
        for s, one in enumerate(signals):
            if tuple(size for size, _, _ in one) != tuple(size for size, _, _ in most[: len(one)]):
                raise ValueError(
                    f"blocks of signal {s} are {one}; their sizes are 64, 128, 256 ..."
                )
            low[s, : len(one)] = [lowest for _, lowest, _ in one]
            high[s, : len(one)] = [highest for _, _, highest in one]
        return cls(np.array([size for size, _, _ in most], dtype=np.int64), low, high, held)


@kernel
def _thresholds(
    n: IntArray,
    up: BoolArray,
    quantile: FloatArray,
    variance: FloatArray,
    rows: FloatArray,
    skewness: FloatArray,
    sizes: IntArray,
    low: FloatArray,
    high: FloatArray,
    held: IntArray,
    out: FloatArray,
) -> None:
    """In sd, into `out` (S,), for windows of n values whose level is higher or lower."""
    for s in range(n.size):
        q, v, count = quantile[s], variance[s], max(n[s], 1)
        lean = skewness[s] * np.sqrt(v / count)  # of the window's mean
        error = np.sqrt(v * (1.0 / count + 1.0 / rows[s]))
        most = max(error * (q + lean * (q * q - 1.0) / 6.0), _LEAST)
        if held[s] > 0:
            # Of smaller blocks than the window where none are as large: these go further.
            at = 0
            while at + 1 < held[s] and sizes[at + 1] <= count:
                at += 1
            reach = high[s, at] if up[s] else -low[s, at]
            most = max(most, reach + _MARGIN * (high[s, at] - low[s, at]))
        out[s] = min(most, _MOST)


class LevelShift:
    r"""The mean of the whole window against what the reference's own level did: gross and lasting.

    Where values follow each other closely (the weather of a season), 10,000 rows may hold ten
    independent ones, and detectors that count rows must wait for so many that they never alarm. A
    person still sees that the last weeks were unlike anything before. This judge says so when the
    mean of the window, in sd of the reference, is off by all of

    - 2 sd,
    - Student's t at the level for the m / V independent values that the reference holds, times
      ``sqrt(V (1/n + 1/m))``; for skewed values with the first term of Cornish and Fisher,
    - what any of the reference's own blocks showed, of at most as many rows as the window has, and
      half of the range of these blocks: a cycle that the reference went through is no news.

    For independent rows the first of these is far beyond chance, and the other detectors are sooner
    by far. There is no onset: the change lies within the window.

    Parameters
    ----------
    variance
        V, long-run variance of the standardised values, at least 1, (S,).
    rows
        m, values behind the reference's mean, (S,).
    level
        Probability of a false alarm at one look, a number or (S,).
    skewness
        Of the values, absolute, at least 1, a number or (S,); 1 counts as none.
    blocks
        By signal what `block_extremes` found; none where that is not known.
    panes
        W, the length of the window.
    fixed
        Thresholds set by hand in sd, (S,); NaN where they are solved.
    watched
        Signals that are judged, bool (S,). The others have the score 0 and the threshold 1.

    The classic mistake is the formula for independent rows, ``sqrt(1/n)``: with V = 1,000 it takes
    a rainy week for the end of the world.

    Raises ValueError for parameters out of range.

    Examples
    --------
    From pane 20 on the level is 3 sd higher; a window of 4 panes shows it when 3 of them do:

    >>> rng = np.random.default_rng(7)
    >>> judge = LevelShift.textbook(1)
    >>> alarms = []
    >>> for pane in range(40):
    ...     z = rng.normal(size=(1, 200)) + 3.0 * (pane >= 20)
    ...     judge.update(z, np.zeros((3, 200), dtype=np.int64))
    ...     alarms += [pane] if judge.end_pane(pane).alarm[0] else []
    >>> alarms[0]
    22

    References
    ----------
    B. Schmeiser (1982), Batch Size Effects in the Analysis of Simulation Output, Operations
    Research 30: Student's t by the means of blocks.
    E. A. Cornish, R. A. Fisher (1938), Moments and Cumulants in the Specification of
    Distributions, Revue de l'Institut International de Statistique 5.
    """

    name: ClassVar[str] = "level_shift"
    takes: ClassVar[Literal["z", "bins"]] = "z"

    def __init__(
        self,
        variance: FloatArray,
        rows: FloatArray | IntArray,
        *,
        level: float | FloatArray = 1e-6,
        skewness: float | FloatArray = 1.0,
        blocks: Sequence[Sequence[Extreme]] | None = None,
        panes: int = 60,
        fixed: FloatArray | None = None,
        watched: BoolArray | None = None,
    ) -> None:
        count = len(variance)
        if rows.shape != (count,) or not bool((rows >= 1).all() and (variance >= 1.0).all()):
            raise ValueError(f"variance {variance} and rows {rows} are (S,) and at least 1")
        levels = np.broadcast_to(np.asarray(level, dtype=np.float64), count)
        if not bool(((levels > 0) & (levels < 1)).all()):
            raise ValueError(f"level holds {level}; a level is a probability, above 0 and below 1")
        if fixed is not None and bool((fixed <= 0.0).any()):
            raise ValueError(f"fixed holds {np.nanmin(fixed)}; a threshold is above 0")
        if panes < 1:
            raise ValueError(f"a window of {panes} panes; it has at least 1")
        self._variance = np.array(variance, dtype=np.float64)
        self._rows = np.array(rows, dtype=np.float64)
        independent = np.maximum(self._rows / self._variance - 1.0, 1.0)
        self._quantile = np.minimum(-stdtrit(independent, levels / 2.0), _MOST)
        skew = np.broadcast_to(np.asarray(skewness, dtype=np.float64), count)
        self._skewness = np.where(skew > 1.0, skew, 0.0)
        self._blocks = _Blocks.of([()] * count if blocks is None else blocks)
        self._fixed = None if fixed is None or bool(np.isnan(fixed).all()) else fixed.copy()
        self.watched = np.ones(count, dtype=np.bool_) if watched is None else watched.copy()
        self._off = ~self.watched
        self._least_rows = np.maximum(_LEAST_ROWS, _LEAST_INDEPENDENT * self._variance)
        self._panes = panes
        self._moments: Moments | None = None

    @classmethod
    def textbook(cls, signals: int) -> Self:
        """Independent rows, a reference of 10,000, four panes, a false alarm in a million looks."""
        return cls(np.ones(signals), np.full(signals, 10_000), panes=4)

    @property
    def signals(self) -> int:
        """S, the number of signals."""
        return len(self._variance)

    def _own(self) -> Moments:
        """The window, made when it is first needed: mostly there is one to `read` already."""
        if self._moments is None:
            self._moments = Moments(self.signals, self._panes)
        return self._moments

    def update(self, x: FloatArray, at: IntArray) -> None:
        """Take the next rows; see `detectors.contract.Detector.update`."""
        self._own().update(x, at)

    def end_pane(self, pane: int) -> Reading:
        """Close the pane; see `detectors.contract.Detector.end_pane`."""
        own = self._own()
        own.end_pane(pane)
        span = own.span(self._panes)
        return self.read(span, span.mean, own.held())

    def read(self, clipped: SpanMoments, mean: FloatArray, held: IntArray) -> Reading:
        """Judge a window that somebody else keeps.

        Parameters
        ----------
        clipped
            Of the window's values, clipped as the reference's.
        mean
            Of the same values not clipped, in sd of the reference, (S,). It counts up to twice the
            clipped one: what only a few rows show is no level.
        held
            Panes of the window that hold values, (S,).
        """
        score = np.where(
            mean * clipped.mean > 0.0,
            np.minimum(np.abs(mean), _OUTLIERS * np.abs(clipped.mean)),
            0.0,
        )
        threshold = self.thresholds(clipped.n, clipped.mean > 0.0)
        if self._fixed is not None:
            threshold = np.where(np.isnan(self._fixed), threshold, self._fixed)
        few = (clipped.n < self._least_rows) | (held < min(_LEAST_PANES, self._panes))
        score[few | self._off] = 0.0
        threshold[self._off] = 1.0
        alarm = score >= threshold
        return Reading(
            score=score,
            threshold=threshold,
            alarm=alarm,
            direction=np.where(alarm, np.sign(clipped.mean), 0).astype(np.int8),
            onset=no_marks(self.signals),
            hits=(),
        )

    def thresholds(self, n: IntArray, up: BoolArray) -> FloatArray:
        """In sd, (S,), for windows of n values whose level is higher or, where not `up`, lower."""
        blocks = self._blocks
        out = np.empty(self.signals)
        _thresholds(
            n,
            up,
            self._quantile,
            self._variance,
            self._rows,
            self._skewness,
            blocks.sizes,
            blocks.low,
            blocks.high,
            blocks.held,
            out,
        )
        return out

    def reset(self, signals: BoolArray | None = None) -> None:
        """Forget; see `detectors.contract.Detector.reset`."""
        if self._moments is not None:
            self._moments.reset(signals)

    def state(self) -> dict[str, Any]:
        """Plain data: the moments of the panes that are not empty."""
        return self._own().state()

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`; see `detectors.contract.Detector.restore`."""
        self._own().restore(state)
