"""Rows of one model version as a struct of arrays: what decoding makes and the monitor reads."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MISSING",
    "WRONG_NUMBER",
    "WRONG_READABLE",
    "WRONG_TYPE",
    "CategoryColumn",
    "Rows",
    "concat",
    "concat_categories",
    "event_hash",
]

MISSING = -1  # code of an absent category; an absent number is NaN
WRONG_TYPE = -2  # code of a category cell that held something else than text
WRONG_NUMBER = np.inf  # the same in a number column; JSON cannot hold an infinity
WRONG_READABLE = -np.inf  # the same, of a text that reads as such a number: "1.5"


@dataclass(frozen=True, slots=True)
class CategoryColumn:
    """Texts as codes into the levels seen in these very rows."""

    levels: tuple[str, ...]
    codes: NDArray[np.int32]  # (n,)

    def take(self, index: NDArray[np.intp] | slice) -> CategoryColumn:
        """Return the rows at ``index``, with the same levels."""
        return CategoryColumn(self.levels, self.codes[index])


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one (model, version), in the order of the log.

    ``numbers`` holds every number and boolean column (NaN: missing, an infinity: wrong type), keyed
    by the signal's name; ``categories`` every text column. ``raw`` is set instead of both while the
    model version has no reference: the JSON of the decoded event, from which one is learned.
    """

    model: str
    version: str
    ts_ms: NDArray[np.int64]
    key: NDArray[np.uint64]  # event_hash of the event id; breaks ties of time
    partition: NDArray[np.int32]  # of the source topic
    offset: NDArray[np.int64]
    correlation_id: Sequence[str]
    segment: CategoryColumn
    numbers: dict[str, NDArray[np.float64]]
    categories: dict[str, CategoryColumn]
    raw: Sequence[bytes] | None = None

    def __len__(self) -> int:
        return len(self.ts_ms)

    def take(self, index: NDArray[np.intp] | slice) -> Rows:
        """Return the rows at ``index`` (positions or a slice), in that order."""
        # Plain integers: a list looks them up in two thirds of the time of numpy's.
        at = range(*index.indices(len(self))) if isinstance(index, slice) else index.tolist()
        return Rows(
            model=self.model,
            version=self.version,
            ts_ms=self.ts_ms[index],
            key=self.key[index],
            partition=self.partition[index],
            offset=self.offset[index],
            correlation_id=[self.correlation_id[i] for i in at],
            segment=self.segment.take(index),
            numbers={name: column[index] for name, column in self.numbers.items()},
            categories={name: column.take(index) for name, column in self.categories.items()},
            raw=None if self.raw is None else [self.raw[i] for i in at],
        )

    def pick(self, signals: Container[str]) -> Rows:
        """Return the same rows with these columns alone."""
        if all(name in signals for name in (*self.numbers, *self.categories)):
            return self
        return replace(
            self,
            numbers={name: c for name, c in self.numbers.items() if name in signals},
            categories={name: c for name, c in self.categories.items() if name in signals},
        )


def concat(parts: Sequence[Rows]) -> Rows:
    """Join rows of one model version, in the order given.

    A column that a part lacks is missing there; ``raw`` is kept only where every part has it.
    """
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    numbers = dict.fromkeys(name for part in parts for name in part.numbers)
    categories = dict.fromkeys(name for part in parts for name in part.categories)
    absent = {len(part): np.full(len(part), np.nan) for part in parts}
    return Rows(
        model=first.model,
        version=first.version,
        ts_ms=np.concatenate([part.ts_ms for part in parts]),
        key=np.concatenate([part.key for part in parts]),
        partition=np.concatenate([part.partition for part in parts]),
        offset=np.concatenate([part.offset for part in parts]),
        correlation_id=[one for part in parts for one in part.correlation_id],
        segment=concat_categories([part.segment for part in parts]),
        numbers={
            name: np.concatenate([part.numbers.get(name, absent[len(part)]) for part in parts])
            for name in numbers
        },
        categories={
            name: concat_categories(
                [part.categories.get(name) or _all_missing(len(part)) for part in parts]
            )
            for name in categories
        },
        raw=None
        if any(part.raw is None for part in parts)
        else [one for part in parts for one in part.raw or ()],
    )


def _all_missing(rows: int) -> CategoryColumn:
    return CategoryColumn((), np.full(rows, MISSING, dtype=np.int32))


def concat_categories(parts: Sequence[CategoryColumn]) -> CategoryColumn:
    """Join columns, in the order given; of none comes an empty one."""
    if not parts:
        return _all_missing(0)
    if all(part.levels == parts[0].levels for part in parts):
        return CategoryColumn(parts[0].levels, np.concatenate([part.codes for part in parts]))
    index: dict[str, int] = {}
    codes = []
    for part in parts:
        places = [index.setdefault(level, len(index)) for level in part.levels]
        # Two more places, so that the negative codes for no level look themselves up.
        lookup = np.array([*places, WRONG_TYPE, MISSING], dtype=np.int32)
        codes.append(lookup[part.codes])
    return CategoryColumn(tuple(index), np.concatenate(codes))


def event_hash(event_id: str) -> int:
    """64-bit BLAKE2b of the event id; with the event time it gives rows their order."""
    return int.from_bytes(blake2b(event_id.encode(), digest_size=8).digest(), "big")
