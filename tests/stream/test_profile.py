"""The profile of a reference: what it says of every kind of column."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from driftlog.errors import ProfileError
from driftlog.files import FileSpec, file_events
from driftlog.records import (
    EVENT,
    REFERENCE,
    Event,
    Outputs,
    ReferenceProfile,
    SignalProfile,
    SignalType,
)
from driftlog.settings import ModelSettings
from stream.profile import Gathering, build_profile, profile_of_events, reference_id

ROWS = 600
PLAIN = ModelSettings()


def events(columns: dict[str, list[Any]], **fields: Callable[[int], Any]) -> list[Event]:
    names = list(columns)
    return [
        Event(
            **{
                "event_id": f"e{i}",
                "correlation_id": f"c{i}",
                "ts_ms": 1_000_000 + 500 * i,
                "model": "m",
                "version": "1",
                "inputs": dict(zip(names, row, strict=True)),
                **{name: value(i) for name, value in fields.items()},
            }
        )
        for i, row in enumerate(zip(*columns.values(), strict=True))
    ]


def profile_of(found: list[Event], models: ModelSettings = PLAIN, **more: Any) -> ReferenceProfile:
    return profile_of_events(
        found, model="m", version="1", origin="file", models=models, source="here", **more
    )


def signal(values: list[Any], kind: str | None = None) -> SignalProfile:
    models = ModelSettings(types={"x": kind} if kind else {})  # type: ignore[dict-item]  # kinds are literals
    return profile_of(events({"x": values}), models).signals[0]


RNG = np.random.default_rng(11)
NORMAL = RNG.normal(size=ROWS)
KINDS: dict[str, list[Any]] = {
    "number": NORMAL.tolist(),
    "skewed": RNG.lognormal(size=ROWS).tolist(),
    "constant": [1234567890.1234567] * ROWS,
    "zero_inflated": np.where(RNG.random(ROWS) < 0.8, 0.0, RNG.lognormal(size=ROWS)).tolist(),
    "few": RNG.integers(1, 6, ROWS).tolist(),
    "huge": (NORMAL * 1e307).tolist(),
    "with_nulls": [None if i % 4 == 0 else float(i % 17) for i in range(ROWS)],
    "mixed": ["text" if i % 10 == 0 else float(i % 23) for i in range(ROWS)],
    "boolean": (RNG.random(ROWS) < 0.3).tolist(),
    "never": [False] * ROWS,
    "category": RNG.choice(["UA", "AA", "DL"], ROWS, p=[0.6, 0.3, 0.1]).tolist(),
    "one_level": ["x"] * ROWS,
    "balanced": ["m", "f"] * (ROWS // 2),
    "city": [f"city {int(v)}" for v in np.minimum(RNG.zipf(1.4, ROWS), 10**6)],
    "reserved": RNG.choice(["missing", "unseen", "", " "], ROWS).tolist(),
    "text_and_number": [7 if i % 5 == 0 else "seven" for i in range(ROWS)],
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_of_column_gives_a_whole_signal(kind: str) -> None:
    found = signal(KINDS[kind])
    assert sum(found.shares) == pytest.approx(1.0, abs=1e-6)
    assert len(found.shares) == len(found.bins) == len(set(found.bins))
    assert min(found.shares) > 0
    assert found.rows == ROWS
    assert found.sd >= 0 and found.long_run_variance >= 1 and found.inflation >= 1
    assert len(found.theta[0]) == len(found.theta[1]) == len(found.allowances)
    assert all(theta > 0 for side in found.theta for theta in side)
    assert -1 <= found.autocorrelation <= 1
    # Every number is one that JSON can hold.
    raw = msgspec.json.encode(found)
    assert msgspec.json.decode(raw, type=SignalProfile) == found


def test_a_number_is_cut_at_its_quantiles_and_its_bins_are_named_by_them() -> None:
    found = signal(list(range(101)) * 6)
    assert found.type is SignalType.NUMBER
    assert found.bins[0] == "below 0"
    assert found.bins[-3:] == ("above 100", "missing", "wrong type")
    assert found.quantiles[0] == 0 and found.quantiles[3] == 50 and found.quantiles[-1] == 100
    inner = found.shares[1:-3]
    assert len(inner) == 10
    assert max(inner) < 0.11 and min(inner) > 0.08


def test_zeros_that_prevail_have_a_bin_of_their_own() -> None:
    found = signal(KINDS["zero_inflated"])
    share = dict(zip(found.bins, found.shares, strict=True))
    assert share["= 0"] == pytest.approx(0.8, abs=0.05)
    assert found.bins[2].startswith("(0, ")


def test_a_constant_is_kept_to_its_last_digit() -> None:
    found = signal(KINDS["constant"])
    assert found.mean == KINDS["constant"][0] and found.sd == 0
    assert found.bins[0].startswith("below") and found.bins[2].startswith("above")


def test_missing_and_wrong_cells_are_no_values_and_have_bins_of_their_own() -> None:
    nulls = signal(KINDS["with_nulls"])
    assert nulls.missing == pytest.approx(0.25)
    assert dict(zip(nulls.bins, nulls.shares, strict=True))["missing"] == pytest.approx(
        0.25, abs=0.01
    )
    mixed = signal(KINDS["mixed"])
    assert mixed.type is SignalType.NUMBER and mixed.missing == pytest.approx(0.1)
    assert dict(zip(mixed.bins, mixed.shares, strict=True))["wrong type"] == pytest.approx(
        0.1, abs=0.01
    )


def test_a_boolean_has_a_spread_that_rare_cases_cannot_make_tiny() -> None:
    found = signal(KINDS["boolean"])
    assert found.bins == ("false", "true", "missing", "wrong type")
    assert found.mean == pytest.approx(0.3, abs=0.06)
    never = signal(KINDS["never"])
    assert (never.mean, never.sd) == (0.0, 0.1)


def test_levels_have_a_bin_by_share_up_to_thirty_and_the_rest_one_together() -> None:
    city = signal(KINDS["city"])
    assert len(city.levels) <= 30
    assert city.bins[-4:] == ("other levels", "missing", "wrong type", "unseen")
    counts: dict[str, int] = {}
    for value in KINDS["city"]:
        counts[value] = counts.get(value, 0) + 1
    least = min(counts[level] for level in city.levels)
    assert least >= max(counts[level] for level in city.other_levels)
    assert set(city.levels) | set(city.other_levels) == set(counts)


def test_the_share_of_new_levels_is_expected_from_those_seen_once() -> None:
    """Half of the rows hold free text: such a column always brings new levels."""
    text = RNG.permutation([f"word {i}" for i in range(200)] + ["none"] * 400).tolist()
    found = signal(text)
    share = dict(zip(found.bins, found.shares, strict=True))
    assert share["unseen"] == pytest.approx(1 / 3, abs=0.01)
    assert found.levels == ("none",)


def test_a_level_called_like_a_bin_of_ours_is_told_apart() -> None:
    found = signal(KINDS["reserved"])
    assert set(found.bins[:4]) == {'"missing"', '"unseen"', '""', '" "'}
    assert set(found.levels) == {"missing", "unseen", "", " "}


def test_the_mean_of_a_category_is_its_mean_surprise() -> None:
    found = signal(["a"] * 300 + ["b"] * 200 + ["c"] * 100)
    entropy = -sum(p * np.log(p) for p in (1 / 2, 1 / 3, 1 / 6))
    assert found.mean == pytest.approx(entropy, abs=0.01)
    assert found.surprise[0] == pytest.approx(np.log(2), abs=0.01)


def test_a_new_level_is_ten_sd_away_at_most() -> None:
    for values in (KINDS["balanced"], KINDS["one_level"], ["m"] * 301 + ["f"] * 299):
        found = signal(values)
        away = (found.surprise[-1] - found.mean) / found.sd if found.sd else 10.0
        assert 0 < away <= 10.0 + 1e-6


def test_the_spread_is_watched_of_numbers_of_more_than_a_few_values() -> None:
    watched = {kind for kind in KINDS if signal(KINDS[kind]).spread is not None}
    numbers = {"number", "skewed", "zero_inflated", "few", "huge", "with_nulls", "mixed"}
    assert watched == numbers & set(KINDS)
    assert signal([float(i % 2) for i in range(ROWS)]).spread is None  # two values, one distance


def test_the_usual_distances_are_those_of_the_clipped_values() -> None:
    found = signal(np.random.default_rng(1).normal(50, 9, 20_000).tolist()).spread
    assert found is not None
    assert (found.centre, found.scale) == pytest.approx((0.822, 0.349), abs=0.01)
    assert found.long_run_variance == pytest.approx(1.0, abs=0.1)


def test_the_autocorrelation_of_the_rows_is_measured_along_time() -> None:
    walk = np.zeros(4000)
    for i, step in enumerate(RNG.normal(size=4000)):
        walk[i] = 0.9 * walk[i - 1] + step
    found = profile_of(events({"x": walk.tolist()}))
    shuffled = profile_of(events({"x": RNG.permutation(walk).tolist()}))
    assert found.signals[0].autocorrelation == pytest.approx(0.9, abs=0.05)
    assert found.signals[0].long_run_variance > 5 > shuffled.signals[0].long_run_variance
    assert found.signals[0].inflation > 2 > shuffled.signals[0].inflation
    again = profile_of(events({"x": walk.tolist()})[::-1])
    assert again == found


def test_types_include_and_exclude_are_obeyed_and_said() -> None:
    columns = {
        "hour": [i % 24 for i in range(ROWS)],
        "code": [str(i % 3) for i in range(ROWS)],
        "flag": [i % 2 for i in range(ROWS)],
        "id": [f"{i:x}" for i in range(ROWS)],
        "spare": NORMAL.tolist(),
        "bad": ["x"] * ROWS,
    }
    models = ModelSettings(
        types={"hour": "category", "code": "number", "flag": "boolean", "bad": "number"},
        exclude=("spare",),
    )
    found = profile_of(events(columns), models)
    types = {one.signal: one.type for one in found.signals if one.role == "input"}
    assert types == {
        "hour": SignalType.CATEGORY,
        "code": SignalType.NUMBER,
        "flag": SignalType.BOOLEAN,
    }
    assert set(found.signals[2].levels) == {str(hour) for hour in range(24)}
    assert "identifiers" in found.excluded["id"]
    assert "models.exclude" in found.excluded["spare"]
    assert "read as a number" in found.excluded["bad"]

    only = profile_of(events(columns), ModelSettings(include=("id", "spare")))
    assert [one.signal for one in only.signals if one.role == "input"] == ["id", "spare"]
    assert "models.include" in only.excluded["hour"]


def test_the_type_of_a_prediction_can_be_set_too() -> None:
    found = profile_of(
        events({"x": NORMAL.tolist()}, outputs=lambda i: Outputs(prediction=i % 2)),
        ModelSettings(types={"prediction": "category"}),
    )
    assert found.signals[1].levels == ("0", "1")


def test_the_id_is_of_the_content_and_of_nothing_else() -> None:
    columns = {"x": NORMAL.tolist(), "c": KINDS["category"]}
    first, second = profile_of(events(columns)), profile_of(events(dict(reversed(columns.items()))))
    assert first == second
    later = profile_of(events(columns), effective_from_ms=77)
    assert later.reference_id == first.reference_id == reference_id(later)
    assert later.effective_from_ms == 77
    changed = profile_of(events({**columns, "x": (NORMAL + 1e-6).tolist()}))
    assert changed.reference_id != first.reference_id
    assert REFERENCE.decode(REFERENCE.encode(first)) == first


def test_rate_span_and_segments_are_those_of_the_rows() -> None:
    found = profile_of(
        events({"x": NORMAL.tolist()}, segment=lambda i: None if i % 4 == 3 else f"s{i % 4 // 2}")
    )
    assert found.rate == pytest.approx(2.0)
    assert found.span_ms == (1_000_000, 1_000_000 + 500 * (ROWS - 1))
    assert list(found.segments.items()) == [("s0", 0.5), ("s1", 0.25)]
    assert profile_of(events({"x": NORMAL.tolist()}), timed=False).rate == 0


def test_too_little_to_build_from_is_refused_with_what_is_there() -> None:
    with pytest.raises(ProfileError, match="30 rows or more, not 3"):
        profile_of(events({"x": [1.0, 2.0, 3.0]}))
    with pytest.raises(ProfileError, match=r"can be watched \(id: identifiers"):
        profile_of(events({"id": [f"{i:x}" for i in range(ROWS)]}))


@pytest.mark.parametrize("ending", ["csv", "ndjson"])
def test_a_file_gives_the_profile_that_its_events_give(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"rows.{ending}"
    rows = [
        {"when": 60 * (i // 9), "x": v, "c": KINDS["category"][i], "p": "a", "conf": 0.9}
        for i, v in enumerate(NORMAL.tolist())
    ]
    if ending == "csv":
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        path.write_text("\n".join(lines))
    else:
        path.write_bytes(b"\n".join(msgspec.json.encode(row) for row in rows))
    spec = FileSpec(time="when", prediction="p", confidence="conf")
    from_file = profile_of(list(file_events(path, spec)))
    # As they come back from the log: other objects, in another order, in batches.
    log = [EVENT.decode(EVENT.encode(event)) for event in file_events(path, spec)]
    gathering = Gathering()
    for start in range(0, len(log), 100):
        gathering.add(log[::-1][start : start + 100])
    from_log = build_profile(
        gathering.columns(), model="m", version="1", origin="file", models=PLAIN, source="here"
    )
    assert from_log == from_file
    assert [one.signal for one in from_file.signals] == [
        "c",
        "x",
        "prediction",
        "confidence",
        "error",
    ]


def test_a_number_of_two_values_is_a_flag_like_a_boolean() -> None:
    rare = signal([7.0 if i == 300 else 5.0 for i in range(ROWS)])
    assert rare.sd == pytest.approx(0.2)
    assert rare.mean == pytest.approx(5 + 2 / ROWS)
    even = signal([float(i % 2) for i in range(ROWS)])
    assert even.sd == pytest.approx(0.5)
