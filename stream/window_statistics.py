"""Distances of a window from its reference that are told of a signal which has moved."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from detectors import ChiSquare, JensenShannon, KolmogorovSmirnov, Wasserstein
from detectors.season import SeasonWindow
from detectors.standardise import OFF_CONSTANT
from detectors.window_judge import WindowJudge, WindowOptions
from driftlog.records import SignalProfile, SignalType, rounded
from stream.judges import watches

__all__ = ["WindowStatistics", "bin_centres", "ordered_bins", "ordered_inflation", "window_judge"]

FloatArray = NDArray[np.float64]


def ordered_bins(signal: SignalProfile) -> int:
    """How many leading bins hold values in rising order; 0 of what is no number."""
    return len(signal.edges) + 1 if signal.type is SignalType.NUMBER else 0


def ordered_inflation(signal: SignalProfile) -> float:
    """By how much autocorrelation inflates cumulative shares, at least 1.

    A reference from before it was measured has the larger of what bounds it from above: that of
    single bins and of the mean.
    """
    return signal.ordered_inflation or max(signal.inflation, signal.long_run_variance)


def bin_centres(signal: SignalProfile) -> tuple[float, ...]:
    """Where the values of each ordered bin are, in sd of the clipped reference.

    As measured, where the reference has it, else about half-way between the edges; what is out of
    range is at the clip. Of a constant: 0, and 10 sd off it, as its z.
    """
    if signal.centres or not signal.edges or signal.type is not SignalType.NUMBER:
        return signal.centres
    if signal.sd == 0.0:
        return (-OFF_CONSTANT, *(0.0,) * (len(signal.edges) - 1), OFF_CONSTANT)
    low, high = signal.clip
    edges = [min(max(edge, low), high) for edge in signal.edges]
    # Halves, since the sum or the difference of two values may overflow.
    inner = [a / 2 + b / 2 for a, b in pairwise(edges)]
    # In the outermost ones, which are wide, the values are near the quantiles .05 and .95.
    if len(inner) > 1 and len(signal.quantiles) > 3:
        inner[0] = min(max(signal.quantiles[1], edges[0]), edges[1])
        inner[-1] = min(max(signal.quantiles[-2], edges[-2]), edges[-1])
    at = [(x / 2 - signal.mean / 2) / signal.sd * 2 for x in (low, *inner, high)]
    return tuple(rounded(x) for x in at)


def window_judge(
    name: str,
    signals: Sequence[SignalProfile],
    shares: FloatArray,
    *,
    panes: int = 2,
    level: FloatArray | float = 1e-6,
    min_rows: int = 30,
    inflation: FloatArray | None = None,
    fixed: FloatArray | None = None,
    season: SeasonWindow | None = None,
) -> WindowJudge:
    """Return the judge of this name, one of those beside PSI, for signals of a profile.

    Args:
        name: of the detector.
        signals: of the profile, S.
        shares: of their bins, (S, B), NaN behind the last bin.
        panes: length of the window, of which only a judge with a window of its own takes notice.
        level: probability of a false alarm at one look.
        min_rows: effective rows below which nothing is said.
        inflation: of single bins, (S,); none: the profile's.
        fixed: thresholds by hand, (S,), NaN where the level decides.
        season: what is usual in the hours of the window.
    """
    rows = np.array([max(one.rows, 1) for one in signals], dtype=np.int64)
    single = np.array([one.inflation for one in signals]) if inflation is None else inflation
    watched = np.array([watches(name, one) for one in signals], dtype=np.bool_)
    slow = np.array([ordered_inflation(one) for one in signals])
    # What was added to the inflation for the error of a small reference goes with it.
    slow = np.maximum(slow, 1.0) * single / np.array([one.inflation for one in signals])
    ordered = np.array([ordered_bins(one) for one in signals], dtype=np.int64)
    options = WindowOptions(
        panes=panes,
        level=level,
        min_rows=min_rows,
        fixed=fixed,
        watched=watched,
        inflation=single,
        season=season,
    )
    if name == ChiSquare.name:
        return ChiSquare(shares, rows, **options)
    if name == JensenShannon.name:
        return JensenShannon(shares, rows, **options)
    options["inflation"] = slow
    if name == KolmogorovSmirnov.name:
        return KolmogorovSmirnov(shares, rows, ordered, **options)
    options["inflation"] = np.maximum(slow, [one.long_run_variance for one in signals])
    centres = np.full(shares.shape, np.nan)
    for row, one in zip(centres, signals, strict=True):
        at = bin_centres(one)
        row[: len(at)] = at
    return Wasserstein(shares, rows, ordered, centres, **options)


class WindowStatistics:
    """The distances named in the settings, for S signals at once; shared by all series of a model.

    Args:
        names: of `detection.statistics`.
        signals: of the profile.
        shares: of their bins, (S, B), NaN behind the last bin.
    """

    def __init__(
        self, names: Sequence[str], signals: Sequence[SignalProfile], shares: FloatArray
    ) -> None:
        self._judges = tuple(
            window_judge(name, signals, shares, min_rows=1) for name in dict.fromkeys(names)
        )

    def measure(
        self,
        counts: NDArray[np.int64],
        shift: FloatArray,
        usual: tuple[FloatArray, FloatArray] | None = None,
    ) -> list[dict[str, float]]:
        """Return the distances of each signal by name; those with too few rows are left out.

        Chi-square comes with its p-value, ``chi_square_p``. Wasserstein's distance over bins is
        never told as less than the shift of the mean, than which the true one cannot be less.

        Args:
            counts: of the bins, (S, B).
            shift: of the mean, in sd, (S,).
            usual: shares (S, B) and rows (S,) to compare with, where some signal has a cycle.
        """
        found: list[dict[str, float]] = [{} for _ in counts]
        for judge in self._judges:
            if usual is not None:
                judge.compare_with(*usual)
            score = judge.read(counts).score
            if judge.name == Wasserstein.name:
                score = np.maximum(score, np.abs(shift))
            columns = {judge.name: score}
            if isinstance(judge, ChiSquare):
                columns["chi_square_p"] = judge.p_value(counts)
            for name, column in columns.items():
                for i in np.flatnonzero(judge.watched & (score > 0.0)).tolist():
                    found[i][name] = rounded(float(column[i]))
        return found
