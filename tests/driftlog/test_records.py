"""Every record comes back as it was written; what is damaged is named."""

from __future__ import annotations

import types
import typing
from enum import Enum
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlog.errors import ContractError
from driftlog.records import (
    ACTION,
    ALERT,
    EVENT,
    LABEL,
    MARKER,
    REFERENCE,
    VERDICT,
    Codec,
    Marker,
    SignalState,
    input_signal,
    rounded,
    signal_input,
)

CODECS: dict[str, Codec[Any]] = {
    codec.record.__name__: codec
    for codec in (EVENT, LABEL, VERDICT, MARKER, ALERT, ACTION, REFERENCE)
}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    int: st.integers(-(2**63), 2**64 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    bytes: st.binary(max_size=8),
    type(None): st.none(),
}


def of(kind: Any) -> st.SearchStrategy[Any]:
    """Anything of a type that a record's field may have."""
    if kind in SCALARS:
        return SCALARS[kind]
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(of, args))
    if origin is typing.Literal:
        return st.sampled_from(args)
    if origin is dict:
        return st.dictionaries(texts, of(args[1]), max_size=2)
    if origin is tuple:
        if args[-1] is Ellipsis:
            return st.lists(of(args[0]), max_size=2).map(tuple)
        return st.tuples(*map(of, args))
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    assert issubclass(kind, msgspec.Struct), kind
    fields = {field.name: of(field.type) for field in msgspec.structs.fields(kind)}
    return st.builds(kind, **fields | ({"v": st.just(1)} if "v" in fields else {}))


@settings(deadline=None, max_examples=50)
@pytest.mark.parametrize("name", sorted(CODECS))
@given(data=st.data())
def test_a_record_comes_back_as_it_was_written(name: str, data: st.DataObject) -> None:
    codec = CODECS[name]
    record = data.draw(of(codec.record))
    raw = codec.encode(record)
    again = codec.decode(raw)
    assert again == record
    assert codec.encode(again) == raw


@pytest.mark.parametrize("name", sorted(CODECS))
@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"v": 2}', b"\xff", b"[" * 10_000, b"null"])
def test_what_is_no_record_is_named(name: str, raw: bytes) -> None:
    with pytest.raises(ContractError, match=f"not a {name} record"):
        CODECS[name].decode(raw)


def test_unknown_fields_are_ignored_and_the_version_is_always_written() -> None:
    raw = MARKER.encode(Marker(marker=3, closed_through_ms=5))
    assert b'"v":1' in raw
    assert MARKER.decode(raw[:-1] + b',"new":{"a":[1]}}') == MARKER.decode(raw)


def test_a_future_version_says_which_one_is_read() -> None:
    with pytest.raises(ContractError, match="unknown version 2"):
        MARKER.decode(b'{"v":2,"marker":3,"closed_through_ms":5}')


@given(st.lists(texts, unique=True))
def test_signal_names_are_unique_and_lead_back_to_the_input(names: list[str]) -> None:
    names = list(dict.fromkeys([*names, "confidence", "input.confidence", "input.input.x"]))
    signals = [input_signal(name) for name in names]
    assert len(set(signals)) == len(names)
    assert [signal_input(signal) for signal in signals] == names


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_rounding_twice_is_rounding_once(value: float) -> None:
    assert rounded(rounded(value)) == rounded(value)
    assert rounded(value) == pytest.approx(value, rel=1e-8)


def test_the_codes_of_states_are_those_of_the_gauge() -> None:
    assert {state.value: state.code for state in SignalState} == {
        "learning": 0,
        "insufficient": 1,
        "ok": 2,
        "minor": 3,
        "pending": 4,
        "drift": 5,
        "stale": 6,
    }
