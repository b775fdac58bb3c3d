"""Daily and weekly cycles: what is usual at this hour, and in a window of some hours.

A cycle is given at K knots, one for each full hour (24 of a day, or 168 of a week from Monday 0:00
on), with periodic straight lines between them: a row at a quarter past has three quarters of the
knot before it and one quarter of the next. Times are ms since 1970 on the clock of the model's
people, a *clock time*.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from detectors.contract import BoolArray, FloatArray, IntArray, check_state, finite
from detectors.kernel import kernel
from detectors.linear import solve
from detectors.packing import pack, unpack
from detectors.pane_ring import PaneRing
from detectors.standardise import MOST

HOUR_MS = 3_600_000
DAY_KNOTS = 24
WEEK_KNOTS = 168

_MONDAY_MS = 3 * 24 * HOUR_MS  # 1970 began on a Thursday
_VERSION = 1
_PARTS = 1024  # of a row, by which it is shared between two knots: whole numbers add up exactly


def place(clock_ms: IntArray, knots: int) -> tuple[IntArray, FloatArray]:
    """The knot before each time, (n,), and the share (n,), below 1, of the knot after it.

    >>> knot, after = place(np.array([15 * 60_000, 23 * 3_600_000 + 1_800_000]), 24)
    >>> knot.tolist(), after.tolist()
    ([0, 23], [0.25, 0.5])
    """
    hour, rest = np.divmod(clock_ms + _MONDAY_MS, HOUR_MS)
    return hour % knots, rest / HOUR_MS


def covariance(rows: FloatArray) -> FloatArray:
    """Covariance (K, K) of what was fitted at the knots to values of variance 1.

    `rows` (K,) are those that a knot has, shared as `place` says. The inverse of the straight
    lines' Gram matrix, rows being spread evenly between two knots.
    """
    knots = len(rows)
    between = (rows + np.roll(rows, -1)) / 2.0
    at = np.arange(knots)
    gram = np.zeros((knots, knots))
    gram[at, at] = (between + np.roll(between, 1)) / 3.0
    gram[at, (at + 1) % knots] += between / 6.0
    gram[(at + 1) % knots, at] += between / 6.0
    return solve(gram, np.eye(knots))


@kernel
def _deseasonalise(
    x: FloatArray,
    knot: IntArray,
    after: FloatArray,
    mean: FloatArray,
    sd: FloatArray,
    clip: FloatArray,
    out: FloatArray,
) -> None:
    knots = mean.shape[1]
    for s in range(x.shape[0]):
        for i in range(x.shape[1]):
            v = x[s, i]
            if not np.isfinite(v):
                out[s, i] = np.nan
                continue
            a = knot[i]
            b = a + 1 if a + 1 < knots else 0
            w = after[i]
            centre = mean[s, a] + w * (mean[s, b] - mean[s, a])
            z = (v - centre) / (sd[s, a] + w * (sd[s, b] - sd[s, a]))
            out[s, i] = min(max(z, clip[s, 0]), clip[s, 1])


class SeasonStandardiser:
    """z of S signals by the hour: (x - mean(t)) / sd(t), then clipped.

    Clipped after and not before: what is usual by day may be an outlier at night.

    Args:
        mean, sd: at the knots, (S, K), in the unit of x; sd above 0.
        clip: lowest and highest z, (S, 2).

    >>> mean = np.tile(np.array([[0.0, 10.0]]), 12)
    >>> hourly = SeasonStandardiser(mean, np.ones((1, 24)), np.array([[-3.0, 3.0]]))
    >>> hourly.z(np.array([[5.0, 5.0, 99.0]]), np.array([0, 1_800_000, 0])).tolist()
    [[3.0, 0.0, 3.0]]
    """

    def __init__(self, mean: FloatArray, sd: FloatArray, clip: FloatArray) -> None:
        if mean.shape != sd.shape or clip.shape != (len(mean), 2) or not bool((sd > 0).all()):
            raise ValueError(
                f"mean {mean.shape}, sd {sd.shape} and clip {clip.shape} are (S, K), (S, K) and "
                "(S, 2), and each sd is above 0"
            )
        self._mean, self._sd = finite(mean), finite(sd)
        self._clip = np.clip(finite(clip), -MOST, MOST)

    def z(self, x: FloatArray, clock_ms: IntArray) -> FloatArray:
        """z (S, n) of values (S, n) at clock times (n,); NaN where x is not finite."""
        if x.shape != (len(self._mean), len(clock_ms)):
            raise ValueError(
                f"x has shape {x.shape}; {len(clock_ms)} times of {len(self._mean)} signals need "
                f"({len(self._mean)}, {len(clock_ms)})"
            )
        out = np.empty(x.shape)
        knot, after = place(clock_ms, self._mean.shape[1])
        _deseasonalise(finite(x), knot, after, self._mean, self._sd, self._clip, out)
        return out


@dataclass(frozen=True, slots=True)
class SeasonTables:
    """The cycles of some of S signals, ready to be looked up; all have K knots.

    where: int64 (C,), the signals that have a cycle.
    mean, sd: (K, C), in the signal's own unit; rows: (C,), rows of the weakest knot.
    shares: (K, C, B), of the bins; NaN behind a signal's last bin.
    error: (C, K, K), by `covariance`.
    """

    where: IntArray
    mean: FloatArray
    sd: FloatArray
    rows: FloatArray
    shares: FloatArray
    error: FloatArray

    @property
    def knots(self) -> int:
        """K."""
        return len(self.mean)

    def of(self, places: IntArray) -> "SeasonTables | None":
        """The same of some of the signals, (S',); None where none of them has a cycle."""
        kept = np.flatnonzero(np.isin(self.where, places))
        if not len(kept):
            return None
        index = {int(place): at for at, place in enumerate(places)}
        where = np.array([index[int(one)] for one in self.where[kept]])
        if len(kept) == len(self.where):  # arrays are shared: there may be thousands of series
            return SeasonTables(where, self.mean, self.sd, self.rows, self.shares, self.error)
        return SeasonTables(
            where,
            self.mean[:, kept],
            self.sd[:, kept],
            self.rows[kept],
            self.shares[:, kept],
            self.error[kept],
        )


@dataclass(frozen=True, slots=True)
class Hours:
    """What is usual in the hours that some panes fell on, of the C signals that have a cycle.

    mean, sd: (C,), of values that would be drawn in these hours; own_sd: (C,), the mean of sd(t),
    by which z was standardised; shares: (C, B); rows: (C,), of a plain sample that would know the
    shares as well. All 0 rows where the panes hold none.
    """

    mean: FloatArray
    sd: FloatArray
    own_sd: FloatArray
    shares: FloatArray
    rows: FloatArray


class SeasonWindow:
    """Which hours the rows of the last W panes fell on, and what is usual there.

    It steps beside the windows of the same signals: ``update`` with each batch, ``end_pane``, and
    ``keep_last`` where they forget. K whole numbers a pane.

    Args:
        tables: the cycles.
        signals: S.
        panes: W.

    >>> tables = SeasonTables(
    ...     np.array([0]), np.arange(24.0)[:, None], np.ones((24, 1)), np.full(1, 100.0),
    ...     np.full((24, 1, 2), 0.5), np.eye(24)[None] / 100)
    >>> window = SeasonWindow(tables, signals=1, panes=60)
    >>> window.update(np.array([3_600_000, 5_400_000]))
    >>> window.end_pane(0)
    >>> float(window.hours(60).mean[0])
    1.25
    """

    def __init__(self, tables: SeasonTables, signals: int, panes: int) -> None:
        self.tables = tables
        self._ring = PaneRing(panes, (1, tables.knots))
        self._open = np.zeros((1, tables.knots), dtype=np.int64)
        self._since = np.zeros(signals, dtype=np.int64)  # the first pane that a signal remembers
        self._told: dict[int, Hours] = {}  # by panes, until the window moves on

    def update(self, clock_ms: IntArray) -> None:
        """Take the clock times (n,) of the next rows."""
        knots = self.tables.knots
        knot, after = place(clock_ms, knots)
        part = (after * _PARTS).astype(np.int64)
        # Sums below 2^53 are exact in the floats of bincount.
        found = np.bincount(knot, _PARTS - part, knots) + np.bincount(
            (knot + 1) % knots, part, knots
        )
        self._open[0] += found.astype(np.int64)

    def end_pane(self, pane: int) -> None:
        """Close the pane; ValueError when it does not come after the one before."""
        self._ring.push(pane, self._open)
        self._open[:] = 0
        self._told.clear()

    def hours(self, panes: int) -> Hours:
        """What is usual in the hours of the last panes."""
        if panes not in self._told:
            self._told[panes] = self._hours(panes)
        return self._told[panes]

    def _hours(self, panes: int) -> Hours:
        tables = self.tables
        spans = np.minimum(panes, self._ring.last + 1 - self._since[tables.where])
        first = int(spans[0])
        if (spans == first).all():
            return self._mixture(first, slice(None))
        parts = {int(k): self._mixture(int(k), spans == k) for k in np.unique(spans)}

        def gather(name: str) -> FloatArray:
            some = getattr(parts[first], name)
            out = np.empty((len(spans), *some.shape[1:]))
            for k, part in parts.items():
                out[spans == k] = getattr(part, name)
            return out

        return Hours(*(gather(name) for name in ("mean", "sd", "own_sd", "shares", "rows")))

    def _mixture(self, panes: int, chosen: BoolArray | slice) -> Hours:
        """Of the chosen signals, which all look back at so many panes."""
        tables = self.tables
        held = self._ring.total if panes >= self._ring.panes else self._ring.span(panes)
        counts = held[0]
        at = np.flatnonzero(counts)
        if not len(at):
            # No rows, nothing to compare: any hour will do.
            at, weight = np.arange(tables.knots), np.full(tables.knots, 1.0 / tables.knots)
            known = 0.0
        else:
            weight, known = counts[at] / counts[at].sum(), 1.0
        own_mean, own_sd = tables.mean[at][:, chosen], tables.sd[at][:, chosen]
        mean = weight @ own_mean
        square = weight @ (own_sd**2 + (own_mean - mean) ** 2)
        error = tables.error[chosen][:, at[:, None], at]
        return Hours(
            mean=mean,
            sd=np.sqrt(square),
            own_sd=weight @ own_sd,
            shares=np.einsum("k,kcb->cb", weight, tables.shares[at][:, chosen]),
            rows=known / np.einsum("k,ckl,l->c", weight, error, weight),
        )

    def keep_last(self, signals: BoolArray, panes: int) -> None:
        """For the signals in the mask (S,), forget all but the last panes."""
        self._since[signals] = np.maximum(self._since[signals], self._ring.last + 1 - panes)
        self._told.clear()

    def state(self) -> dict[str, Any]:
        """Plain data with a format version."""
        return {
            "v": _VERSION,
            "shape": [len(self._since), self.tables.knots, self._ring.panes],
            "ring": self._ring.state(),
            "open": pack(self._open),
            "since": pack(self._since),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`; ValueError when it is of another version or shape."""
        check_state(state, _VERSION, [len(self._since), self.tables.knots, self._ring.panes])
        self._ring.restore(state["ring"])
        self._open[:] = unpack(state["open"], self._open.size).reshape(self._open.shape)
        self._since[:] = unpack(state["since"], len(self._since))
        self._told.clear()
