"""Rows of one model version as columns that a reference can prepare, as often as one likes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftlog.errors import InputError
from driftlog.records import Event, ReferenceProfile
from driftlog.settings import ModelSettings
from stream.preparation import Preparation, Prepared
from stream.profiling.columns import Columns, columns_of
from stream.profiling.types import read_as
from stream.rows import CategoryColumn

__all__ = ["Sample", "sample_of_columns", "sample_of_events"]


@dataclass(frozen=True, slots=True)
class Sample:
    """n rows in order of event time, in the coding of `stream.rows.Rows`."""

    count: int
    numbers: dict[str, NDArray[np.float64]]
    categories: dict[str, CategoryColumn]

    def __len__(self) -> int:
        return self.count

    def prepared(self, preparation: Preparation, picks: NDArray[np.intp]) -> Prepared:
        """Prepare the rows at ``picks``, in that order; a row may be picked many times."""
        return preparation.of_columns(
            len(picks),
            {name: column[picks] for name, column in self.numbers.items()},
            {name: column.take(picks) for name, column in self.categories.items()},
        )


def sample_of_events(
    events: Iterable[Event], profile: ReferenceProfile, models: ModelSettings
) -> Sample:
    """Return events as the columns that a reference's signals take.

    Raises:
        InputError: there are no events, or none of the reference's inputs is in them.
    """
    return sample_of_columns(columns_of(events), profile, models)


def sample_of_columns(columns: Columns, profile: ReferenceProfile, models: ModelSettings) -> Sample:
    """The same of events that were gathered before."""
    by_signal = {column.signal: column for column in columns.columns}
    numbers: dict[str, NDArray[np.float64]] = {}
    categories: dict[str, CategoryColumn] = {}
    for one in profile.signals:
        column = by_signal.get(one.signal)
        if column is None:
            continue
        cells = read_as(column.cells, one.type, converted=column.name in models.types)
        if isinstance(cells, CategoryColumn):
            categories[one.signal] = cells
        else:
            numbers[one.signal] = cells
    inputs = {one.signal for one in profile.signals if one.role == "input"}
    if not len(columns) or (inputs and not inputs & {*numbers, *categories}):
        raise InputError(
            f"the rows hold none of the inputs of {profile.model} {profile.version} "
            f"({', '.join(sorted(inputs)[:5])}, ...); name a file of that model"
        )
    return Sample(len(columns), numbers, categories)
