"""Event times of a column, in milliseconds since 1970 (UTC)."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from driftlog.errors import InputError
from driftlog.files.table import arrow
from driftlog.records import MAX_TS_MS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["column_ms", "value_ms"]

_FORMS = "an ISO 8601 timestamp such as 2013-03-01T06:00:00Z, a date, or seconds as a number"
_YEAR_10000 = 253_402_300_800  # seconds; beyond it the numbers are surely not seconds


def value_ms(value: object) -> int:
    """Return one time as milliseconds: a number is seconds, a text ISO 8601 (no zone: UTC).

    Raises:
        ValueError: it is no time; the message says what it may be.
    """
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError(f"holds {value!r}; it must hold {_FORMS}") from None
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return _in_range(value, value)
    else:
        raise ValueError(f"holds {value!r}; it must hold {_FORMS}")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    # Truncated to whole milliseconds, as a column of timestamps is.
    return _in_range((moment - _EPOCH) // timedelta(milliseconds=1) / 1000, value)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _in_range(seconds: float, held: object) -> int:
    if not 0 <= seconds < _YEAR_10000:
        mend = "; milliseconds? divide them by 1000" if seconds > 0 else ""
        raise ValueError(f"holds {held!r}, which is not a time from 1970 to 9999{mend}")
    return min(round(seconds * 1000), MAX_TS_MS - 1)


def column_ms(column: Any, name: str) -> NDArray[np.int64]:
    """Return the times of an Arrow column.

    Timestamps and texts without a zone are UTC; numbers are seconds; dates are their midnight.

    Raises:
        InputError: a cell is no time, or is empty; names the column, the row and the mend.
    """
    pa = arrow()
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        # A cast to whole milliseconds truncates what is finer: the same for every reader.
        cast = column.cast(pa.timestamp("ms", tz=getattr(kind, "tz", None)), safe=False)
        return _whole(cast.cast(pa.int64()), column, name)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        for wanted in (pa.timestamp("us"), pa.timestamp("us", tz="UTC")):
            try:
                return column_ms(column.cast(wanted), name)
            except pa.ArrowInvalid:
                continue  # mixed or rarer forms: one by one below, which also finds the bad row
    return _one_by_one(column, name)


def _whole(values: Any, column: Any, name: str) -> NDArray[np.int64]:
    import numpy as np

    if values.null_count == 0:
        times: NDArray[np.int64] = values.to_numpy().astype(np.int64)
        if times.min(initial=0) >= 0 and times.max(initial=0) < MAX_TS_MS:
            return times
    return _one_by_one(column, name)


def _one_by_one(column: Any, name: str) -> NDArray[np.int64]:
    import numpy as np

    pa = arrow()
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    elif pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        column = column.cast(pa.string())
    times = np.empty(len(column), dtype=np.int64)
    for row, value in enumerate(column.to_pylist()):
        try:
            times[row] = value_ms(value)
        except ValueError as exc:
            raise InputError(f"time column {name!r}, row {row} {exc}") from exc
    return times
