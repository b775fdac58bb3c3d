"""Columns format: what is written is read, same rows are the same bytes, damage is named."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlog.errors import ContractError
from driftlog.records import Reason
from stream.columns import MAX_BYTES, MAX_ROWS, chunks, decode, encode, encode_heartbeat
from stream.decoded import DeadLetter
from stream.rows import CategoryColumn, Rows

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
doubles = st.floats(allow_nan=False) | st.just(np.nan)  # inf stands for a wrong type


@st.composite
def category(draw: st.DrawFn, n: int) -> CategoryColumn:
    levels = draw(st.lists(texts, unique=True, max_size=4))
    codes = draw(st.lists(st.integers(-2, len(levels) - 1), min_size=n, max_size=n))
    return CategoryColumn(tuple(levels), np.array(codes, dtype=np.int32))


@st.composite
def some_rows(draw: st.DrawFn, max_size: int = 8) -> Rows:
    n = draw(st.integers(1, max_size))

    def many(one: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(one, min_size=n, max_size=n))

    raw = draw(st.booleans())
    segment = draw(category(n))
    return Rows(
        model=draw(texts),
        version=draw(texts),
        ts_ms=np.array(many(st.integers(0, 2**53 - 1)), dtype=np.int64),
        key=np.array(many(st.integers(0, 2**64 - 1)), dtype=np.uint64),
        partition=np.array(many(st.integers(0, 2)), dtype=np.int32),
        offset=np.array(many(st.integers(0, 2**62)), dtype=np.int64),
        correlation_id=many(texts),
        segment=CategoryColumn(segment.levels, np.maximum(segment.codes, -1)),
        numbers={}
        if raw
        else {name: np.array(many(doubles)) for name in draw(st.sets(texts, max_size=3))},
        categories={}
        if raw
        else {name: draw(category(n)) for name in draw(st.sets(texts, max_size=3))},
        raw=many(st.binary(max_size=9)) if raw else None,
    )


def plain(rows: Rows) -> list[object]:
    """Rows as cells, so that equal means equal bit by bit and codes are read by their levels."""
    return [
        (
            (rows.model, rows.version, rows.correlation_id[at]),
            (int(rows.ts_ms[at]), int(rows.key[at]), int(rows.offset[at]), int(rows.partition[at])),
            None if rows.raw is None else rows.raw[at],
            {name: column[at].tobytes() for name, column in rows.numbers.items()},
            {
                name: int(one.codes[at]) if one.codes[at] < 0 else one.levels[one.codes[at]]
                for name, one in {" segment": rows.segment, **rows.categories}.items()
            },
        )
        for at in range(len(rows))
    ]


def numbered(n: int, text: str = "x") -> Rows:
    return Rows(
        model="m",
        version="3",
        ts_ms=np.arange(n, dtype=np.int64),
        key=np.arange(n, dtype=np.uint64),
        partition=np.zeros(n, dtype=np.int32),
        offset=np.arange(n, dtype=np.int64),
        correlation_id=[f"c{at}" for at in range(n)],
        segment=CategoryColumn(("JFK", "LGA"), (np.arange(n) % 2).astype(np.int32)),
        numbers={"a": np.arange(n, dtype=np.float64), "b": np.full(n, np.nan)},
        categories={"t": CategoryColumn((text, "never"), np.zeros(n, dtype=np.int32))},
    )


@settings(deadline=None)
@given(some_rows(), st.none() | st.integers(-(2**53), 2**53), texts, texts)
def test_rows_come_back_bit_by_bit(
    rows: Rows, watermark_ms: int | None, config: str, reference_id: str
) -> None:
    for part in chunks(rows):
        found = decode(encode(part, watermark_ms, config, reference_id))
        assert found.rows is not None
        assert plain(found.rows) == plain(part)
        assert found.kind == "rows"
        assert found.partition == int(part.partition[0])
        assert (found.watermark_ms, found.config) == (watermark_ms, config)
        assert found.reference_id == reference_id


@settings(deadline=None)
@given(some_rows())
def test_the_same_rows_are_the_same_bytes_whatever_else_their_batch_held(rows: Rows) -> None:
    (first, *_) = chunks(rows)
    unused = CategoryColumn(("unused", *first.segment.levels), first.segment.codes)
    shifted = np.where(unused.codes >= 0, unused.codes + 1, unused.codes).astype(np.int32)
    again = Rows(
        **{name: getattr(first, name) for name in Rows.__slots__ if name != "segment"},
        segment=CategoryColumn(unused.levels, shifted),
    )
    assert encode(first, 1, "c", "r") == encode(again, 1, "c", "r")
    found = decode(encode(first, 1, "c", "r")).rows
    assert found is not None
    assert encode(found, 1, "c", "r") == encode(first, 1, "c", "r")


@settings(deadline=None)
@given(some_rows(), st.integers(1, 4), st.integers(1, 4_000))
def test_cutting_keeps_every_row_once_in_order_of_the_log(
    rows: Rows, max_rows: int, max_bytes: int
) -> None:
    parts = list(chunks(rows, max_rows, max_bytes))
    assert all(0 < len(part) <= max_rows for part in parts)
    assert all(len(set(part.partition.tolist())) == 1 for part in parts)
    whole = plain(rows)
    for partition in set(rows.partition.tolist()):
        own = [row for at, row in enumerate(whole) if rows.partition[at] == partition]
        cut = [row for part in parts if part.partition[0] == partition for row in plain(part)]
        assert cut == own


def test_a_chunk_keeps_within_rows_and_bytes() -> None:
    assert [len(part) for part in chunks(numbered(2 * MAX_ROWS + 1))] == [MAX_ROWS, MAX_ROWS, 1]
    long = numbered(100)
    ids = [f"{at:04}" * 2_000 for at in range(100)]
    wide = Rows(
        **{name: getattr(long, name) for name in Rows.__slots__ if name != "correlation_id"},
        correlation_id=ids,
    )
    parts = list(chunks(wide))
    assert len(parts) > 1
    assert all(len(encode(part, None, "", "")) <= MAX_BYTES for part in parts)
    columns_uncompressed = sum(len(one) for part in parts for one in part.correlation_id)
    assert columns_uncompressed == sum(map(len, ids))


def test_a_row_too_large_for_any_chunk_is_one_of_its_own() -> None:
    parts = list(chunks(numbered(3, text="x" * 2 * MAX_BYTES)))
    assert [len(part) for part in parts] == [1, 1, 1]


def test_no_rows_are_no_chunks() -> None:
    assert list(chunks(numbered(0))) == []
    with pytest.raises(ContractError, match="one source partition"):
        encode(numbered(0), None, "", "")


@settings(deadline=None)
@given(
    st.integers(0, 1_000),
    st.none() | st.integers(-(2**53), 2**53),
    st.booleans(),
    st.integers(-1, 2**62),
)
def test_a_heartbeat_comes_back(
    partition: int, watermark_ms: int | None, idle: bool, high_offset: int
) -> None:
    raw = encode_heartbeat(partition, watermark_ms, idle=idle, high_offset=high_offset)
    found = decode(raw)
    assert (found.kind, found.rows) == ("heartbeat", None)
    assert (found.partition, found.watermark_ms) == (partition, watermark_ms)
    assert (found.idle, found.high_offset) == (idle, high_offset)


def test_any_reader_of_arrow_reads_a_chunk() -> None:
    table = pa.ipc.open_stream(encode(numbered(2), None, "c", "r")).read_all()
    assert table.column_names == [
        *("ts_ms", "key", "offset", "correlation_id", "segment"),
        *("number/a", "number/b", "text/t"),
    ]
    assert table["segment"].to_pylist() == ["JFK", "LGA"]
    assert table["text/t"].to_pylist() == ["x", "x"]


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_what_is_no_chunk_is_named(raw: bytes) -> None:
    with pytest.raises(ContractError, match="not a columns chunk"):
        decode(raw)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_damaged_chunk_is_an_answer_or_a_named_error(at: int, flip: int) -> None:
    raw = bytearray(encode(numbered(3), 5, "c", "r"))
    raw[at % len(raw)] ^= flip
    try:
        found = decode(bytes(raw))
    except ContractError:
        return
    if found.rows is not None:
        plain(found.rows)  # whatever it says now, it can be read


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_a_chunk_cut_short_is_an_error(at: int) -> None:
    raw = encode(numbered(3), 5, "c", "r")
    body = len(raw) - 8  # the mark of the end may be missing
    with pytest.raises(ContractError):
        decode(raw[: at % body])


def stream(meta: object, **arrays: object) -> bytes:
    given = {name: pa.array(values) for name, values in arrays.items()}
    schema = pa.schema(
        [(name, array.type) for name, array in given.items()],
        {b"driftlog": json.dumps(meta).encode()},
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(pa.record_batch(list(given.values()), schema=schema))
    return bytes(sink.getvalue())


def test_a_chunk_of_a_future_format_says_so() -> None:
    with pytest.raises(ContractError, match="format version 2"):
        decode(stream({"v": 2}))


@pytest.mark.parametrize(
    "meta",
    [
        *([], 1, None, {}, {"v": 1}, {"v": 1, "kind": "other"}),
        {"v": 1, "kind": "heartbeat", "partition": "x"},
        {"v": 1, "kind": "rows", "partition": 0, "wrong": {}},
    ],
)
def test_foreign_metadata_are_an_error(meta: object) -> None:
    with pytest.raises(ContractError):
        decode(stream(meta, ts_ms=[1]))


def test_a_column_of_another_type_is_an_error() -> None:
    meta = {"v": 1, "kind": "rows", "partition": 0, "wrong": {}, "model": "m", "version": "3"}
    with pytest.raises(ContractError, match="'ts_ms'"):
        decode(stream(meta, ts_ms=[1.5]))


def test_a_large_chunk_is_compressed() -> None:
    rows = numbered(MAX_ROWS)
    held = (rows.ts_ms, rows.key, rows.offset, *rows.numbers.values())
    raw = encode(rows, None, "", "")
    assert len(raw) < 0.7 * sum(one.nbytes for one in held)
    found = decode(raw).rows
    assert found is not None
    assert plain(found) == plain(rows)


def test_the_page_of_records_names_every_column_and_header() -> None:
    page = (Path(__file__).parents[2] / "docs" / "records.md").read_text(encoding="utf-8")
    raw = Rows(
        **{n: getattr(numbered(1), n) for n in Rows.__slots__ if n not in ("categories", "raw")},
        categories={},
        raw=[b"{}"],
    )
    for rows in (numbered(1), raw):
        schema = pa.ipc.open_stream(encode(rows, None, "", "")).schema
        for name in schema.names:
            assert f"`{re.sub('/.*', '/SIGNAL', name)}`" in page
        for key in json.loads(schema.metadata[b"driftlog"]):
            assert f"`{key}`" in page
    letter = DeadLetter(b"", None, Reason.NOT_JSON, "d", "t", 0, 0)
    for name, _ in letter.headers():
        assert f'"{name}": ' in page
