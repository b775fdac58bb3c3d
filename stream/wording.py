"""What happened, in one plain sentence."""

from __future__ import annotations

from collections.abc import Sequence

from driftlog.records import AlertSignal, Spread

__all__ = ["figure", "sentence", "title"]

_NAMED = 2  # signals named in a title; the rest are counted


def figure(value: float | None) -> str:
    """Write a number with three significant digits, thousands apart.

    >>> figure(1040.4), figure(0.01234), figure(None)
    ('1,040', '0.0123', '-')
    """
    if value is None:
        return "-"
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _share(value: float) -> str:
    return f"{value:.1%}" if 0 < value < 0.1 else f"{value:.0%}"


def sentence(signal: AlertSignal) -> str:
    """Say what moved, which way and how far."""
    before, after = signal.before, signal.after
    if before and after and after.missing - before.missing > max(0.05, signal.effect_rate / 2):
        return f"{signal.signal} missing {_share(before.missing)} → {_share(after.missing)}"
    if signal.signal == "error" and _means(before, after) and before and after:
        return f"errors {_share(before.mean or 0.0)} → {_share(after.mean or 0.0)}"
    if signal.moved and not _is_shift(signal):
        top = signal.moved[0]
        return (
            f"{signal.signal} mix changed, PSI {figure(signal.psi)} "
            f"({top.bin}: {_share(top.before)} → {_share(top.after)})"
        )
    way = {1: "up", -1: "down"}.get(signal.direction, "changed")
    size = f"{abs(signal.effect_sd):.1f} sd"
    if _means(before, after) and before and after:
        size += f" ({figure(before.mean)} → {figure(after.mean)})"
    return f"{signal.signal} {way} {size}"


def title(signals: Sequence[AlertSignal], watched: int) -> str:
    """Say an incident in one line: the worst signals, then how many of how many."""
    distinct = {s.signal: s for s in reversed(signals)}  # the worst series of each signal wins
    ordered = sorted(distinct.values(), key=lambda s: [x.signal for x in signals].index(s.signal))
    said = "; ".join(sentence(s) for s in ordered[:_NAMED])
    more = f" and {len(ordered) - _NAMED} more" if len(ordered) > _NAMED else ""
    return f"{said}{more} ({len(ordered)} of {max(watched, len(ordered))} signals)"


def _means(before: Spread | None, after: Spread | None) -> bool:
    return bool(before and after and before.mean is not None and after.mean is not None)


def _is_shift(signal: AlertSignal) -> bool:
    return (
        signal.direction != 0
        and abs(signal.effect_sd) >= 0.25
        and _means(signal.before, signal.after)
    )
