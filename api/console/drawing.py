"""Small drawings as numbers: what the pages' SVG elements are made of. Pure.

SVG attributes in place of inline styles, which the pages' content security policy forbids; and
drawings that come with the page, which need no script and are printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, log2
from typing import Any, Final

from api.console.views import Bin, Mark, Points, Run

__all__ = ["AT_THRESHOLD", "bar_width", "chart", "lane", "pairs", "spark"]

AT_THRESHOLD: Final = 50.0  # where of 100 a ratio of 1 lies on a ratio's bar
_FULL: Final = 8.0  # ratio at which the bar is full
_SPARK_TOP: Final = 2.0  # ratio at the upper edge of a sparkline
_LANE_LEAST: Final = 0.6  # of 100: a single pane is still seen


def bar_width(ratio: float | None) -> float:
    """Return the width of a ratio's bar, 0 to 100: straight to the threshold, then by doublings.

    >>> bar_width(0.5), bar_width(1.0), bar_width(2.0), bar_width(1e9), bar_width(None)
    (25.0, 50.0, 66.7, 100.0, 0.0)
    """
    if ratio is None or not ratio > 0:
        return 0.0
    if ratio <= 1:
        return round(AT_THRESHOLD * ratio, 1)
    over = min(1.0, log2(ratio) / log2(_FULL)) if isfinite(ratio) else 1.0
    return round(AT_THRESHOLD + (100 - AT_THRESHOLD) * over, 1)


def spark(ratios: Sequence[float | None]) -> tuple[str, ...]:
    """Return the points of a sparkline's lines, 100 by 24; a pane without a ratio breaks the line.

    The threshold lies in the middle, at 12; what is beyond twice of it is cut off.

    >>> spark([0.0, 1.0, None, 9.0, 2.0])
    ('0,24 25,12', '75,0 100,0')
    """
    step = 100 / max(1, len(ratios) - 1)
    lines: list[list[str]] = [[]]
    for at, ratio in enumerate(ratios):
        if ratio is None:
            lines.append([])
            continue
        height = 24 * (1 - min(_SPARK_TOP, max(0.0, ratio)) / _SPARK_TOP)
        lines[-1].append(f"{at * step:.3g},{height:.3g}")
    # A line of one point would not be drawn.
    return tuple(" ".join(line * 2 if len(line) == 1 else line) for line in lines if line)


def lane(
    runs: Sequence[Run], from_ms: int | None = None, to_ms: int | None = None
) -> list[tuple[float, float, Run]]:
    """Return (start, width, run) of each run on a lane of 100; what no run covers is a gap.

    Args:
        runs: oldest first.
        from_ms: time at 0; none: the first run's.
        to_ms: time at 100; none: the last run's.

    >>> [(start, width) for start, width, _ in lane([Run("ok", 0, 50), Run("drift", 75, 100)])]
    [(0.0, 50.0), (75.0, 25.0)]
    """
    if not runs:
        return []
    begin = runs[0].from_ms if from_ms is None else from_ms
    end = runs[-1].to_ms if to_ms is None else to_ms
    span = max(1, end - begin)
    found = []
    for run in runs:
        start = max(0.0, 100 * (run.from_ms - begin) / span)
        width = min(100.0, 100 * (run.to_ms - begin) / span) - start
        if width > 0:
            found.append((round(start, 2), round(max(width, _LANE_LEAST), 2), run))
    return found


def pairs(bins: Sequence[Bin]) -> list[tuple[Bin, float, float]]:
    """Return each bin with the widths of its two bars, 0 to 100: one scale for all of them.

    >>> [(a, b) for _, a, b in pairs([Bin(bin="x", reference=0.2, current=0.4, rows=4, part=1.0)])]
    [(50.0, 100.0)]
    """
    largest = max((max(one.reference, one.current or 0.0) for one in bins), default=0.0) or 1.0
    return [
        (
            one,
            round(100 * one.reference / largest, 1),
            round(100 * (one.current or 0.0) / largest, 1),
        )
        for one in bins
    ]


def chart(points: Points, marks: Sequence[Mark]) -> dict[str, Any]:
    """Return what the script draws over time: seconds, ratios by detector, and marks.

    Each detector's score is shown over its own threshold, so that 1 is the threshold of all of
    them; score and threshold themselves come along for who points at one.
    """
    ratios: dict[str, list[float | None]] = {}
    for name, scores in points.scores.items():
        bounds = points.thresholds.get(name, ())
        ratios[name] = [
            score / bound if score is not None and bound else None
            for score, bound in zip(scores, bounds, strict=False)
        ]
    return {
        "time_s": [ms / 1000 for ms in points.pane_end_ms],
        "ratio": points.ratio,
        "detectors": ratios,
        "scores": points.scores,
        "thresholds": points.thresholds,
        "rows": points.rows,
        "marks": [
            {"kind": mark.kind, "time_s": mark.ts_ms / 1000, "words": mark.words} for mark in marks
        ],
    }
