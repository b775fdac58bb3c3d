"""How a calibration looks in a terminal, and to a machine."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from driftlog.printable import printable
from driftlog.records import ReferenceProfile, SignalProfile, SignalType, rounded
from driftlog.settings import Settings
from driftlog.terminal import terminal

if TYPE_CHECKING:
    from rich.console import Console

    from stream.calibration_check import Check
    from stream.sample import Sample
    from stream.sensitivity import Sensitivity
    from stream.thresholds import Thresholds

__all__ = ["as_plain", "print_calibration"]

_WIDTH = 140  # of what is no terminal


def print_calibration(
    profile: ReferenceProfile,
    limits: Thresholds,
    seen: Sensitivity,
    settings: Settings,
    check: Check | None,
    *,
    own_rows: bool,
    blocks: Sample | None,
) -> None:
    """Print the control in words, the thresholds, what can be seen, and how the trial went.

    Args:
        profile: the reference.
        limits: its thresholds.
        seen: what can be seen with them.
        settings: what they were solved for.
        check: the trial, if there was one.
        own_rows: whether the rows of the trial are those the reference was made of.
        blocks: the rows of the trial.
    """
    console = terminal(plain_width=_WIDTH)
    head = (
        f"{profile.model} {profile.version}, reference {profile.reference_id}: "
        f"{profile.rows:,} rows, {len(profile.signals)} signals"
    )
    console.print(printable(head), style="bold")
    if profile.seasonality:
        console.print(printable(f"Seasons: {profile.seasonality}."))
    for line in _procedure(profile, limits, settings):
        console.print(printable(line))
    _print_signals(console, profile, limits, seen)
    if check is None:
        console.print("Add --rows FILE with quiet rows to have the budget tried on them.")
    else:
        _print_check(console, check, own_rows=own_rows, rows=len(blocks or ()))


def _procedure(profile: ReferenceProfile, limits: Thresholds, settings: Settings) -> list[str]:
    detection, stream = settings.detection, settings.stream
    if limits.psi_fixed is not None:
        return [
            f"Preset conventional: PSI from {limits.psi_fixed} on is drift, whatever the number "
            "of rows. No budget is kept."
        ]
    if not limits.judges:
        return [f"{_by_hand(limits)} Nothing is left that a budget could be kept of."]
    months = limits.rows_between / (limits.rate * 2_592_000)
    versions = settings.models.versions
    shares = max(round(months * detection.alarm_budget / limits.judges / versions), 1)
    series = f"{shares} series" + (f" x {versions} versions" if versions > 1 else "")
    known = "settings" if detection.expected_rate else "reference" if profile.rate else "assumed"
    return [
        f"Budget: {detection.alarm_budget:g} false incidents a month at {limits.rate:.4g} events/s "
        f"({known}), panes of {stream.pane}, windows of {stream.window_panes} panes.",
        f"Control: the budget is split evenly over {len(limits.signals)} signals x "
        f"{len(limits.detectors)} detectors ({', '.join(limits.detectors)}), {limits.judges} that "
        f"apply, x {series}, so that each raises one false alarm in "
        f"{limits.rows_between:.3g} rows. Expected alarms add up however signals depend on each "
        "other (Bonferroni); pending, grouping and the smallest effect take further ones away, and "
        "no credit is taken for that.",
        f"An incident also needs an effect: {detection.min_effect_sd:g} sd, PSI "
        f"{detection.min_effect_psi:g} or {100 * detection.min_effect_rate:g} points of a rate, "
        f"for {detection.pending_panes} panes.",
        *([_by_hand(limits)] if limits.by_hand else []),
    ]


def _by_hand(limits: Thresholds) -> str:
    """Which thresholds a person has set, and that no budget stands behind them."""
    told = []
    for detector, column in limits.by_hand.items():
        chosen: dict[float, list[str]] = {}
        for name, value in zip(limits.signals, column.tolist(), strict=True):
            if not math.isnan(value):
                chosen.setdefault(value, []).append(name)
        told += [f"{detector} {value:g} ({', '.join(names)})" for value, names in chosen.items()]
    return f"Set by hand (*), and no part of the budget: {'; '.join(told)}."


def _print_signals(
    console: Console, profile: ReferenceProfile, limits: Thresholds, seen: Sensitivity
) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    names = [
        *("signal", "V", "CUSUM h by allowance", "ADWIN ln 1/delta", "PSI"),
        *("smallest shift", "in its unit", "opens from", "seen in", "spread"),
    ]
    others = list(seen.window)
    for name in (*names, *(name.replace("_", " ") for name in others)):
        table.add_column(name, justify="left" if name == "signal" else "right")
    for i, one in enumerate(profile.signals):

        def marked(detector: str, text: str, i: int = i) -> str:
            return text + "*" * _is_by_hand(limits, detector, i)

        cells = (
            printable(one.signal),
            f"{one.long_run_variance:.3g}",
            marked("page_hinkley", " ".join(_height(h) for h in limits.cusum[i].max(axis=0))),
            marked("adwin", f"{limits.adwin_log_inv_delta[i]:.3g}"),
            marked("psi", f"{seen.psi[i]:.2g}"),
            f"{seen.smallest_sd[i]:.2g} sd",
            _in_unit(one, float(seen.smallest[i])),
            f"{seen.opening_sd[i]:.2g} sd",
            _time(float(seen.rows_to_see[i]), one, limits.rate),
            marked("spread", _times(float(seen.smallest_spread[i]))),
            *(marked(name, _height(float(seen.window[name][i]))) for name in others),
        )
        table.add_row(*map(Text, cells))
    console.print(table)
    console.print(
        f"V: long-run variance. h: for allowances of {', '.join(map(str, limits.allowances))} sd; "
        "- where the reference is too small for one. PSI: of a full window, from which it is "
        "significant. Smallest shift: significant within a window. Seen in: how long the shift "
        "that opens an incident takes to be significant, on average. Spread: the smallest "
        "growth of the standard deviation that the spread detector sees within a window."
        + (" Further columns: a full window's threshold of the other judges." if others else "")
    )


def _is_by_hand(limits: Thresholds, detector: str, signal: int) -> bool:
    column = limits.by_hand.get(detector)
    return column is not None and not math.isnan(column[signal])


def _times(ratio: float) -> str:
    return f"x {ratio:.3g}" if math.isfinite(ratio) else "-"


def _height(h: float) -> str:
    return f"{h:.3g}" if math.isfinite(h) else "-"


def _in_unit(one: SignalProfile, shift: float) -> str:
    if one.type is SignalType.BOOLEAN:
        return f"{100 * shift:.2g} points"
    return f"{shift:.3g}" + (" nats" if one.type is SignalType.CATEGORY else "")


def _time(rows: float, one: SignalProfile, rate: float) -> str:
    seconds = rows / (rate * max(1.0 - one.missing, 1e-9))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def _print_check(console: Console, check: Check, *, own_rows: bool, rows: int) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for name in ("budget a month", "expected in the run", "false incidents", "alarms by detector"):
        table.add_column(name, justify="left" if "detector" in name else "right")
    for run in check.runs:
        alarms = ", ".join(f"{name} {count}" for name, count in sorted(run.alarms.items()))
        expected = f"{run.expected:.3g}"
        table.add_row(f"{run.budget:,.4g}", expected, str(run.incidents), alarms or "none")
    console.print(
        f"Tried on {check.rows:,} rows in {check.panes:,} panes, drawn in blocks from "
        f"{rows:,} quiet ones:"
    )
    console.print(table)
    own = check.runs[-1]
    within = check.at_most <= check.budget and own.incidents == 0
    console.print(
        f"Expected false incidents a month at this budget: {check.a_month:.2g}, at most "
        f"{check.at_most:.2g} (95 %, extrapolated from the larger budgets); the budget is "
        f"{check.budget:g}: {'it is kept' if within else 'it is NOT shown to be kept'}.",
        style="bold",
    )
    if not within:
        worst = sorted(own.by_signal.items(), key=lambda item: -item[1])[:5]
        named = ", ".join(f"{name} ({count})" for name, count in worst if count)
        named = printable(named) or "none at this budget; run more rows (--run)"
        console.print(f"Most alarms: {named}.")
    if own.by_hand:
        console.print(
            f"Beside them {own.by_hand} incidents opened by thresholds set by hand alone, of which "
            "the budget says nothing."
        )
    if own_rows:
        console.print(
            "The reference was made of these very rows, so its own error does not show here; "
            "give other quiet rows with --reference to see it."
        )


def as_plain(
    profile: ReferenceProfile,
    limits: Thresholds,
    seen: Sensitivity,
    settings: Settings,
    check: Check | None,
) -> dict[str, Any]:
    """The same as one JSON object."""

    def number(value: Any) -> float | None:
        return rounded(float(value)) if math.isfinite(value) else None

    found: dict[str, Any] = {
        "model": profile.model,
        "version": profile.version,
        "reference_id": profile.reference_id,
        "seasonality": profile.seasonality,
        "alarm_budget": settings.detection.alarm_budget,
        "preset": settings.detection.preset,
        "rate": rounded(limits.rate),
        "rows_between": rounded(limits.rows_between),
        "judges": limits.judges,
        "versions": settings.models.versions,
        "detectors": list(limits.detectors),
        "allowances": list(limits.allowances),
        "signals": [
            {
                "signal": one.signal,
                "type": one.type,
                "long_run_variance": one.long_run_variance,
                "inflation": number(limits.inflation[i]),
                "cusum": [[number(h) for h in side] for side in limits.cusum[i]],
                "spread": [[number(h) for h in side] for side in limits.spread[i]],
                "adwin_log_inv_delta": number(limits.adwin_log_inv_delta[i]),
                "psi": number(seen.psi[i]),
                "smallest_shift_sd": number(seen.smallest_sd[i]),
                "smallest_shift": number(seen.smallest[i]),
                "opening_shift_sd": number(seen.opening_sd[i]),
                "rows_to_see": number(seen.rows_to_see[i]),
                "window": {name: number(column[i]) for name, column in seen.window.items()},
                "by_hand": {
                    name: float(column[i])
                    for name, column in limits.by_hand.items()
                    if _is_by_hand(limits, name, i)
                },
                "smallest_spread": number(seen.smallest_spread[i]),
            }
            for i, one in enumerate(profile.signals)
        ],
    }
    if check is not None:
        found["check"] = {
            "rows": check.rows,
            "panes": check.panes,
            "false_incidents_a_month": rounded(check.a_month),
            "at_most": rounded(check.at_most),
            "runs": [
                {
                    "budget": rounded(run.budget),
                    "expected": rounded(run.expected),
                    "incidents": run.incidents,
                    "by_hand": run.by_hand,
                    "alarms": run.alarms,
                }
                for run in check.runs
            ],
        }
    return found
