"""Event time as people's clocks show it: what daily and weekly cycles go by."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

__all__ = ["clock_ms"]

IntArray = NDArray[np.int64]

_QUARTER_MS = 900_000  # no clock has ever been changed within a quarter of an hour


def clock_ms(ts_ms: IntArray, timezone: str) -> IntArray:
    """Event times (n,), ms since 1970 in UTC, as ms since 1970 by the clocks of a time zone.

    A clock that is put back shows an hour twice. One look into the zone's rules is enough for the
    rows of a pane.

    Raises:
        ZoneInfoNotFoundError: there is no such zone, or no time zones on this machine.

    >>> int(clock_ms(np.array([1_719_835_200_000]), "Europe/Berlin")[0]) - 1_719_835_200_000
    7200000
    """
    if timezone == "UTC" or not len(ts_ms):
        return ts_ms
    zone = ZoneInfo(timezone)
    first, last = int(ts_ms.min()) // _QUARTER_MS, int(ts_ms.max()) // _QUARTER_MS
    if first == last:
        return ts_ms + _offset_ms(first, zone)
    quarters, place = np.unique(ts_ms // _QUARTER_MS, return_inverse=True)
    offsets = np.array([_offset_ms(int(one), zone) for one in quarters], dtype=np.int64)
    return ts_ms + offsets[place]


def _offset_ms(quarter: int, zone: ZoneInfo) -> int:
    moment = datetime.fromtimestamp(quarter * _QUARTER_MS / 1000, UTC).astimezone(zone)
    offset = moment.utcoffset()
    return 0 if offset is None else round(1000 * offset.total_seconds())
