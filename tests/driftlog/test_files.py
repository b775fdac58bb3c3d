"""A file is an event log: the same rows, in the order of time, with the same ids each time."""

from __future__ import annotations

import datetime
import gzip
from decimal import Decimal
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import csv, parquet

from driftlog.errors import InputError
from driftlog.files import FileSpec, file_digest, file_events, file_rows, read_table
from driftlog.records import EVENT, Event, Nested, Outputs, Value

TABLE = pa.table(
    {
        "when": pa.array([3, 1, 2], pa.int64()),
        "distance": [10.5, None, float("nan")],
        "carrier": ["UA", None, "DL"],
        "late": [True, False, None],
    }
)


def write(folder: Path, name: str, table: pa.Table = TABLE) -> Path:
    path = folder / name
    if "csv" in name:
        with pa.output_stream(str(path)) as stream:  # compresses by the ending
            csv.write_csv(table, stream)
    elif "parquet" in name:
        parquet.write_table(table, path)
    else:
        lines = b"\n".join(orjson.dumps(row) for row in table.to_pylist())
        path.write_bytes(gzip.compress(lines) if name.endswith("gz") else lines)
    return path


@pytest.mark.parametrize(
    "name", ["a.csv", "a.csv.gz", "a.parquet", "a.ndjson", "a.jsonl", "a.jsonl.gz"]
)
def test_each_format_gives_the_same_events(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name)
    rows = list(file_rows(path, FileSpec(model="m", version="3", time="when", label="late")))
    digest = file_digest(path)[:12]
    expected: list[tuple[int, int, dict[str, Value | Nested]]] = [
        (1, 1000, {"distance": None, "carrier": None}),
        (2, 2000, {"distance": None, "carrier": "DL"}),
        (0, 3000, {"distance": 10.5, "carrier": "UA"}),
    ]
    assert [row.event for row in rows] == [
        Event(
            event_id=f"{digest}-{number}",
            correlation_id=f"{digest}-{number}",
            ts_ms=ts_ms,
            model="m",
            version="3",
            inputs=inputs,
        )
        for number, ts_ms, inputs in expected
    ]
    assert [row.label for row in rows] == [False, None, True]


def test_a_table_read_before_has_the_ids_of_its_file(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv")
    again = file_rows(read_table(path), digest=file_digest(path))
    assert list(again) == list(file_rows(path))


def test_columns_with_a_meaning_are_no_inputs() -> None:
    table = pa.table(
        {
            "x": [1],
            "said": ["late"],
            "sure": [0.8],
            "took": [3],
            "trace": ["req-1"],
            "airport": ["JFK"],
            "build": [4],
            "http": [503],
            "note": ["?"],
        }
    )
    spec = FileSpec(
        prediction="said",
        confidence="sure",
        latency="took",
        correlation_id="trace",
        segment="airport",
        version_column="build",
        status="http",
        exclude=("note",),
    )
    (event,) = file_events(table, spec)
    assert event.inputs == {"x": 1, "airport": "JFK"}  # a segment is an input as well
    assert event.outputs == Outputs(prediction="late", confidence=0.8)
    assert (event.latency_ms, event.correlation_id, event.segment) == (3.0, "req-1", "JFK")
    assert (event.version, event.status, event.ts_ms) == ("4", "503", 0)


def test_values_of_every_arrow_type_survive_as_json_can_hold_them() -> None:
    table = pa.table(
        {
            "whole": pa.array([2**60], pa.int64()),
            "half": pa.array([1.5], pa.float32()),
            "infinite": pa.array([float("inf")]),
            "price": pa.array([Decimal("12.50")]),
            "day": pa.array([datetime.date(2013, 3, 1)]),
            "moment": pa.array([datetime.datetime(2013, 3, 1, 6)]),
            "wait": pa.array([datetime.timedelta(seconds=90)]),
            "flag": pa.array([True]),
            "level": pa.array(["a"]).dictionary_encode(),
            "nothing": pa.nulls(1),
        }
    )
    (event,) = file_events(table)
    assert event.inputs == {
        "whole": 2**60,
        "half": 1.5,
        "infinite": None,
        "price": 12.5,
        "day": "2013-03-01",
        "moment": "2013-03-01 06:00:00.000000",
        "wait": 90.0,
        "flag": True,
        "level": "a",
        "nothing": None,
    }
    assert EVENT.decode(EVENT.encode(event)) == event


SIX = 1_362_117_600_000  # 2013-03-01 06:00 UTC


@pytest.mark.parametrize(
    ("cell", "ts_ms"),
    [
        (pa.scalar("2013-03-01T06:00:00Z"), SIX),
        (pa.scalar("2013-03-01 06:00:00"), SIX),
        (pa.scalar("2013-03-01T08:00:00.5+02:00"), SIX + 500),
        (pa.scalar("2013-03-01"), SIX - 21_600_000),
        (pa.scalar(datetime.date(2013, 3, 1)), SIX - 21_600_000),
        (pa.scalar(datetime.datetime(2013, 3, 1, 6)), SIX),
        (pa.scalar(SIX * 1_000_000 + 999_999, pa.timestamp("ns", "Europe/Berlin")), SIX),
        (pa.scalar(SIX // 1000), SIX),
        (pa.scalar(SIX / 1000 + 0.25), SIX + 250),
        (pa.scalar(Decimal("1.234")), 1234),
    ],
    ids=str,
)
def test_times_are_read_in_every_form(cell: pa.Scalar, ts_ms: int) -> None:
    table = pa.table({"t": pa.array([cell.as_py()], cell.type), "x": [1]})
    assert [event.ts_ms for event in file_events(table, FileSpec(time="t"))] == [ts_ms]


def test_texts_of_mixed_zones_are_read_one_by_one() -> None:
    table = pa.table({"t": ["2013-03-01T08:00:00+02:00", "2013-03-01T06:00:00"], "x": [1, 2]})
    assert [event.ts_ms for event in file_events(table, FileSpec(time="t"))] == [SIX, SIX]


@pytest.mark.parametrize("held", ["soon", "", None, "-5", "1e14", "true"])
def test_a_bad_time_is_named_with_its_row(held: str | None) -> None:
    table = pa.table({"t": ["2013-03-01", held], "x": [1, 2]})
    with pytest.raises(InputError, match="time column 't', row 1 holds"):
        file_events(table, FileSpec(time="t"))


def test_milliseconds_are_not_taken_for_seconds() -> None:
    table = pa.table({"t": [SIX], "x": [1]})
    with pytest.raises(InputError, match="divide them by 1000"):
        file_events(table, FileSpec(time="t"))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=50), st.integers(1, 7))
def test_order_is_by_time_and_ties_keep_the_order_of_rows(times: list[int], chunk: int) -> None:
    table = pa.table({"t": times, "x": list(range(len(times)))})
    cut = pa.Table.from_batches(table.to_batches(max_chunksize=chunk))
    rows = list(file_rows(table, FileSpec(time="t")))
    assert [row.number for row in rows] == sorted(range(len(times)), key=times.__getitem__)
    # The ids of a table do not depend on how it lies in memory.
    assert list(file_rows(cut, FileSpec(time="t"))) == rows


def test_event_lines_are_taken_as_they_are(tmp_path: Path) -> None:
    events = [
        Event(
            event_id=f"e{i}",
            correlation_id=f"c{i}",
            ts_ms=ts_ms,
            model="m",
            version="1",
            inputs={"x": i, "s": None} if i else {},
            latency_ms=1.5,
        )
        for i, ts_ms in enumerate([30, 10, 20])
    ]
    path = tmp_path / "log.ndjson"
    path.write_bytes(b"\n\n".join(EVENT.encode(event) for event in events))
    assert list(file_events(path)) == [events[1], events[2], events[0]]


def test_json_lines_keep_a_cell_of_another_type_and_an_absent_one(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"x":1,"tags":[1,2]}\n{"x":"one"}\n')
    first, second = file_events(path)
    assert first.inputs == {"x": 1, "tags": Nested()}
    assert second.inputs == {"x": "one"}
    assert read_table(path).column("x").to_pylist() == ["1", "one"]


def test_a_type_that_changes_late_in_a_csv_file_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("x,y\n" + "1,2\n" * 600_000 + "n/a?,2\n")  # beyond Arrow's first block
    table = read_table(path)
    assert table.num_rows == 600_001
    assert table.column("x")[-1].as_py() == "n/a?"


def test_quoted_na_is_a_text_and_a_bare_one_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('x,country\n1,"NA"\n2,NA\n3,\n4,DE\n')
    assert read_table(path).column("country").to_pylist() == ["NA", None, None, "DE"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"x,y\n", "no rows"),
        ("a.csv", b"x,y\n1,2\n1,2,3\n", r"Row #3.*Expected 2 columns, got 3"),
        ("a.csv", b"x,x\n1,2\n", "come twice"),
        ("a.csv.gz", b"no gzip", "not a readable CSV"),
        ("a.parquet", b"PAR1 not", "not a readable Parquet"),
        ("a.ndjson", b"", "is empty"),
        ("a.ndjson", b'{"x":1}\n{"x":\n', "line 2 is not JSON"),
        ("a.ndjson", b'{"x":1}\n[1]\n', "line 2 holds .*one JSON object"),
        ("a.ndjson.gz", b"no gzip", "whole gzip file"),
        ("a.xlsx", b"", "must end in .csv"),
        ("a.ndjson", b'{"event_id":"1","inputs":{}}\n', "line 1 is no event: v is absent"),
    ],
)
def test_a_bad_file_is_refused_by_name(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"(?s){name}.*{says}"):
        list(file_events(path))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        file_events(tmp_path / "none.csv")
    with pytest.raises(InputError, match="is not a file"):
        (tmp_path / "d.csv").mkdir()
        read_table(tmp_path / "d.csv")


def test_an_unknown_column_is_named_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"'wen', named as time.*did you mean 'when'"):
        file_events(TABLE, FileSpec(time="wen"))
    with pytest.raises(InputError, match=r"exclude \(foo\)"):
        file_events(TABLE, FileSpec(exclude=("foo",)))
    with pytest.raises(InputError, match="no column is left"):
        file_events(pa.table({"t": [1]}), FileSpec(time="t"))


def test_a_column_that_no_signal_can_be_made_of_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'v' holds list.*--exclude"):
        file_events(pa.table({"v": [[1]]}))
    path = tmp_path / "latin1.csv"
    path.write_bytes(b"x,name\n1,\xff\n")
    with pytest.raises(InputError, match=r"'name' holds binary.*UTF-8"):
        file_events(path)


def test_a_confidence_that_is_no_number_is_named_with_its_row() -> None:
    table = pa.table({"x": [1, 2], "c": ["0.5", "high"]})
    with pytest.raises(InputError, match=r"column 'c', row 0 holds '0\.5'"):
        list(file_events(table, FileSpec(confidence="c")))
