"""Rows that came raw, because ingest knew no reference yet, shaped by the one there is now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from driftlog.records import EVENT, ReferenceProfile
from stream.cells import Schema
from stream.fastpath import FastPath
from stream.rows import Rows
from stream.rows_builder import RowsBuilder

__all__ = ["shaped"]


class _Place(NamedTuple):
    partition: int
    offset: int


def shaped(rows: Rows, profile: ReferenceProfile, types: Iterable[str] = ()) -> Rows:
    """Return the same rows with the columns of a reference, as decoding would have made them.

    Args:
        rows: with their raw JSON.
        profile: of the same model version.
        types: inputs whose type is set by hand.
    """
    schema = Schema(profile, types)
    row = FastPath(rows.model, rows.version, schema).row
    builder = RowsBuilder(rows.model, rows.version, schema)
    builder.rows = [row(EVENT.decode(raw)) for raw in rows.raw or ()]
    builder.places = [
        _Place(int(partition), int(offset))
        for partition, offset in zip(rows.partition, rows.offset, strict=True)
    ]
    return builder.build()
