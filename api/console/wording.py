"""Figures and states in words, as the pages show them."""

from __future__ import annotations

from typing import Final, NamedTuple

from api.console.views import Health

__all__ = ["STATES", "StateWords", "coarsely", "percent"]


class StateWords(NamedTuple):
    """A state to a person: its name, a sign for the window's title, and what it means."""

    name: str
    sign: str
    meaning: str


STATES: Final[dict[Health, StateWords]] = {
    "ok": StateWords("ok", "●", "as usual"),
    "learning": StateWords("learning", "◌", "there is no reference to judge by yet"),
    "insufficient": StateWords("too few rows", "○", "too few rows in the window to judge"),
    "minor": StateWords("minor", "◔", "changed, by less than what matters"),
    "pending": StateWords("pending", "◐", "changed, not yet for long enough to be sure"),
    "no data": StateWords("no data", "–", "nothing was ever told"),
    "unowned": StateWords("unowned", "✕", "no worker holds it"),
    "stale": StateWords("stale", "▨", "nothing new was told for too long"),
    "drift": StateWords("drift", "▲", "changed, by more than what matters, and lasting"),
}


def percent(share: float | None) -> str:
    """Write a share in percent, never "0%" of something.

    >>> percent(0.4321), percent(0.004), percent(0.0), percent(0.00001), percent(None)
    ('43%', '0.4%', '0%', '<0.01%', '–')
    """
    if share is None:
        return "–"
    if 0 < share < 0.0001:
        return "<0.01%"
    if 0 < share < 0.1:
        return f"{100 * share:.2g}%"
    return f"{100 * share:.0f}%" if share <= 0.995 or share >= 1 else f"{100 * share:.2f}%"


def coarsely(span_ms: float) -> str:
    """Say how long something lasts, coarsely enough that it seldom changes.

    >>> [coarsely(ms) for ms in (3_000, 95_000, 3_000_000, 8e7, 4e8)]
    ['under 1 min', '1 min', '50 min', '22 h', '4 days']
    """
    minutes = int(span_ms) // 60_000
    if minutes < 1:
        return "under 1 min"
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 2_880 else f"{minutes // 1_440} days"
