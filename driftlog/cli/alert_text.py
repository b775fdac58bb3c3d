"""How an alert looks in a terminal: in one line, or in a block with its evidence."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from driftlog.cli.onset_text import between
from driftlog.printable import printable
from driftlog.records import Alert, AlertSignal, AlertStatus, BinShare, Severity, Spread

__all__ = ["ago", "line", "render", "utc"]

_SIGNALS: Final = 5  # told with their evidence; the rest are counted
_LONGEST: Final = 200  # letters of a name or an id
_SERIES: Final = 6
_LEVEL: Final = "level_shift"
_COLOURS: Final = {
    Severity.INFO: "cyan",
    Severity.WARNING: "yellow",
    Severity.CRITICAL: "red",
    Severity.EMERGENCY: "bold white on red",
}
_UNITS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


def utc(ts_ms: int) -> str:
    """Write a time of day with its date.

    >>> utc(1732100000123)
    '2024-11-20 10:53:20 UTC'
    """
    try:
        return datetime.fromtimestamp(ts_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{ts_ms} ms"  # a time that no calendar holds


def ago(ts_ms: int, now_ms: int) -> str:
    """Say how long ago something was, in the largest unit that gives a whole number.

    >>> ago(0, 200_000), ago(0, 400), ago(5_000, 0)
    ('3 min ago', 'just now', 'in the future')
    """
    passed = now_ms - ts_ms
    if passed < 0:
        return "in the future"
    for size, unit in _UNITS:
        if passed >= size:
            return f"{passed // size} {unit} ago"
    return "just now"


def line(alert: Alert) -> Text:
    """Say an alert in one line: status, severity, model, what, since when, decision."""
    return _head(alert).append(
        f"  {_safe(alert.title)}  since {utc(alert.onset.ts_ms)}  → {alert.decision}"
    )


def render(alert: Alert, now_ms: int) -> Group:
    """Say all of an alert in a block: what, since when, how bad, and what it rests on.

    Args:
        alert: the record; whatever its names hold, no control character and no markup comes out.
        now_ms: milliseconds since 1970, for "3 min ago".
    """
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, fact in _facts(alert, now_ms):
        facts.add_row(name, fact)
    title = Text(_safe(alert.title, 1000), "bold")
    return Group(_head(alert), Padding(title, (0, 0, 0, 2)), Padding(facts, (0, 0, 0, 2)))


def _head(alert: Alert) -> Text:
    over = alert.status is AlertStatus.RESOLVED
    colour = "green" if over else _COLOURS[alert.severity]
    versions = ",".join(_safe(version) for version in alert.versions)
    return Text.assemble(
        (f"{alert.status.upper():<8}", colour),
        "  ",
        # The severity of what is over is no alarm any more.
        (f"{alert.severity:<9}", "dim" if over else colour),
        "  ",
        (f"{_safe(alert.model)}@{versions}", "bold"),
    )


def _facts(alert: Alert, now_ms: int) -> Iterable[tuple[str, Text]]:
    onset = alert.onset
    sure = between(onset, lambda ms: utc(ms).removesuffix(" UTC"))
    yield "since", Text(f"{utc(onset.ts_ms)}{sure}, {ago(onset.ts_ms, now_ms)}")
    if alert.resolved_ms is not None:
        lasted = ago(onset.ts_ms, alert.resolved_ms).removesuffix(" ago")
        yield "until", Text(f"{utc(alert.resolved_ms)} (after {lasted})")
    yield "how bad", _how_bad(alert)
    if alert.advice:
        yield "to do", Text(_safe(alert.advice, 1000))
    shown = list(dict.fromkeys(alert.series))
    more = f" and {len(shown) - _SERIES} more" if len(shown) > _SERIES else ""
    yield "where", Text(", ".join(map(_safe, shown[:_SERIES])) + more)
    for signal in alert.signals[:_SIGNALS]:
        yield _safe(signal.signal, 40), _evidence(signal)
    if len(alert.signals) > _SIGNALS:
        yield "", Text(f"and {len(alert.signals) - _SIGNALS} more")
    for name, ids in (("ids before", alert.samples_before), ("ids after", alert.samples_after)):
        if ids:
            yield name, Text(", ".join(map(_safe, ids)))
    if alert.offsets:
        spans = (f"{_safe(p)}: {low}-{high}" for p, (low, high) in sorted(alert.offsets.items()))
        yield "offsets", Text(", ".join(spans))
    yield "alert", Text(f"{_safe(alert.alert_id)}, opened {utc(alert.opened_ms)}")


def _how_bad(alert: Alert) -> Text:
    because = alert.because
    active = [signal for signal in alert.signals if signal.cleared_ms is None]
    bound = f" {because.threshold:.0%}" if "share" in because.rule else ""
    said = f"{alert.decision}: {because.drift_share:.0%} of the signals have drifted"
    said += f" ({_safe(because.rule)}{bound})"
    if active:
        largest = max(abs(signal.effect_sd) for signal in active)
        said += f"; up to {largest:.1f} sd, PSI {max(s.psi for s in active):.2f}"
    return Text(said)


def _evidence(signal: AlertSignal) -> Text:
    parts = [_safe(signal.series)]
    if 0.0 < signal.contribution < 1.0:
        parts.append(f"{signal.contribution:.0%} of the incident")
    if signal.before is not None and signal.after is not None:
        parts.append(f"{_spread(signal.before)} → {_spread(signal.after)}")
        if signal.before.quantiles and signal.after.quantiles:
            told = f"{_quantiles(signal.before)} → {_quantiles(signal.after)}"
            parts.append(f"5, 50, 95 %: {told}")
    found = signal.scores.get(signal.detector)
    if found is not None:
        parts.append(f"{_safe(signal.detector)} {found.score:.4g}, threshold {found.threshold:.4g}")
    level = signal.scores.get(_LEVEL)
    if level is not None and level.score >= level.threshold:
        parts.append(
            f"the level of the window is {level.score:.1f} sd off (from {level.threshold:.1f} on "
            "told): outside of all that the reference showed"
        )
    parts += [_moved(share) for share in signal.moved]
    if signal.cleared_ms is not None:
        return Text(f"back to usual {utc(signal.cleared_ms)}; " + "; ".join(parts), "dim")
    if signal.state != "drift":
        parts.insert(0, _safe(signal.state))
    return Text("; ".join(parts))


def _spread(spread: Spread) -> str:
    missing = f"{spread.missing:.1%} missing" if spread.missing else ""
    if spread.mean is None:
        return missing or f"{spread.rows:,} rows"
    mean = f"{spread.mean:,.4g}" + (f" ± {spread.sd:,.3g}" if spread.sd is not None else "")
    return f"{mean}, {missing}" if missing else mean


def _quantiles(spread: Spread) -> str:
    return ", ".join("beyond" if one is None else f"{one:,.4g}" for one in spread.quantiles)


def _moved(share: BinShare) -> str:
    return f"{_safe(share.bin)} {share.before:.1%} → {share.after:.1%}"


def _safe(text: str, longest: int = _LONGEST) -> str:
    shown = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return printable(shown)
