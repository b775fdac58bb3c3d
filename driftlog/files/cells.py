"""Cells of an Arrow column as values of the wire contract."""

from __future__ import annotations

from typing import Any

from driftlog.errors import InputError
from driftlog.files.table import arrow
from driftlog.records import Value

__all__ = ["cells"]


def cells(column: Any, name: str) -> list[Value]:
    """Return a column's cells as numbers, texts, booleans or None.

    NaN and infinities, which JSON cannot hold, are None; a decimal is a number, a duration
    seconds; dates and times are ISO 8601 texts.

    Raises:
        InputError: the column is of lists, structs or bytes; names it and the mend.
    """
    pa = arrow()
    from pyarrow import compute

    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_decimal(kind) or pa.types.is_float16(kind):
        column = column.cast(pa.float64())
        kind = column.type
    elif pa.types.is_duration(kind):
        milliseconds = column.cast(pa.duration("ms"), safe=False).cast(pa.int64())
        column = compute.divide(milliseconds.cast(pa.float64()), 1000.0)
        kind = column.type
    elif pa.types.is_temporal(kind):
        column = column.cast(pa.string())
        kind = column.type
    if pa.types.is_floating(kind):
        # The comparison is null for a null, and if_else then gives a null as well.
        column = compute.if_else(compute.is_finite(column), column, None)
    elif not (
        pa.types.is_integer(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_null(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
    ):
        raise InputError(
            f"column {name!r} holds {kind}, which no signal can be made of (bytes are often text "
            "that is not UTF-8); leave it out with --exclude, or convert it"
        )
    values: list[Value] = column.to_pylist()
    return values
