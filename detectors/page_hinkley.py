"""Page-Hinkley as a bank of two-sided CUSUMs with several allowances per signal."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from detectors.calibration import normal_thresholds
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
from detectors.cusum import LANES, step
from detectors.packing import pack, pack_marks, unpack, unpack_marks
from detectors.pane_hits import PaneHits

ALLOWANCES = (0.05, 0.13, 0.35, 0.8, 1.5)  # half of the shifts of .1 to 3 sd

_VERSION = 1


@dataclass(frozen=True, slots=True)
class PageHinkleyReading(Reading):
    """A `Reading` with the size of the change.

    effect: float64 (S,), the signed mean shift since the onset in reference standard deviations,
        as it stood when the member alarmed; 0 where there is no alarm.
    """

    effect: FloatArray


class PageHinkley:
    r"""Two-sided CUSUMs over standardised signals, several allowances side by side.

    Each member keeps ``S <- max(0, S +- z - k)`` and alarms while ``S >= h``. A small allowance k
    sees small shifts, a large one sees large shifts soon; the bank is near the best delay
    ``2 ln(T) / d^2`` for every shift d between about 2 min(k) and 2 max(k).

    The score is the largest S/h of the pane (its opening included), the threshold 1. The member
    reported is, of those at or above h in the pane, the one that crossed first. Its onset is the
    first row after its last zero.

    Parameters
    ----------
    thresholds
        h, float64 (S, 2, K): signal, side (up, down), allowance; in standard deviations. ``inf``
        drops a member. `detectors.calibration.cusum_thresholds` solves them from a reference.
    allowances
        k of each member, (K,), in standard deviations.
    on_alarm
        ``"hold"``: nothing restarts; a sum stops at `ceiling` times h, so that it falls back soon
        after the stream recovers. ``"reset"``: all members of the signal restart at a detection,
        as in a chart with restarts; for calibration and comparison.
    ceiling
        Where sums stop in mode ``"hold"``, as a multiple of h.

    The classic mistake is to feed values that are not standardised by the reference, or to take
    thresholds for N(0,1) where the values are skewed or autocorrelated: on 1 % booleans that
    raises false alarms a thousandfold.

    Raises ValueError for shapes that do not fit and for thresholds that are not positive.

    Examples
    --------
    A mean that rises by one standard deviation at row 500:

    >>> rng = np.random.default_rng(7)
    >>> z = rng.normal(size=(1, 1000))
    >>> z[0, 500:] += 1.0
    >>> at = np.array([np.arange(1000) * 100, np.zeros(1000), np.arange(1000)], dtype=np.int64)
    >>> bank = PageHinkley.textbook(1)
    >>> bank.update(z, at)
    >>> reading = bank.end_pane(0)
    >>> reading.hits, int(reading.direction[0]), reading.onset[:, 0].tolist()
    (((0, 554), (0, 556)), 1, [50300, 0, 503])
    >>> round(float(reading.effect[0]), 2)
    0.74

    References
    ----------
    E. S. Page (1954), Continuous Inspection Schemes, Biometrika 41, 100-115.
    G. Lorden (1971), Procedures for Reacting to a Change in Distribution, Ann. Math. Statist. 42.
    D. Siegmund (1985), Sequential Analysis, chapter X.
    """

    name: ClassVar[str] = "page_hinkley"
    takes: ClassVar[Literal["z", "bins"]] = "z"

    def __init__(
        self,
        thresholds: FloatArray,
        allowances: tuple[float, ...] = ALLOWANCES,
        *,
        on_alarm: Literal["hold", "reset"] = "hold",
        ceiling: float = 1.25,
    ) -> None:
        if thresholds.ndim != 3 or thresholds.shape[1:] != (2, len(allowances)):
            raise ValueError(
                f"thresholds have shape {thresholds.shape}; {len(allowances)} allowances need "
                f"(signals, 2, {len(allowances)})"
            )
        if not bool(np.all(thresholds > 0)):
            raise ValueError(f"thresholds hold {np.min(thresholds)}; each must be above 0")
        if 2 * len(allowances) > LANES or ceiling < 1.0 or on_alarm not in ("hold", "reset"):
            raise ValueError(
                f"at most {LANES // 2} allowances, a ceiling of 1 or more, on_alarm hold or reset; "
                f"got {len(allowances)}, {ceiling}, {on_alarm!r}"
            )
        self._restart = on_alarm == "reset"
        self._h = np.array(thresholds, dtype=np.float64).reshape(len(thresholds), -1)
        self._sign = np.repeat([1.0, -1.0], len(allowances))
        self._k = np.tile(np.array(allowances, dtype=np.float64), 2)
        # A dropped member (h = inf) is held at 0, so that it costs no state.
        stop = np.inf if self._restart else ceiling
        self._stop = np.where(np.isfinite(self._h), self._h * stop, 0.0)
        shape = self._h.shape
        self._sum = np.zeros(shape)
        self._peak = np.zeros(shape)
        self._start = np.zeros(shape, dtype=np.int64)
        self._mark = np.full((*shape, 3), -1, dtype=np.int64)
        # What a member was at its alarm; `began` is the start of the excursion it belongs to.
        self._began = np.full(shape, -1, dtype=np.int64)
        self._crossed = np.full(shape, -1, dtype=np.int64)
        self._effect = np.zeros(shape)
        self._onset = np.full((*shape, 3), -1, dtype=np.int64)
        self._above = np.zeros(shape[0], dtype=np.int64)
        self._seen = np.zeros(shape[0], dtype=np.int64)
        self._hits = PaneHits()
        self._pane = -1

    @classmethod
    def textbook(cls, signals: int) -> Self:
        """Thresholds for N(0,1) at one false alarm in a million rows, by Siegmund's formula."""
        return cls(np.repeat(normal_thresholds(ALLOWANCES)[None], signals, axis=0))

    @property
    def signals(self) -> int:
        """S, the number of signals."""
        return int(self._h.shape[0])

    def update(self, x: FloatArray, at: IntArray) -> None:
        """Take the next rows; see `detectors.contract.Detector.update`."""
        check_batch(x, at, self.signals)
        hits = np.empty((x.size, 2), dtype=np.int64)  # pages are touched only where hits are
        count = step(
            finite(x),
            np.ascontiguousarray(at),
            self._k,
            self._sign,
            self._h,
            self._stop,
            self._restart,
            self._sum,
            self._peak,
            self._start,
            self._mark,
            self._began,
            self._crossed,
            self._effect,
            self._onset,
            self._above,
            self._seen,
            hits,
        )
        self._hits.add(hits[:count], x.shape[1])

    def end_pane(self, pane: int) -> PageHinkleyReading:
        """Close the pane; see `detectors.contract.Detector.end_pane`."""
        self._pane = check_pane(self._pane, pane)
        reached = self._peak >= self._h
        alarm = np.asarray(reached.any(axis=1), dtype=np.bool_)
        ratio = (self._peak / self._h).max(axis=1)
        if not alarm.any():  # the usual case, and the same as below
            reading = self._quiet(np.minimum(ratio, BELOW_ONE))
            self._next_pane()
            return reading
        score = np.where(alarm, np.maximum(ratio, 1.0), np.minimum(ratio, BELOW_ONE))
        # First to cross; of several on one row the last, whose allowance is largest.
        order = np.where(reached, self._crossed, np.iinfo(np.int64).max)
        lead = order.shape[1] - 1 - order[:, ::-1].argmin(axis=1)
        each = np.arange(self.signals)
        reading = PageHinkleyReading(
            score=score,
            threshold=np.ones(self.signals),
            alarm=alarm,
            direction=np.where(alarm, self._sign[lead], 0).astype(np.int8),
            onset=np.where(alarm, self._onset[each, lead].T, no_marks(self.signals)),
            hits=self._hits.told(),
            effect=np.where(alarm, self._effect[each, lead], 0.0),
        )
        self._next_pane()
        return reading

    def _quiet(self, score: FloatArray) -> PageHinkleyReading:
        return PageHinkleyReading(
            score=score,
            threshold=np.ones(self.signals),
            alarm=np.zeros(self.signals, dtype=np.bool_),
            direction=np.zeros(self.signals, dtype=np.int8),
            onset=no_marks(self.signals),
            hits=(),
            effect=np.zeros(self.signals),
        )

    def _next_pane(self) -> None:
        self._hits.clear()
        self._peak[:] = self._sum
        if (self._began >= 0).any():
            self._forget(~((self._sum > 0) & (self._began == self._start)))

    def _forget(self, members: BoolArray) -> None:
        self._began[members] = -1
        self._crossed[members] = -1
        self._effect[members] = 0.0
        self._onset[members] = -1

    def reset(self, signals: BoolArray | None = None) -> None:
        """Forget; see `detectors.contract.Detector.reset`."""
        which = np.ones(self.signals, dtype=np.bool_) if signals is None else signals
        self._sum[which] = 0.0
        self._peak[which] = 0.0
        self._start[which] = 0
        self._mark[which] = -1
        self._above[which] = 0
        self._seen[which] = 0
        self._forget(np.broadcast_to(which[:, None], self._sum.shape))
        self._hits.forget(which)
        if signals is None:
            self._hits.clear()
            self._pane = -1

    def state(self) -> dict[str, Any]:
        """Plain data: only members above zero take room, about 15 bytes each."""
        live = self._sum > 0
        kept = self._began >= 0
        state: dict[str, Any] = {
            "v": _VERSION,
            "shape": list(self._h.shape),
            "pane": self._pane,
            "seen": pack(self._seen),
            "above": pack(self._above),
            "live": np.packbits(live).tobytes(),
            "sum": self._sum[live].tobytes(),
            "age": pack((self._seen[:, None] - self._start)[live]),
            "mark": pack_marks(self._mark[live].T),
            "kept": pack(np.flatnonzero(kept)),
            "began": pack(self._began[kept]),
            "crossed": pack(self._crossed[kept]),
            "effect": self._effect[kept].tobytes(),
            "onset": pack_marks(self._onset[kept].T),
            "n_kept": int(kept.sum()),
        }
        if self._hits.rows:
            state["open"] = {
                "peak": self._peak.tobytes(),
                **self._hits.state(),
            }
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`; see `detectors.contract.Detector.restore`."""
        shape = self._h.shape
        check_state(state, _VERSION, list(shape))
        self.reset()
        self._pane = int(state["pane"])
        self._seen[:] = unpack(state["seen"], shape[0])
        self._above[:] = unpack(state["above"], shape[0])
        bits = np.unpackbits(np.frombuffer(state["live"], dtype=np.uint8), count=self._h.size)
        live = bits.astype(np.bool_).reshape(shape)
        count = int(live.sum())
        self._sum[live] = np.frombuffer(state["sum"])
        age = np.zeros(shape, dtype=np.int64)
        age[live] = unpack(state["age"], count)
        self._start[live] = (self._seen[:, None] - age)[live]
        self._mark[live] = unpack_marks(state["mark"], count).T
        many = int(state["n_kept"])
        kept = np.unravel_index(unpack(state["kept"], many), shape)
        self._began[kept] = unpack(state["began"], many)
        self._crossed[kept] = unpack(state["crossed"], many)
        self._effect[kept] = np.frombuffer(state["effect"])
        self._onset[kept] = unpack_marks(state["onset"], many).T
        self._peak[:] = self._sum
        if opened := state.get("open"):
            self._peak[:] = np.frombuffer(opened["peak"]).reshape(shape)
            self._hits.restore(opened)
