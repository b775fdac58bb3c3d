"""Injected drift: seeded, with exact change points, and nothing else touched."""

from __future__ import annotations

import statistics
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.errors import InputError
from driftlog.files import FileRow
from driftlog.records import Outputs
from producers.scenario import (
    INJECTION,
    KINDS,
    PRESETS,
    Injection,
    Injector,
    load_scenario,
    measure,
    parse_scenario,
    preset,
    read_scenario,
    read_truth,
    write_truth,
)
from tests.producers.file_rows import made_rows

ROWS = made_rows(1000)
MEASURES = measure(ROWS)
SIGNALS = {
    "sudden": ["distance"],
    "gradual": ["distance"],
    "incremental": ["distance"],
    "recurring": ["distance"],
    "unit_error": ["distance", "seats"],
    "nulls": ["carrier", "distance"],
    "new_category": ["carrier"],
    "feature_swap": ["distance", "seats"],
}


def one(kind: str, **keys: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {"kind": kind, "start": 400, "end": 700, **keys}
    if kind in SIGNALS:
        asked.setdefault("signals", SIGNALS[kind])
    return asked


def inject(
    *injections: dict[str, Any], seed: int = 1, rows: list[FileRow] = ROWS
) -> tuple[dict[int, FileRow], list[Injection]]:
    scenario = parse_scenario({"injections": list(injections)}, "test")
    injector = Injector(scenario.injections, MEASURES, seed)
    changed = dict(injector.apply(rows))
    return changed, injector.truth()


def values(rows: dict[int, FileRow], name: str, start: int = 400, end: int = 700) -> list[Any]:
    return [rows[i].event.inputs[name] for i in range(start, end) if i in rows]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_outside_the_stretch_pass_untouched_and_those_inside_keep_their_identity(
    kind: str,
) -> None:
    changed, truth = inject(one(kind))
    assert truth
    for position, row in enumerate(ROWS):
        if not 400 <= position < 700:
            assert changed[position] is row
        elif position in changed:
            event = changed[position].event
            assert (event.event_id, event.ts_ms) == (row.event.event_id, row.event.ts_ms)
    assert sum(one.touched for one in truth) == sum(
        changed.get(position) is not row for position, row in enumerate(ROWS)
    )
    assert all(one.touched > 0 for one in truth)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_stream_from_any_row_on(kind: str) -> None:
    whole, _ = inject(one(kind), seed=5)
    again, _ = inject(one(kind), seed=5)
    assert whole == again
    scenario = parse_scenario({"injections": [one(kind)]}, "test")
    resumed = dict(Injector(scenario.injections, MEASURES, 5).apply(ROWS[555:], first=555))
    assert resumed == {position: row for position, row in whole.items() if position >= 555}


@pytest.mark.parametrize("kind", ["gradual", "nulls", "errors", "concept", "prior_shift"])
def test_another_seed_gives_another_stream(kind: str) -> None:
    assert inject(one(kind), seed=1)[0] != inject(one(kind), seed=2)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_truth_names_rows_and_times_of_the_stretch(kind: str) -> None:
    _, truth = inject(one(kind))
    assert truth[0].start_row == 400
    assert truth[-1].end_row == 700
    for record in truth:
        assert record.start_ms == ROWS[record.start_row].event.ts_ms
        assert record.end_ms == ROWS[record.end_row].event.ts_ms
        assert record.kind == kind


def test_sudden_moves_the_mean_by_so_many_sd_of_the_column() -> None:
    changed, truth = inject(one("sudden", strength=-2, signals=["distance", "gust"]))
    sd = statistics.stdev(row.event.inputs["distance"] for row in ROWS)  # type: ignore[type-var]  # numbers
    for old, new in zip(ROWS[400:700], (changed[i] for i in range(400, 700)), strict=True):
        before, after = old.event.inputs, new.event.inputs
        assert after["distance"] == pytest.approx(before["distance"] - 2 * sd)  # type: ignore[operator]  # a number
        assert (before["gust"] is None) == (after["gust"] is None)
    assert truth[0].direction == -1


def test_absolute_shifts_are_in_the_columns_own_unit() -> None:
    changed, _ = inject(one("sudden", strength=3, unit="absolute"))
    assert changed[400].event.inputs["distance"] == ROWS[400].event.inputs["distance"] + 3  # type: ignore[operator]  # a number


def test_gradual_moves_ever_more_rows_and_incremental_moves_ever_further() -> None:
    gradual, _ = inject(one("gradual", strength=5, unit="absolute", ramp=0.5))
    moved = [gradual[i] is not ROWS[i] for i in range(400, 700)]
    assert sum(moved[:50]) < sum(moved[50:100]) < sum(moved[100:150])
    assert all(moved[150:])
    incremental, _ = inject(one("incremental", strength=30, unit="absolute"))
    gaps = [
        new - row.event.inputs["distance"]
        for new, row in zip(values(incremental, "distance"), ROWS[400:700], strict=True)
    ]
    assert gaps == pytest.approx([30 * i / 300 for i in range(300)])


def test_recurring_has_a_truth_for_each_return() -> None:
    changed, truth = inject(one("recurring", cycles=3))
    assert [(t.start_row, t.end_row) for t in truth] == [(400, 460), (520, 580), (640, 700)]
    assert all(changed[i] is ROWS[i] for i in range(460, 520))


def test_unit_error_multiplies() -> None:
    changed, truth = inject(one("unit_error"))
    assert changed[400].event.inputs["seats"] == ROWS[400].event.inputs["seats"] * 100  # type: ignore[operator]  # a number
    assert truth[0].direction == 1


def test_nulls_and_new_categories_appear_at_their_share() -> None:
    changed, _ = inject(one("nulls", strength=0.4, signals=["carrier"]))
    assert 90 < values(changed, "carrier").count(None) < 150
    changed, _ = inject(one("new_category", strength=1, value="ZZ"))
    assert set(values(changed, "carrier")) == {"ZZ"}


def test_feature_swap_changes_places() -> None:
    changed, _ = inject(one("feature_swap"))
    assert values(changed, "distance") == [row.event.inputs["seats"] for row in ROWS[400:700]]


def test_prior_shift_gives_the_class_its_share_with_inputs_that_belong_to_it() -> None:
    changed, truth = inject(one("prior_shift", strength=0.9))
    labels = Counter(changed[i].label for i in range(400, 700))
    assert 0.85 < labels["late"] / 300 < 0.95
    assert truth[0].signals == ("label",)
    of_file = {id(row.event.inputs): row.label for row in ROWS}
    for i in range(400, 700):
        assert of_file[id(changed[i].event.inputs)] == changed[i].label
    named, _ = inject(one("prior_shift", strength=1, signals=["carrier"], value="dl"))
    assert set(values(named, "carrier")) == {"DL"}


def test_concept_changes_labels_and_nothing_else() -> None:
    changed, _ = inject(one("concept", strength=1))
    for i in range(400, 700):
        assert changed[i].event is ROWS[i].event
        assert {changed[i].label, ROWS[i].label} == {"late", "on_time"}


def test_confidence_collapses_towards_its_floor_with_the_scores() -> None:
    changed, _ = inject(one("confidence_collapse", strength=1))
    for i in range(400, 700):
        assert changed[i].event.outputs == Outputs(
            prediction=ROWS[i].event.outputs.prediction,  # type: ignore[union-attr]  # all have some
            confidence=0.5,
            scores={"late": 0.5, "on_time": 0.5},
        )


def test_latency_errors_and_outage() -> None:
    slow, _ = inject(one("latency", strength=3))
    assert slow[400].event.latency_ms == pytest.approx(3 * (ROWS[400].event.latency_ms or 0))
    failed, _ = inject(one("errors", strength=1))
    assert {failed[i].event.status for i in range(400, 700)} == {"error"}
    assert all(failed[i].event.outputs is None for i in range(400, 700))
    out, truth = inject(one("outage"))
    assert list(out) == [*range(400), *range(700, 1000)]
    assert truth[0].touched == 300


def test_injections_compose_in_their_order() -> None:
    changed, truth = inject(
        one("sudden", strength=1, unit="absolute"), one("unit_error", strength=2, start=500)
    )
    before: Any = ROWS[600].event.inputs
    after = changed[600].event.inputs
    assert after["distance"] == pytest.approx((before["distance"] + 1) * 2)
    assert after["seats"] == before["seats"] * 2
    assert [record.step for record in truth] == [0, 1]


def test_what_follows_an_outage_is_told_of_rows_that_were_never_sent() -> None:
    changed, truth = inject(one("outage"), one("sudden", start=500, end=600))
    assert [t.kind for t in truth] == ["outage", "sudden"]
    assert truth[1].touched == 0
    assert 500 not in changed


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(sorted(KINDS)), st.integers(0, 2**63))
def test_fractions_are_exact_change_points(a: float, b: float, kind: str, seed: int) -> None:
    start, end = sorted((int(a * 1000), int(b * 1000)))
    if start == end:
        with pytest.raises(InputError, match="touches no row"):
            inject(one(kind, start=start, end=end))
        return
    changed, truth = inject(one(kind, start=start, end=end), seed=seed)
    assert truth[0].start_row == start
    assert truth[-1].end_row == end
    assert all(changed[i] is ROWS[i] for i in range(1000) if not start <= i < end)


def test_a_place_may_be_a_row_a_share_or_a_time() -> None:
    moment = datetime.fromtimestamp(ROWS[250].event.ts_ms / 1000, UTC)
    for place in (250, 0.25, "25%", moment, moment.isoformat(), moment.replace(tzinfo=None)):
        _, truth = inject(one("sudden", start=place, end="100%"))
        assert (truth[0].start_row, truth[0].end_row) == (250, 1000)
        assert truth[0].end_ms == ROWS[999].event.ts_ms + 1


def test_a_file_says_the_same_as_its_keys(tmp_path: Path) -> None:
    path = tmp_path / "drift.yaml"
    path.write_text(
        "name: july\nseed: 3\ninjections:\n"
        "  - {kind: gradual, name: slowly, signals: [distance], start: 2013-03-16, ramp: 0.5}\n"
        "  - {kind: outage, start: 90%, end: 95%}\n"
    )
    scenario = read_scenario(path)
    assert (scenario.name, scenario.seed) == ("july", 3)
    gradual, outage = scenario.injections
    assert gradual.start == datetime(2013, 3, 16, tzinfo=UTC)
    assert gradual.options == {"unit": "sd", "ramp": 0.5}
    assert (outage.start, outage.end) == (0.9, 0.95)


@pytest.mark.parametrize(
    ("tree", "says"),
    [
        ([], r"test holds \[\]"),
        ({"injections": []}, "test: injections holds"),
        ({"injektions": []}, "a key holds 'injektions'; it may hold one of name, seed"),
        ({"seed": "x", "injections": [one("outage")]}, "test: seed holds 'x'"),
        ({"injections": [{"kind": "suden"}]}, r"\[0\].kind holds 'suden'.*did you mean 'sudden'"),
        ({"injections": [one("sudden", ramp=1)]}, r"a key holds 'ramp'"),
        ({"injections": [one("sudden", strength="big")]}, "strength holds 'big'.*other than 0"),
        ({"injections": [one("nulls", strength=1.5)]}, "strength holds 1.5.*at most 1"),
        ({"injections": [one("sudden", unit="cm")]}, "unit holds 'cm'.*one of sd, absolute"),
        ({"injections": [one("sudden", signals=[])]}, "signals holds"),
        ({"injections": [one("feature_swap", signals=["a"])]}, "names of 2 inputs"),
        ({"injections": [one("outage", signals=["a"])]}, "no signals to choose"),
        ({"injections": [one("sudden", start=-1)]}, r"start holds -1; it may hold a row"),
        ({"injections": [one("sudden", start="half")]}, "start holds 'half'"),
        ({"injections": [one("sudden", start=1.5)]}, "start holds 1.5"),
        ({"injections": [one("recurring", cycles=1)]}, "cycles holds 1.*at least 2"),
    ],
)
def test_a_wrong_key_is_named_with_what_it_held_and_may_hold(tree: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse_scenario(tree, "test")


def test_a_file_that_is_no_scenario_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("a: [1")
    with pytest.raises(InputError, match="is not YAML"):
        read_scenario(path)
    path.write_text("!!python/object/apply:os.getcwd []")
    with pytest.raises(InputError, match="is not YAML"):
        read_scenario(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_scenario(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("injection", "says"),
    [
        (one("sudden", signals=["distanze"]), "no input of the file.*distance, seats.*did you"),
        (one("sudden", signals=["carrier"]), "needs numbers, and 'carrier' holds none"),
        (one("nulls", signals=["label"]), "changes inputs, and 'label' is none of them"),
        (one("prior_shift", value="early"), "never holds 'early'; it holds late, on_time"),
        (one("sudden", start=2000, end=3000), "touches no row"),
    ],
)
def test_an_injection_that_does_not_fit_the_file_is_refused(
    injection: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        inject(injection)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("concept", "--label"),
        ("prior_shift", "--label or --prediction"),
        ("confidence_collapse", "--confidence"),
        ("latency", "--latency"),
    ],
)
def test_a_kind_that_needs_what_the_file_lacks_says_how_to_name_it(kind: str, says: str) -> None:
    import msgspec

    bare = [
        FileRow(row.number, msgspec.structs.replace(row.event, outputs=None, latency_ms=None))
        for row in ROWS
    ]
    scenario = parse_scenario({"injections": [one(kind)]}, "test")
    with pytest.raises(InputError, match=says):
        Injector(scenario.injections, measure(bare))


@pytest.mark.parametrize("name", PRESETS)
def test_presets_fit_any_file_with_numbers(name: str) -> None:
    scenario = preset(name, MEASURES)
    injector = Injector(scenario.injections, MEASURES)
    changed = dict(injector.apply(ROWS))
    assert all(changed[i] is ROWS[i] for i in range(500))
    assert bool(injector.truth()) == (name != "none")


def test_an_unknown_preset_is_said_with_those_there_are() -> None:
    with pytest.raises(InputError, match="none, slight, severe, concept"):
        load_scenario("heavy", MEASURES)


def test_the_truth_survives_its_file(tmp_path: Path) -> None:
    _, truth = inject(one("sudden"), one("recurring"))
    path = tmp_path / "truth.ndjson"
    write_truth(path, truth)
    assert read_truth(path) == truth
    assert list(tmp_path.iterdir()) == [path]
    path.write_text("{}\n")
    with pytest.raises(InputError, match="line 1"):
        read_truth(path)


def test_the_example_scenario_is_valid() -> None:
    scenario = read_scenario(Path(__file__).parents[2] / "examples" / "scenario.yaml")
    assert {spec.kind for spec in scenario.injections} == set(KINDS)


def test_the_docs_tell_every_kind_preset_and_option() -> None:
    text = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text(encoding="utf-8")
    for kind, held in KINDS.items():
        line = next(line for line in text.splitlines() if line.startswith(f"| `{kind}` |"))
        for option in held.options:
            assert f"`{option}`" in line, f"{kind}: {option}"
    assert all(f"| `{name}` |" in text for name in PRESETS)
    example = next(line for line in text.splitlines() if line.startswith('{"v":1'))
    assert INJECTION.decode(example.encode()).label == "heat wave"
