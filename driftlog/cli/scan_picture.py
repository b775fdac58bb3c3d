"""A drifted signal as a picture of text: its means over time, or its levels before and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from driftlog.cli.scan_means import Trace
from driftlog.cli.scan_tally import Drift
from driftlog.printable import printable
from driftlog.records import SignalProfile, SignalType
from driftlog.settings import DetectionSettings

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["bars", "buckets", "has_plot", "number", "plot"]

_HEIGHT = 4  # lines of a plot; each shows two values apart
_LABEL = 10  # columns left of a plot
_BAR = 30
_MOST = 120  # columns of a plot
_TINY = 0.0005  # share; less is the smoothing of empty bins
_EIGHTHS = " ▏▎▍▌▋▊▉"


def number(value: float) -> str:
    """Write a value with four significant digits at most.

    >>> number(1234.5), number(0.012345), number(4.0)
    ('1,234', '0.01235', '4')
    """
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"


def buckets(
    trace: Trace, place: int, share_missing: bool, pane_ms: int, width: int
) -> tuple[NDArray[np.float64], int, int]:
    """Return a signal's figures in at most ``width`` equal slices of time, NaN without rows.

    Args:
        trace: of the series.
        place: of the signal among those of the reference.
        share_missing: the share without a value, in place of the mean (in sd).
        pane_ms: length of a pane.
        width: columns there are.

    Returns:
        The figures, the time at which the first begins, and how long each is (ms).
    """
    first = trace.starts_ms[0]
    panes = (np.array(trace.starts_ms) - first) // pane_ms
    each = -(-int(panes[-1] + 1) // width)  # panes a slice, rounded up
    at = panes // each
    rows = np.array(trace.rows, dtype=np.float64)
    present = np.array([counts[place] for counts in trace.present], dtype=np.float64)
    if share_missing:
        weight, total = rows, rows - present
    else:
        weight, total = present, present * np.array([means[place] for means in trace.means])
    count = int(at[-1]) + 1
    sums = np.bincount(at, weights=weight, minlength=count)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.bincount(at, weights=total, minlength=count) / np.where(sums > 0, sums, np.nan)
    return found, first, each * pane_ms


def plot(
    drift: Drift,
    trace: Trace,
    when: Callable[[int], str],
    detection: DetectionSettings,
    pane_ms: int,
    width: int,
) -> list[Text]:
    """Draw the mean of each slice of time over the band in which nobody is woken.

    Below, ``▲`` is where a change began, ``━`` while it lasted.
    """
    from rich.text import Text

    names = [one.signal for one in trace.profile.signals]
    profile = trace.profile.signals[names.index(drift.worst.signal)]
    gone = _is_missing(drift)
    found, first, each = buckets(
        trace, names.index(profile.signal), gone, pane_ms, min(width - _LABEL - 2, _MOST)
    )
    if gone:
        usual, half = profile.missing, detection.min_effect_rate
    else:
        unit = profile.sd or 1.0
        found, usual = profile.mean + unit * found, profile.mean
        boolean = profile.type is SignalType.BOOLEAN
        half = detection.min_effect_rate if boolean else detection.min_effect_sd * unit
    # No usual value lies beyond the extremes of the reference, so neither does the band.
    least, most = (0.0, 1.0) if gone else (profile.quantiles[0], profile.quantiles[-1])
    band = max(usual - half, min(least, usual)), min(usual + half, max(most, usual))
    there = found[np.isfinite(found)]
    low = float(there.min(initial=band[0]))
    high = float(there.max(initial=band[1]))
    drifting = _drifting(drift, first, each, len(found))
    lines = _cells(found, band, (low, high), drifting)
    labels = [number(high), *[""] * (_HEIGHT - 2), number(low)]
    out = [
        Text.assemble((f"{label:>{_LABEL}} ", "dim"), "┤" if label else "│", line)
        for label, line in zip(labels, lines, strict=True)
    ]
    marks = ["━" if on else "─" for on in drifting]
    for onset, _ in drift.spans.values():
        at = (onset - first) // each
        if 0 <= at < len(marks):
            marks[at] = "▲"
    axis = Text.assemble(" " * (_LABEL + 1), "└")
    for mark in marks:
        axis.append(mark, "red" if mark != "─" else "dim")
    left, right = when(first), when(trace.starts_ms[-1] + pane_ms)
    gap = len(found) + 1 - len(left) - len(right)
    dates = Text(" " * (_LABEL + 1) + left + (" " * gap + right if gap > 0 else ""), "dim")
    return [*out, axis, dates]


def _drifting(drift: Drift, first: int, each: int, count: int) -> list[bool]:
    out = [False] * count
    for onset, end in drift.spans.values():
        last = count if end is None else -(-(end - first) // each)
        for at in range(max((onset - first) // each, 0), min(last, count)):
            out[at] = True
    return out


def _cells(
    found: NDArray[np.float64],
    usual: tuple[float, float],
    ends: tuple[float, float],
    drifting: Sequence[bool],
) -> list[Text]:
    from rich.text import Text

    steps = 2 * _HEIGHT
    low, scale = ends[0], (ends[1] - ends[0]) or 1.0

    def step(value: float) -> int:
        return int(np.clip((value - low) / scale * steps, 0, steps - 1))

    band = range(step(usual[0]) // 2, step(usual[1]) // 2 + 1)
    lines = []
    for row in reversed(range(_HEIGHT)):
        line = Text()
        for value, drifts in zip(found.tolist(), drifting, strict=True):
            at = step(value) if np.isfinite(value) else -1
            if at // 2 == row and at >= 0:
                line.append("▀" if at % 2 else "▄", "red" if drifts else "green")
            else:
                line.append("░" if row in band else " ", "dim")
        lines.append(line)
    return lines


def bars(drift: Drift, width: int) -> list[Text]:
    """Draw the levels that moved: their shares before and after."""
    from rich.text import Text

    moved = [one for one in drift.worst.moved if max(one.before, one.after) >= _TINY]
    room = max(10, min(_BAR, width - 40))
    names = [_short(printable(one.bin)) for one in moved]
    name_width = max(map(len, names), default=0)
    most = max((max(one.before, one.after) for one in moved), default=1.0)
    out = []
    for one, name in zip(moved, names, strict=True):
        for label, share, style in (("before", one.before, "green"), ("after", one.after, "red")):
            full, rest = divmod(round(8 * room * share / most), 8)
            bar = "█" * full + (_EIGHTHS[rest] if rest else "")
            out.append(
                Text.assemble(
                    f"    {name if label == 'before' else '':<{name_width}}  ",
                    (f"{label:<7}", "dim"),
                    (bar, style),
                    f" {share:.1%}",
                )
            )
    return out


def _short(name: str) -> str:
    return name if len(name) <= 20 else name[:19] + "…"


def _is_missing(drift: Drift) -> bool:
    before, after = drift.worst.before, drift.worst.after
    return bool(before and after and after.missing - before.missing > 0.05)


def has_plot(drift: Drift, profile: SignalProfile) -> bool:
    """Whether a mean says more than the levels: all but categories that are still there."""
    return profile.type is not SignalType.CATEGORY or _is_missing(drift)
