"""Rows of one model version as columns that a reference can prepare, as often as one likes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftlog.errors import InputError
from driftlog.records import Event, ReferenceProfile, SignalType, input_signal
from driftlog.settings import ModelSettings
from stream.preparation import Preparation, Prepared
from stream.profiling.columns import Columns, columns_of
from stream.profiling.texts import halves
from stream.profiling.types import read_as
from stream.rows import CategoryColumn
from stream.texts import text_readers, texts_of

__all__ = ["Sample", "sample_of_columns", "sample_of_events"]


@dataclass(frozen=True, slots=True)
class Sample:
    """n rows in order of event time, in the coding of `stream.rows.Rows`."""

    ts_ms: NDArray[np.int64]
    numbers: dict[str, NDArray[np.float64]]
    categories: dict[str, CategoryColumn]

    def __len__(self) -> int:
        return len(self.ts_ms)

    def take(self, index: NDArray[np.intp]) -> Sample:
        """Return the rows at ``index``, in that order."""
        return Sample(
            self.ts_ms[index],
            {name: column[index] for name, column in self.numbers.items()},
            {name: column.take(index) for name, column in self.categories.items()},
        )

    def prepared(self, preparation: Preparation, picks: NDArray[np.intp]) -> Prepared:
        """Prepare the rows at ``picks``, in that order; a row may be picked many times.

        Each is judged by its own hour, wherever it is put.
        """
        picked = self.take(picks)
        return preparation.of_columns(
            len(picked), picked.numbers, picked.categories, ts_ms=picked.ts_ms
        )


def sample_of_events(
    events: Iterable[Event], profile: ReferenceProfile, models: ModelSettings
) -> Sample:
    """Return events as the columns that a reference's signals take.

    Raises:
        InputError: there are no events, or none of the reference's inputs is in them.
    """
    return sample_of_columns(columns_of(events), profile, models)


def sample_of_columns(
    columns: Columns, profile: ReferenceProfile, models: ModelSettings, *, own: bool = False
) -> Sample:
    """The same of events that were gathered before.

    Args:
        columns: the events.
        profile: the reference.
        models: has the types set by hand.
        own: the reference was made of these very rows. Those that taught it the words of a free
            text are left out, since it knows them better than any row to come.
    """
    left = np.arange(len(columns), dtype=np.intp)
    by_signal = {column.signal: column for column in columns.columns}
    numbers: dict[str, NDArray[np.float64]] = {}
    categories: dict[str, CategoryColumn] = {}
    for name, reader in text_readers(profile.signals).items():
        column = by_signal.get(input_signal(name))
        if column is None:
            continue
        texts = read_as(column.cells, SignalType.CATEGORY, converted=name in models.types)
        assert isinstance(texts, CategoryColumn)
        cells = reader.read(texts_of(texts), columns.key)
        numbers |= cells.numbers
        categories |= cells.categories
        if own:
            left = np.intersect1d(left, halves(texts.codes)[1])
    for one in profile.signals:
        column = by_signal.get(one.signal)
        if column is None or one.text is not None:
            continue
        found = read_as(column.cells, one.type, converted=column.name in models.types)
        if isinstance(found, CategoryColumn):
            categories[one.signal] = found
        else:
            numbers[one.signal] = found
    inputs = {one.signal for one in profile.signals if one.role == "input"}
    if not len(columns) or (inputs and not inputs & {*numbers, *categories}):
        raise InputError(
            f"the rows hold none of the inputs of {profile.model} {profile.version} "
            f"({', '.join(sorted(inputs)[:5])}, ...); name a file of that model"
        )
    return Sample(columns.ts_ms, numbers, categories).take(left)
