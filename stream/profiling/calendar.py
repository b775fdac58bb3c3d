"""Which cycles the times of a reference's rows can carry at all, and traffic by the hour."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.season import DAY_KNOTS, HOUR_MS, WEEK_KNOTS, place
from detectors.season_fit import Places
from driftlog.records import SeasonPeriod, rounded
from stream.local_time import clock_ms

__all__ = ["Calendar", "calendar_of", "rate_by_hour"]

IntArray = NDArray[np.int64]

LEAST_ROWS: Final = 50  # of every hour; fewer know its mean to a seventh of a sd at best
_LEAST_A_SIDE: Final = 10  # of them on even days, and on odd ones
_DAY_MS: Final = 24 * HOUR_MS
_WEEK_MS: Final = 7 * _DAY_MS
_GROUPS: Final = 14  # of days or weeks; more days share one with those a fortnight away
_MOST_NUMBERS: Final = 100_000  # in all cycles: a reference is one record of at most 1 MB
_NUMBERS: Final = 15  # of a signal at one hour
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True)
class Calendar:
    """What the times of n rows, sorted, allow.

    timezone: whose clocks.
    day: the rows among the hours of a day, in groups of days; None where a daily cycle cannot be
        known. week: the same of a week, in groups of weeks.
    lacks: why the longer of the cycles cannot be known; "" where both can.
    """

    timezone: str
    day: Places | None
    week: Places | None
    lacks: str

    @cached_property
    def week_by_day(self) -> Places | None:
        """The rows among the hours of a day, but in groups of weeks."""
        if self.week is None:
            return None
        return Places(self.week.knot % DAY_KNOTS, self.week.after, self.week.group, DAY_KNOTS)

    def places(self, period: SeasonPeriod) -> Places | None:
        """The rows among the hours of this period."""
        return self.day if period == "day" else self.week


def calendar_of(ts_ms: IntArray, timezone: str, *, timed: bool, signals: int) -> Calendar:
    """Return what the times of sorted rows allow.

    A daily cycle takes two whole days with rows in every hour of both, a weekly one two whole
    weeks, so that what is seen on one can be tried on the other.

    Args:
        ts_ms: (n,), event times in UTC.
        timezone: whose hours.
        timed: whether event times are times.
        signals: that may have a cycle; too many do not fit into a record.
    """
    if not timed:
        return Calendar(timezone, None, None, "the rows have no times")
    span = int(ts_ms[-1] - ts_ms[0]) + HOUR_MS  # the last hour counts as whole
    if span < 2 * _DAY_MS:
        return Calendar(
            timezone, None, None, f"a daily cycle takes 2 whole days, these are {_length(span)}"
        )
    if signals * DAY_KNOTS * _NUMBERS > _MOST_NUMBERS:
        return Calendar(
            timezone, None, None, f"cycles of {signals} signals do not fit into one record"
        )
    clock = clock_ms(ts_ms, timezone)
    day = _places(ts_ms, clock, _DAY_MS, DAY_KNOTS)
    if thin := _thin(day, "daily"):
        return Calendar(timezone, None, None, thin)
    if span < 2 * _WEEK_MS:
        return Calendar(
            timezone, day, None, f"a weekly one takes 2 whole weeks, these are {_length(span)}"
        )
    if signals * WEEK_KNOTS * _NUMBERS > _MOST_NUMBERS:
        return Calendar(
            timezone, day, None, f"weekly ones of {signals} signals do not fit into one record"
        )
    week = _places(ts_ms, clock, _WEEK_MS, WEEK_KNOTS)
    thin = _thin(week, "weekly")
    return Calendar(timezone, day, None if thin else week, thin)


def _places(ts_ms: IntArray, clock: IntArray, period_ms: int, knots: int) -> Places:
    group = (ts_ms - ts_ms[0]) // period_ms % _GROUPS
    return Places(*place(clock, knots), group, knots)


def _thin(places: Places, cycle: str) -> str:
    """Why some hour has too few rows, "" where all have enough."""
    rows = places.rows
    sides = np.stack((rows[::2].sum(axis=0), rows[1::2].sum(axis=0)))
    whole = sides.sum(axis=0)
    short = np.flatnonzero((whole < LEAST_ROWS) | (sides.min(axis=0) < _LEAST_A_SIDE))
    if not len(short):
        return ""
    worst = int(short[np.argmin(whole[short])])
    day = f"{_DAYS[worst // DAY_KNOTS]} " if places.knots == WEEK_KNOTS else ""
    return (
        f"a {cycle} cycle takes {LEAST_ROWS} rows about every full hour, on two of them, and "
        f"{day}{worst % DAY_KNOTS}:00 has {int(whole[worst])}"
    )


def _length(span_ms: int) -> str:
    hours = (span_ms - HOUR_MS) / HOUR_MS
    return f"{hours / 24:.3g} days" if hours >= 48 else f"{hours:.3g} hours"


def rate_by_hour(ts_ms: IntArray, calendar: Calendar) -> tuple[float, ...]:
    """Events a second at every full hour of a day or a week, straight lines between; () if unknown.

    Of a week where two weeks foretell each other better by their own hours than by those of a day.
    Rows of an hour over the time that the reference spent in it.
    """
    if calendar.day is None:
        return ()
    places = calendar.day
    if calendar.week is not None and _weekly(calendar.week):
        places = calendar.week
    minutes = np.arange(ts_ms[0], ts_ms[-1] + 1, _MINUTE_MS, dtype=np.int64)
    clock = clock_ms(minutes, calendar.timezone)
    spent = _places(minutes, clock, _DAY_MS, places.knots).rows.sum(axis=0)
    rows = places.rows.sum(axis=0)
    return tuple(rounded(r) for r in (1000.0 * rows / (spent * _MINUTE_MS)).tolist())


def _weekly(week: Places) -> bool:
    rows = week.rows
    even, odd = rows[::2].mean(axis=0), rows[1::2].mean(axis=0)

    def daily(one: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.tile(one.reshape(7, DAY_KNOTS).mean(axis=0), 7)

    own = float(((even - odd) ** 2).sum())
    # Both ways round, as for the signals.
    flat = 0.5 * float(((even - daily(odd)) ** 2 + (odd - daily(even)) ** 2).sum())
    return own < flat
