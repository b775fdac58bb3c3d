"""How a reference profile looks in a terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from driftlog.printable import printable
from driftlog.records import ReferenceProfile, SignalProfile, SignalType
from driftlog.terminal import terminal

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from stream.book import ReferenceBook

__all__ = ["print_book", "print_profile", "sparkline"]

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 140  # of what is no terminal
_TOP = 4  # levels named
_TINY = 0.005  # share; less is the smoothing of empty bins, or nearly


def print_profile(profile: ReferenceProfile) -> None:
    """Print a profile to standard output: what it is of, its signals, what it leaves out."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console = _console()
    head = (
        f"{profile.model} {profile.version}, reference {profile.reference_id} "
        f"({profile.origin}{': ' + profile.source if profile.source else ''})"
    )
    console.print(printable(head), style="bold")
    rate = f"{profile.rate:.4g} events/s" if profile.rate else "rate unknown"
    console.print(
        f"{profile.rows:,} rows from {_moment(profile.span_ms[0])} to "
        f"{_moment(profile.span_ms[1])}, {rate}; in effect {_effective(profile)}"
    )
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("signal", "type", "missing", "usual", "bins"):
        table.add_column(name, justify="right" if name == "missing" else "left")
    for signal in profile.signals:
        cells: list[RenderableType] = [
            Text(printable(cell)) for cell in (signal.signal, signal.type, f"{signal.missing:.1%}")
        ]
        table.add_row(*cells, Text(printable(_usual(signal))), Text(sparkline(signal.shares)))
    console.print(table)
    if profile.seasonality:
        zone = "" if profile.timezone == "UTC" else f" (hours of {profile.timezone})"
        console.print(printable(f"seasons: {profile.seasonality}{zone}"))
    if profile.segments:
        shown = [f"{name} {share:.1%}" for name, share in list(profile.segments.items())[:8]]
        more = len(profile.segments) - len(shown)
        told = ", ".join(shown) + (f" and {more} more" if more else "")
        console.print(printable(f"segments: {told}"))
    for column, why in profile.excluded.items():
        console.print(printable(f"not watched: {column}: {why}"))


def print_book(book: ReferenceBook) -> None:
    """Print which profiles there are, and from when each is in effect."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for name in ("model", "version", "reference", "origin", "in effect", "rows", "signals"):
        table.add_column(name, justify="right" if name in ("rows", "signals") else "left")
    for one in book.profiles():
        texts = (one.model, one.version, one.reference_id, one.origin, _effective(one))
        table.add_row(*map(Text, map(printable, texts)), f"{one.rows:,}", str(len(one.signals)))
    _console().print(table)


def sparkline(shares: tuple[float, ...]) -> str:
    """Draw shares as bars, the largest at full height.

    >>> sparkline((0.1, 0.4, 0.8, 0.0))
    '▂▅█▁'
    """
    most = max(shares, default=1.0)
    return "".join(_BARS[round(share / most * (len(_BARS) - 1))] for share in shares)


def _console() -> Console:
    return terminal(plain_width=_WIDTH)


def _usual(signal: SignalProfile) -> str:
    if signal.type is SignalType.BOOLEAN:
        return f"true in {signal.mean:.2%}"
    if signal.type is SignalType.CATEGORY:
        named = sorted(zip(signal.shares, signal.bins, strict=True), reverse=True)[:_TOP]
        top = [f"{_short(name)} {share:.1%}" for share, name in named if share >= _TINY]
        others = len(signal.levels) + len(signal.other_levels)
        return ", ".join(top) + f" ({others} {'level' if others == 1 else 'levels'})"
    if not signal.sd:
        return f"always {signal.mean:.6g}"
    low, high = signal.quantiles[0], signal.quantiles[-1]
    return f"{signal.mean:.4g} ± {signal.sd:.4g} ({low:.4g} to {high:.4g})"


def _short(name: str) -> str:
    return name if len(name) <= 24 else name[:23] + "…"


def _effective(profile: ReferenceProfile) -> str:
    if not profile.effective_from_ms:
        return "from the start"
    return f"from {_moment(profile.effective_from_ms)}"


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
