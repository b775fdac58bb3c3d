"""What judges a window by its bins: one ring of counts, which any number of judges may read."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, Self, TypedDict, Unpack

import numpy as np

from detectors.contract import (
    BoolArray,
    CodeArray,
    FloatArray,
    IntArray,
    Reading,
    check_batch,
    check_state,
    no_marks,
)
from detectors.divergence import count_codes
from detectors.packing import pack, unpack
from detectors.pane_ring import PaneRing
from detectors.season import SeasonWindow

_VERSION = 1


class WindowOptions(TypedDict, total=False):
    """What every judge of a window takes; see `WindowJudge`."""

    panes: int
    level: float | FloatArray
    inflation: float | FloatArray
    min_rows: int
    fixed: FloatArray | None
    watched: BoolArray | None
    season: SeasonWindow | None


class WindowJudge(ABC):
    """A detector of S signals that looks at the bin counts of the last W panes and nothing else.

    `read` judges any counts. So several judges share one window: one of them takes the rows
    (`update`, `end_pane`), the others `read` its `window()` and hold nothing, not even a ring,
    until they are given rows of their own. Counts of panes add up, so a window of any length and
    the sum of several workers' windows need no sketch.

    Parameters
    ----------
    shares
        Reference share of each bin, float64 (S, B), each row summing to 1; NaN pads signals with
        fewer bins at the end.
    rows
        m, rows of the reference for each signal, (S,).
    panes
        W, the length of the window, 60 unless said.
    level
        Probability of a false alarm at one look, a number or (S,); 1e-6 unless said.
    inflation
        By how much autocorrelation inflates the variance of shares, at least 1, a number or (S,).
    min_rows
        Below so many effective rows (rows over inflation) a window is insufficient; 30.
    fixed
        Thresholds set by hand in the unit of the score, (S,); NaN where the level decides.
    watched
        Signals that are judged, bool (S,). The others have the score 0 and the threshold 1.
    season
        What is usual in the hours of the window, for signals with a daily or weekly cycle; see
        `against`. Whoever feeds this detector feeds it first, pane by pane.

    Raises ValueError for shares that do not sum to 1 and parameters out of range.
    """

    name: ClassVar[str]
    takes: ClassVar[Literal["z", "bins"]] = "bins"

    def __init__(
        self, shares: FloatArray, rows: IntArray, **options: Unpack[WindowOptions]
    ) -> None:
        panes = options.get("panes", 60)
        level = options.get("level", 1e-6)
        inflation = options.get("inflation", 1.0)
        fixed, watched = options.get("fixed"), options.get("watched")
        if shares.ndim != 2 or rows.shape != shares.shape[:1]:
            raise ValueError(f"shares {shares.shape} and rows {rows.shape} are (S, B) and (S,)")
        self._sizes = (~np.isnan(shares)).sum(axis=1)
        self._padded = np.arange(shares.shape[1]) >= self._sizes[:, None]
        sums = np.nansum(shares, axis=1)
        for s in range(len(shares)):
            if (self._padded[s] != np.isnan(shares[s])).any() or abs(sums[s] - 1.0) > 1e-6:
                raise ValueError(
                    f"shares of signal {s} sum to {sums[s]} over {self._sizes[s]} bins; they sum "
                    f"to 1, with NaN only after the last bin"
                )
        self._shares = np.array(shares, dtype=np.float64)
        self._reference_rows = np.array(rows, dtype=np.float64)
        self._of_all_hours = (self._shares, self._reference_rows)
        self.season = options.get("season")
        self._inflation = np.array(np.broadcast_to(inflation, rows.shape), dtype=np.float64)
        if not (bool((rows >= 1).all()) and bool((self._inflation >= 1.0).all())):
            raise ValueError(f"rows {rows} and inflation {self._inflation} are at least 1")
        self._levels = np.array(np.broadcast_to(level, rows.shape), dtype=np.float64)
        if not bool(((self._levels > 0) & (self._levels < 1)).all()):
            raise ValueError(f"level holds {level}; a level is a probability, above 0 and below 1")
        self._min_rows = options.get("min_rows", 30)
        self._fixed = None if fixed is None or np.isnan(fixed).all() else fixed.copy()
        if self._fixed is not None and bool((self._fixed <= 0.0).any()):
            raise ValueError(f"fixed holds {self._fixed.min()}; a threshold is above 0")
        every = np.ones(len(shares), dtype=np.bool_)
        self.watched = every if watched is None else watched.copy()
        self._panes = panes
        if panes < 1:
            raise ValueError(f"a window of {panes} panes; it has at least 1")
        self._ring: PaneRing | None = None
        self._open = np.zeros(0, dtype=np.int64)

    @classmethod
    @abstractmethod
    def textbook(cls, signals: int) -> Self:
        """A judge with the literature's settings; see `detectors.contract.Detector.textbook`."""

    @property
    def signals(self) -> int:
        """S, the number of signals."""
        return len(self._shares)

    @property
    def panes(self) -> int:
        """W, the length of the window in panes."""
        return self._panes

    def usual(self, panes: int) -> tuple[FloatArray, FloatArray]:
        """Reference shares (S, B) and rows m (S,), of the hours that the last panes fell on."""
        shares, rows = self._of_all_hours
        if self.season is None:
            return shares, rows
        hours, where = self.season.hours(panes), self.season.tables.where
        shares, rows = shares.copy(), rows.copy()
        shares[where] = hours.shares
        rows[where] = np.clip(hours.rows, 1.0, rows[where])
        return shares, rows

    def against(self, panes: int) -> Self:
        """From now on judge counts of the last panes: by what is usual in the hours of these."""
        if self.season is not None:
            self.compare_with(*self.usual(panes))
        return self

    def compare_with(self, shares: FloatArray, rows: FloatArray) -> None:
        """From now on judge by these reference shares (S, B) and rows (S,)."""
        self._shares, self._reference_rows = shares, rows

    def _own(self) -> PaneRing:
        """The ring, made when it is first needed."""
        if self._ring is None:
            self._ring = PaneRing(self._panes, self._shares.shape)
            self._open = np.zeros(self._shares.shape, dtype=np.int64)
        return self._ring

    def update(self, x: CodeArray, at: IntArray) -> None:
        """Take the next rows' codes; see `detectors.contract.Detector.update`.

        Raises ValueError for a code that is not one of its signal's bins.
        """
        check_batch(x, at, self.signals)
        if x.dtype != np.int16:
            raise ValueError(f"x is {x.dtype}; bin codes are int16")
        self._own()
        wrong = count_codes(np.ascontiguousarray(x), self._sizes, self._open)
        if wrong >= 0:
            raise ValueError(
                f"signal {wrong} has a code {x[wrong].max()}; its bins are 0 to "
                f"{self._sizes[wrong] - 1}"
            )

    def end_pane(self, pane: int) -> Reading:
        """Close the pane; see `detectors.contract.Detector.end_pane`."""
        self._push(pane)
        return self.against(self.panes).read(self._own().total)

    def _push(self, pane: int) -> None:
        self._own().push(pane, self._open)
        self._open[:] = 0

    @abstractmethod
    def read(self, counts: IntArray) -> Reading:
        """Judge counts (S, B) of any window; nothing is kept of them."""

    def _reading(self, score: FloatArray, threshold: FloatArray, few: BoolArray) -> Reading:
        """Put score and solved threshold into a reading; ``few``: too few rows to judge, (S,)."""
        score, threshold = self._settled(score, threshold, few)
        count = self.signals
        return Reading(
            score=score,
            threshold=threshold,
            alarm=score >= threshold,
            direction=np.zeros(count, dtype=np.int8),
            onset=no_marks(count),
            hits=(),
        )

    def _settled(
        self, score: FloatArray, threshold: FloatArray, few: BoolArray
    ) -> tuple[FloatArray, FloatArray]:
        if self._fixed is not None:
            threshold = np.where(np.isnan(self._fixed), threshold, self._fixed)
        off = ~self.watched
        if off.any():
            threshold = np.where(off, 1.0, threshold)
            few = few | off
        return np.where(few, 0.0, score), threshold

    @property
    def total(self) -> IntArray:
        """Counts (S, B) of the whole window, to be read and not changed."""
        return self._own().total

    def window(self, last: int | None = None) -> IntArray:
        """Counts (S, B) of the last panes, or of the whole window."""
        return self._own().span(self.panes if last is None else last)

    def keep_last(self, signals: BoolArray, panes: int) -> None:
        """For the signals in the mask, forget all but the last panes, as after a recovery."""
        self._own().keep_last(signals, panes)

    def reset(self, signals: BoolArray | None = None) -> None:
        """Forget; see `detectors.contract.Detector.reset`."""
        if self._ring is None:
            return
        if signals is None:
            self._ring.clear()
            self._open[:] = 0
        else:
            self._ring.keep_last(signals, 0)
            self._open[signals] = 0

    def state(self) -> dict[str, Any]:
        """Plain data: a byte or two for each bin and pane that is not empty."""
        ring = self._own()
        return {
            "v": _VERSION,
            "shape": [*self._shares.shape, self.panes],
            "ring": ring.state(),
            "open": pack(self._open),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`; see `detectors.contract.Detector.restore`."""
        check_state(state, _VERSION, [*self._shares.shape, self.panes])
        self._own().restore(state["ring"])
        self._open[:] = unpack(state["open"], self._open.size).reshape(self._open.shape)
