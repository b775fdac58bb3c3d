"""Page-Hinkley as the textbooks have it: against the running mean of the stream itself."""

from typing import Any, ClassVar, Literal, Self

import numpy as np

from detectors.contract import (
    BELOW_ONE,
    BoolArray,
    FloatArray,
    IntArray,
    Reading,
    check_batch,
    check_pane,
    check_state,
    finite,
    no_marks,
)
from detectors.kernel import kernel
from detectors.packing import pack, unpack
from detectors.pane_hits import PaneHits

_VERSION = 1
# Columns of the sums: mean, rise, fall, least rise, greatest fall.
_FRESH = np.array([0.0, 0.0, 0.0, np.inf, -1.0])


@kernel
def _step(
    x: FloatArray,
    least: int,
    delta: float,
    threshold: float,
    alpha: float,
    fresh: FloatArray,
    seen: IntArray,
    sums: FloatArray,
    score: FloatArray,
    direction: FloatArray,
    hits: IntArray,
) -> int:
    """Run S signals of x (S, N); returns the number of hits written, rows (signal, row in x).

    The order of the floating-point operations is river's, so that detections are equal.
    """
    count = 0
    for s in range(x.shape[0]):
        w = sums[s]
        for i in range(x.shape[1]):
            v = x[s, i]
            if not np.isfinite(v):
                continue
            seen[s] += 1
            w[0] += (1.0 / seen[s]) * (v - w[0])
            off = v - w[0]
            w[1] = alpha * w[1] + off - delta
            w[2] = alpha * w[2] + off + delta
            w[3] = min(w[3], w[1])
            w[4] = max(w[4], w[2])
            if seen[s] < least:
                continue
            rise = w[1] - w[3]
            fall = w[4] - w[2]
            most = max(rise, fall)
            if most > threshold:
                if score[s] < 1.0:
                    direction[s] = 1.0 if rise >= fall else -1.0
                score[s] = max(score[s], most / threshold, 1.0)
                hits[count, 0] = s
                hits[count, 1] = i
                count += 1
                seen[s] = 0
                w[:] = fresh
            else:
                score[s] = max(score[s], min(most / threshold, BELOW_ONE))
    return count


class ClassicPageHinkley:
    r"""Two-sided Page-Hinkley with the detections of river's ``drift.PageHinkley``.

    For comparison, and for those who must decide as the textbook does. It compares with the mean
    of the stream so far, which follows a slow drift, and its threshold is in the unit of the
    values: `detectors.page_hinkley.PageHinkley` has neither weakness. At a detection everything
    restarts, so a change alarms in one pane. No onset is estimated.

    The score is the largest ``test / threshold`` of the pane, the threshold 1.

    Parameters
    ----------
    signals
        S.
    min_instances
        No detection before so many values.
    delta
        The allowance, in the unit of the values.
    threshold
        lambda, the sum that is a detection, in the unit of the values.
    alpha
        Forgetting factor of the sums.

    The classic mistake is to keep the defaults: on quiet N(0,1) they raise 600 false alarms in a
    million values.

    Raises ValueError for a threshold that is not positive.

    Examples
    --------
    A mean that rises by one standard deviation at row 500:

    >>> rng = np.random.default_rng(7)
    >>> z = rng.normal(size=(1, 1000))
    >>> z[0, 500:] += 1.0
    >>> at = np.zeros((3, 1000), dtype=np.int64)
    >>> detector = ClassicPageHinkley(1)
    >>> detector.update(z, at)
    >>> detector.end_pane(0).hits
    ((0, 541),)

    References
    ----------
    E. S. Page (1954), Continuous Inspection Schemes, Biometrika 41, 100-115.
    R. Sebastiao, J. M. Fernandes (2017), Supporting the Page-Hinkley Test with Empirical Mode
    Decomposition for Change Detection, ISMIS, 492-498.
    """

    name: ClassVar[str] = "page_hinkley_classic"
    takes: ClassVar[Literal["z", "bins"]] = "z"

    def __init__(
        self,
        signals: int,
        *,
        min_instances: int = 30,
        delta: float = 0.005,
        threshold: float = 50.0,
        alpha: float = 1 - 0.0001,
    ) -> None:
        if not threshold > 0:
            raise ValueError(f"threshold is {threshold}; it is above 0")
        self._settings = (min_instances, float(delta), float(threshold), float(alpha))
        self._seen = np.zeros(signals, dtype=np.int64)
        self._sums = np.tile(_FRESH, (signals, 1))
        self._score = np.zeros(signals)
        self._direction = np.zeros(signals)
        self._hits = PaneHits()
        self._pane = -1

    @classmethod
    def textbook(cls, signals: int) -> Self:
        """The defaults of river."""
        return cls(signals)

    @property
    def signals(self) -> int:
        """S, the number of signals."""
        return len(self._seen)

    def update(self, x: FloatArray, at: IntArray) -> None:
        """Take the next rows; see `detectors.contract.Detector.update`."""
        check_batch(x, at, self.signals)
        hits = np.empty((x.size, 2), dtype=np.int64)
        count = _step(
            finite(x),
            *self._settings,
            _FRESH,
            self._seen,
            self._sums,
            self._score,
            self._direction,
            hits,
        )
        self._hits.add(hits[:count], x.shape[1])

    def end_pane(self, pane: int) -> Reading:
        """Close the pane; see `detectors.contract.Detector.end_pane`."""
        self._pane = check_pane(self._pane, pane)
        reading = Reading(
            score=self._score.copy(),
            threshold=np.ones(self.signals),
            alarm=self._score >= 1.0,
            direction=self._direction.astype(np.int8),
            onset=no_marks(self.signals),
            hits=self._hits.told(),
        )
        self._score[:] = 0.0
        self._direction[:] = 0.0
        self._hits.clear()
        return reading

    def reset(self, signals: BoolArray | None = None) -> None:
        """Forget; see `detectors.contract.Detector.reset`."""
        which = np.ones(self.signals, dtype=np.bool_) if signals is None else signals
        self._seen[which] = 0
        self._sums[which] = _FRESH
        self._score[which] = 0.0
        self._direction[which] = 0.0
        self._hits.forget(which)
        if signals is None:
            self._hits.clear()
            self._pane = -1

    def state(self) -> dict[str, Any]:
        """Plain data with a format version."""
        return {
            "v": _VERSION,
            "shape": [self.signals],
            "pane": self._pane,
            "seen": pack(self._seen),
            "sums": self._sums.tobytes(),
            "score": self._score.tobytes(),
            "direction": self._direction.tobytes(),
            **self._hits.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`; see `detectors.contract.Detector.restore`."""
        check_state(state, _VERSION, [self.signals])
        self._pane = int(state["pane"])
        self._seen[:] = unpack(state["seen"], self.signals)
        self._sums[:] = np.frombuffer(state["sums"]).reshape(self._sums.shape)
        self._score[:] = np.frombuffer(state["score"])
        self._direction[:] = np.frombuffer(state["direction"])
        self._hits.restore(state)
