"""ADWIN: a window that grows while the mean holds and is cut where it changed."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from detectors.adaptive_window import step
from detectors.contract import (
    BoolArray,
    FloatArray,
    IntArray,
    Reading,
    check_batch,
    check_pane,
    check_state,
    finite,
)
from detectors.packing import pack, pack_marks, unpack, unpack_marks
from detectors.pane_hits import PaneHits

_VERSION = 1
_SPARE_LEVELS = 3  # an eightfold window before the arrays grow again


@dataclass(frozen=True, slots=True)
class ADWINReading(Reading):
    """A `Reading` with the size of the change and the window it stands on.

    effect: float64 (S,), mean after minus mean before the cut, in the unit of the values; 0 where
        there is no alarm.
    width: int64 (S,), rows in the window at the end of the pane.
    """

    effect: FloatArray
    width: IntArray


class ADWIN:
    r"""Adaptive windowing over S signals, with the detections of river's ``drift.ADWIN``.

    Every `clock` values all cuts of the window are compared: it detects when
    ``|mean0 - mean1| > eps_cut``. The window then starts anew, so a change alarms in one pane
    and the caller holds the alarm for as long as it wants.

    The score is the largest ``|mean0 - mean1| / eps_cut`` of the checks in the pane, the threshold
    1. A pane in which no check fell keeps the score of the pane before, unless that alarmed.

    The onset is the first row after the cut with the largest ratio, as near as the buckets tell:
    a bucket of 2^i rows has one mark. It is rougher than the onset of a CUSUM.

    Parameters
    ----------
    log_inv_delta
        ln(1/delta) for each signal, (S,), above 0; the logarithm, because autocorrelated signals
        need deltas that no float64 holds. ``ln(500)`` is river's default of 0.002.
    scale
        Values are divided by it first, a number or (S,); 1 is river. The bound holds for values
        of about unit range: a skewed signal needs `detectors.calibration.adwin_scale`, or false
        alarms come up to a hundred times too often.
    clock
        Values between two checks.
    max_buckets
        Buckets of one size before two are merged.
    min_window_length
        Values each side of a cut has at least.
    grace_period
        No check before the window holds more values than this.

    The classic mistake is to leave delta at its default on an autocorrelated signal: AR(1) with
    .9 then alarms every 100 rows. `detectors.calibration.adwin_log_inv_delta` solves it.

    Raises ValueError for parameters out of range.

    Examples
    --------
    A mean that rises by one standard deviation at row 500:

    >>> rng = np.random.default_rng(7)
    >>> z = rng.normal(size=(1, 1000))
    >>> z[0, 500:] += 1.0
    >>> at = np.array([np.arange(1000) * 100, np.zeros(1000), np.arange(1000)], dtype=np.int64)
    >>> adwin = ADWIN(np.array([np.log(500.0)]))
    >>> adwin.update(z, at)
    >>> reading = adwin.end_pane(0)
    >>> reading.hits, int(reading.direction[0]), reading.onset[:, 0].tolist()
    (((0, 575),), 1, [49600, 0, 496])

    References
    ----------
    A. Bifet, R. Gavalda (2007), Learning from Time-Changing Data with Adaptive Windowing, SIAM
    International Conference on Data Mining, 443-448.
    """

    name: ClassVar[str] = "adwin"
    takes: ClassVar[Literal["z", "bins"]] = "z"

    def __init__(
        self,
        log_inv_delta: FloatArray,
        *,
        scale: float | FloatArray = 1.0,
        clock: int = 32,
        max_buckets: int = 5,
        min_window_length: int = 5,
        grace_period: int = 10,
    ) -> None:
        if log_inv_delta.ndim != 1 or not bool(np.all(log_inv_delta > 0)):
            raise ValueError(f"log_inv_delta holds {log_inv_delta}; it is (signals,), each above 0")
        if min(clock, min_window_length, grace_period) < 1 or max_buckets < 2:
            raise ValueError(
                f"clock {clock}, min_window_length {min_window_length} and grace_period "
                f"{grace_period} are at least 1, max_buckets {max_buckets} at least 2"
            )
        self._scale = np.array(np.broadcast_to(scale, log_inv_delta.shape), dtype=np.float64)
        if not bool(np.all(self._scale > 0)):
            raise ValueError(f"scale holds {scale}; each must be above 0")
        self._log_inv_delta = np.array(log_inv_delta, dtype=np.float64)
        self._clock = clock
        self._buckets = max_buckets
        self._least = float(min_window_length)
        self._grace = float(grace_period)
        count = len(log_inv_delta)
        self._fill = np.zeros((count, 1), dtype=np.int64)
        self._sums = np.zeros((count, 1, max_buckets + 1))
        self._marks = np.zeros((count, 1, max_buckets + 1, 3), dtype=np.int64)
        self._width = np.zeros(count)
        self._total = np.zeros(count)
        self._variance = np.zeros(count)
        self._tick = np.zeros(count, dtype=np.int64)
        self._held = np.zeros(count)
        self._score = np.zeros(count)
        self._looked = np.zeros(count, dtype=np.bool_)
        self._change = np.zeros(count)
        self._onset = np.full((count, 3), -1, dtype=np.int64)
        self._hits = PaneHits()
        self._pane = -1

    @classmethod
    def textbook(cls, signals: int) -> Self:
        """The delta of the literature and of river, 0.002."""
        return cls(np.full(signals, -np.log(0.002)))

    @property
    def signals(self) -> int:
        """S, the number of signals."""
        return int(self._log_inv_delta.size)

    def _make_room(self, rows: float) -> None:
        """Levels for windows of so many rows: L of them hold buckets x (2^L - 1) at least."""
        levels = self._fill.shape[1]
        if rows <= self._buckets * (2**levels - 1):
            return
        while rows > self._buckets * (2**levels - 1):
            levels += 1
        more = levels + _SPARE_LEVELS - self._fill.shape[1]
        self._fill = np.pad(self._fill, ((0, 0), (0, more)))
        self._sums = np.pad(self._sums, ((0, 0), (0, more), (0, 0)))
        self._marks = np.pad(self._marks, ((0, 0), (0, more), (0, 0), (0, 0)))

    def update(self, x: FloatArray, at: IntArray) -> None:
        """Take the next rows; see `detectors.contract.Detector.update`."""
        check_batch(x, at, self.signals)
        self._make_room(float(self._width.max(initial=0.0)) + x.shape[1])
        hits = np.empty((x.size // self._clock + self.signals, 2), dtype=np.int64)
        count = step(
            finite(x),
            np.ascontiguousarray(at),
            self._scale,
            self._log_inv_delta,
            self._clock,
            self._least,
            self._grace,
            self._fill,
            self._sums,
            self._marks,
            self._width,
            self._total,
            self._variance,
            self._tick,
            self._score,
            self._looked,
            self._change,
            self._onset,
            hits,
        )
        self._hits.add(hits[:count], x.shape[1])

    def end_pane(self, pane: int) -> ADWINReading:
        """Close the pane; see `detectors.contract.Detector.end_pane`."""
        self._pane = check_pane(self._pane, pane)
        score = np.where(self._looked, self._score, self._held)
        alarm = score >= 1.0
        reading = ADWINReading(
            score=score,
            threshold=np.ones(self.signals),
            alarm=alarm,
            direction=np.sign(self._change).astype(np.int8),
            onset=self._onset.T.copy(),
            hits=self._hits.told(),
            effect=self._change * self._scale,
            width=self._width.astype(np.int64),
        )
        self._held = np.where(alarm, 0.0, score)
        self._close(np.ones(self.signals, dtype=np.bool_))
        self._hits.clear()
        return reading

    def _close(self, which: BoolArray) -> None:
        self._score[which] = 0.0
        self._looked[which] = False
        self._change[which] = 0.0
        self._onset[which] = -1

    def reset(self, signals: BoolArray | None = None) -> None:
        """Forget; see `detectors.contract.Detector.reset`."""
        which = np.ones(self.signals, dtype=np.bool_) if signals is None else signals
        self._fill[which] = 0
        for array in (self._width, self._total, self._variance, self._held):
            array[which] = 0.0
        self._tick[which] = 0
        self._close(which)
        self._hits.forget(which)
        if signals is None:
            self._hits.clear()
            self._pane = -1

    def _used(self) -> BoolArray:
        """Buckets in use, (S, L, buckets + 1), seen from the oldest level on."""
        return np.arange(self._buckets + 1) < self._fill[:, ::-1, None]

    def state(self) -> dict[str, Any]:
        """Plain data: only buckets in use, about 15 bytes each."""
        used = self._used()
        moments = np.stack([self._total, self._variance, self._held])
        state: dict[str, Any] = {
            "v": _VERSION,
            "shape": [self.signals, self._buckets],
            "pane": self._pane,
            "width": pack(self._width.astype(np.int64)),
            "tick": pack(self._tick),
            "moments": moments.tobytes(),
            "levels": self._fill.shape[1],
            "fill": pack(self._fill),
            "sums": self._sums[:, ::-1][used].tobytes(),
            "marks": pack_marks(self._marks[:, ::-1][used].T),
        }
        if self._hits.rows:
            state["open"] = {
                "score": self._score.tobytes(),
                "looked": self._looked.tobytes(),
                "change": self._change.tobytes(),
                "onset": pack_marks(self._onset.T),
                **self._hits.state(),
            }
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`; see `detectors.contract.Detector.restore`."""
        count = self.signals
        check_state(state, _VERSION, [count, self._buckets])
        self.reset()
        levels = int(state["levels"])
        self._fill = unpack(state["fill"], count * levels).reshape(count, levels)
        self._sums = np.zeros((count, levels, self._buckets + 1))
        self._marks = np.zeros((count, levels, self._buckets + 1, 3), dtype=np.int64)
        used = self._used()
        self._sums[:, ::-1][used] = np.frombuffer(state["sums"])
        self._marks[:, ::-1][used] = unpack_marks(state["marks"], int(used.sum())).T
        self._pane = int(state["pane"])
        self._width[:] = unpack(state["width"], count)
        self._tick[:] = unpack(state["tick"], count)
        moments = np.frombuffer(state["moments"]).reshape(3, count)
        self._total[:], self._variance[:], self._held[:] = moments
        if opened := state.get("open"):
            self._score[:] = np.frombuffer(opened["score"])
            self._looked[:] = np.frombuffer(opened["looked"], dtype=np.bool_)
            self._change[:] = np.frombuffer(opened["change"])
            self._onset[:] = unpack_marks(opened["onset"], count).T
            self._hits.restore(opened)
