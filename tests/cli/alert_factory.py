"""Alerts as the worker writes them, made by hand."""

from __future__ import annotations

from typing import Any

from driftlog.records import (
    Alert,
    AlertSignal,
    AlertStatus,
    Because,
    BinShare,
    Decision,
    Onset,
    Score,
    Severity,
    Spread,
)

AT = 1_732_100_000_000  # 2024-11-20 10:53:20 UTC


def alert_signal(name: str = "distance", **more: Any) -> AlertSignal:
    """One drifted signal with all its evidence."""
    plain: dict[str, Any] = {
        "series": "late@1/*",
        "signal": name,
        "state": "drift",
        "detector": "page_hinkley",
        "scores": {"page_hinkley": Score(31.5, 12.25), "psi": Score(3.0, 9.0)},
        "psi": 0.34,
        "effect_sd": 2.1,
        "direction": 1,
        "onset": Onset(ts_ms=AT, partition=0, offset=7),
        "rows": 600,
        "before": Spread(rows=10_000, mean=1040.4, sd=700.0),
        "after": Spread(rows=600, mean=1480.2, sd=690.0),
        "moved": (BinShare(bin="[1390, 2000)", before=0.1, after=0.25, part=0.6),),
    }
    return AlertSignal(**(plain | more))


def alert(**more: Any) -> Alert:
    """An alert that fires a minute after its onset."""
    plain: dict[str, Any] = {
        "alert_id": "cafe01",
        "status": AlertStatus.FIRING,
        "severity": Severity.CRITICAL,
        "model": "late",
        "versions": ("1",),
        "series": ("late@1/*",),
        "title": "distance up 1,040 → 1,480 (2.1 sd) (1 of 4 signals)",
        "signals": (alert_signal(),),
        "onset": Onset(ts_ms=AT, partition=0, offset=7),
        "opened_ms": AT + 60_000,
        "pane_end_ms": AT + 60_000,
        "window_ms": (AT - 540_000, AT + 60_000),
        "offsets": {"0": (7, 4711)},
        "decision": Decision.INVESTIGATE,
        "because": Because(
            rule="drift_share >= investigate_share",
            drift_share=0.25,
            output_drifted=False,
            threshold=0.2,
        ),
        "reference_id": "ref",
        "config": "conf",
        "samples_before": ("req-1", "req-2"),
        "samples_after": ("req-9",),
    }
    return Alert(**(plain | more))
