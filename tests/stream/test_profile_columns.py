"""From events to columns: kinds of cells, types, what is no signal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.records import Event, Outputs, SignalType
from stream.profiling.cells import Cells, CellsBuilder, Kind
from stream.profiling.columns import Column, Gathering, columns_of
from stream.profiling.exclusion import why_excluded
from stream.profiling.types import convert, guess_type, read_as
from stream.rows import MISSING, WRONG_TYPE, CategoryColumn, event_hash

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(["a", "b", "7", "2.5", "yes", "No", ""]),
    st.just([1]),
)


def cells(values: list[Any]) -> Cells:
    builder = CellsBuilder()
    builder.add(values)
    return builder.cells()


def event(number: int, inputs: dict[str, Any] | None = None, **fields: Any) -> Event:
    return Event(
        **{
            "event_id": f"e{number}",
            "correlation_id": f"c{number}",
            "ts_ms": 1000 * number,
            "model": "m",
            "version": "1",
            "inputs": inputs or {},
            **fields,
        }
    )


def why(name: str, values: list[Any]) -> str | None:
    column = cells(values)
    return why_excluded(name, column, guess_type(column))


@given(st.lists(VALUES, max_size=30))
def test_a_cell_read_as_its_columns_type_is_what_reading_it_alone_gives(values: list[Any]) -> None:
    column = cells(values)
    for kind in SignalType:
        for converted in (False, True):
            read = read_as(column, kind, converted=converted)
            for at, value in enumerate(values):
                assert _held(read, at) == _alone(value, kind, converted)


def _held(read: Any, at: int) -> float | str:
    if isinstance(read, CategoryColumn):
        code = int(read.codes[at])
        return {MISSING: "<missing>", WRONG_TYPE: "<wrong>"}.get(code) or read.levels[code]
    return "<missing>" if np.isnan(read[at]) else float(read[at])


def _alone(value: Any, kind: SignalType, converted: bool) -> float | str:
    """The rule for one cell, written without arrays."""
    wrong: float | str = "<wrong>" if kind is SignalType.CATEGORY else float("inf")
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "<missing>"
    if isinstance(value, float) and np.isinf(value):
        return wrong
    own: dict[SignalType, Any] = {
        SignalType.NUMBER: (int, float),
        SignalType.BOOLEAN: bool,
        SignalType.CATEGORY: str,
    }
    if isinstance(value, own[kind]) and (kind is not SignalType.NUMBER or type(value) is not bool):
        return value if isinstance(value, str) else float(value)
    read = convert(value, kind) if converted else None
    return wrong if read is None else read


@given(st.lists(VALUES, max_size=40), st.integers(1, 7))
def test_cells_do_not_depend_on_how_the_rows_come_in_batches(values: list[Any], cut: int) -> None:
    whole, builder = cells(values), CellsBuilder()
    for start in range(0, len(values), cut):
        builder.add(values[start : start + cut])
    parts = builder.cells()
    np.testing.assert_array_equal(whole.kind, parts.kind)
    np.testing.assert_array_equal(whole.number, parts.number)
    np.testing.assert_array_equal(whole.code, parts.code)
    assert whole.levels == parts.levels


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2.5, None], SignalType.NUMBER),
        (["a", "b", None], SignalType.CATEGORY),
        ([True, False], SignalType.BOOLEAN),
        ([1, 2, "three"], SignalType.NUMBER),
        (["1", "2", 3], SignalType.CATEGORY),
        ([None, None], None),
        ([[1], {"a": 1}], None),
    ],
)
def test_the_type_is_what_most_cells_are(values: list[Any], expected: SignalType | None) -> None:
    assert guess_type(cells(values)) is expected


def test_an_integer_beyond_every_double_is_a_wrong_cell_and_not_a_crash() -> None:
    assert cells([10**400]).kind.tolist() == [Kind.OTHER]


RNG = np.random.default_rng(3)
SHUFFLED = RNG.permutation(400)


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("uuid", [f"{i:032x}" for i in SHUFFLED], "identifiers: 400 different"),
        ("comment", [f"text {i}" for i in SHUFFLED], "set its type to text"),
        ("row", list(range(400)), "follows the order"),
        ("countdown", list(range(400, 0, -1)), "follows the order"),
        ("clock", [1.7e9 + i * 0.37 for i in range(400)], "follows the order"),
        ("shuffled_key", SHUFFLED.tolist(), "each once"),
        ("customer_id", (SHUFFLED * 7919).tolist(), "identifiers"),
        ("userId", (SHUFFLED * 7919).tolist(), "identifiers"),
        ("day", [f"2013-03-{1 + i % 31:02d}" for i in range(400)], "dates or times"),
        ("hour", [f"2013-03-01T{i % 24:02d}:00:00Z" for i in range(400)], "dates or times"),
        ("empty", [None] * 400, "nulls"),
        ("nested", [[1, 2]] * 400, "lists or objects"),
    ],
)
def test_what_names_its_row_is_left_out_and_said_so(
    name: str, values: list[Any], says: str
) -> None:
    assert says in (why(name, values) or "")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("amount", RNG.lognormal(3, 1, 400).tolist()),
        ("cents", (RNG.lognormal(3, 1, 400) * 1e6).round().tolist()),
        ("constant", [4.0] * 400),
        ("constant_text", ["one"] * 400),
        ("constant_day", ["2013-03-01"] * 400),
        ("flag", [bool(i % 3) for i in range(400)]),
        ("store_id", (SHUFFLED % 40).tolist()),
        ("city", [f"city {i % 120}" for i in SHUFFLED]),
        ("trend", np.sort(RNG.integers(0, 12, 400)).tolist()),
        ("few_rows_id", [f"{i:x}" for i in range(20)]),
    ],
)
def test_what_describes_its_row_is_watched(name: str, values: list[Any]) -> None:
    assert why(name, values) is None


def test_ties_in_time_do_not_hide_a_row_number() -> None:
    """Rows of one minute are sorted by a hash, which shuffles neighbours."""
    events = [event(i, {"row": i}, ts_ms=60_000 * (i // 10)) for i in range(2000)]
    (row, *_) = columns_of(events).columns
    assert not np.all(np.diff(row.cells.number) > 0)
    assert why_excluded("row", row.cells, SignalType.NUMBER) is not None


def test_rows_are_in_the_order_of_panes_however_they_came() -> None:
    events = [event(i, {"x": i}, ts_ms=1000 * (i % 7)) for i in range(100)]
    expected = sorted(events, key=lambda one: (one.ts_ms, event_hash(one.event_id)))
    for order in (events, events[::-1]):
        columns = columns_of(order)
        assert columns.ts_ms.tolist() == [one.ts_ms for one in expected]
        assert columns.columns[0].cells.number.tolist() == [one.inputs["x"] for one in expected]


def test_an_input_that_appears_late_or_vanishes_is_missing_elsewhere() -> None:
    events = [event(i, {"old": 1.0} if i < 5000 else {"new": 2.0}) for i in range(9000)]
    new, old, _ = columns_of(events).columns
    assert (new.signal, old.signal) == ("new", "old")
    assert (new.cells.kind == Kind.MISSING).sum() == 5000
    assert (old.cells.kind == Kind.MISSING).sum() == 4000


def test_outputs_and_request_give_signals_where_they_are_there() -> None:
    outputs = Outputs(prediction="late", confidence=0.8, scores={"late": 0.8, "on_time": 0.2})
    found = {c.signal: c for c in columns_of([event(1, outputs=outputs, latency_ms=3.0)]).columns}
    assert list(found) == ["prediction", "confidence", "entropy", "margin", "latency", "error"]
    assert found["margin"].cells.number[0] == pytest.approx(0.6)
    assert found["entropy"].cells.number[0] == pytest.approx(0.500402)
    assert [found[name].role for name in ("entropy", "error")] == ["output", "service"]

    bare: dict[str, Column] = {
        c.signal: c for c in columns_of([event(1), event(2, status="timeout")]).columns
    }
    assert list(bare) == ["error"]
    assert bare["error"].cells.number.tolist() == [0.0, 1.0]


def test_an_input_called_like_an_output_has_a_signal_of_its_own() -> None:
    columns = columns_of([event(1, {"confidence": 3.0}, outputs=Outputs(confidence=0.5))]).columns
    assert [c.signal for c in columns] == ["input.confidence", "confidence", "error"]
    assert columns[0].name == "confidence"


def test_shadow_predictions_are_no_reference() -> None:
    gathering = Gathering()
    gathering.add([event(1), event(2, role="shadow")])
    assert len(gathering) == 1
