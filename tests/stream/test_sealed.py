"""Stored state: read back as it was, or refused before anything of it is read."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.errors import StateError
from stream.sealed import seal, unseal


@given(st.binary(max_size=300))
def test_what_was_sealed_is_read_back(plain: bytes) -> None:
    assert unseal("series", 5, seal("series", 5, plain)) == plain


@given(st.binary(max_size=300), st.data())
def test_one_byte_that_changed_is_seen(plain: bytes, data: st.DataObject) -> None:
    raw = bytearray(seal("series", 5, plain))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(StateError):
        unseal("series", 5, bytes(raw))


@given(st.binary(max_size=300), st.data())
def test_a_record_cut_short_is_seen(plain: bytes, data: st.DataObject) -> None:
    raw = seal("series", 5, plain)
    with pytest.raises(StateError):
        unseal("series", 5, raw[: data.draw(st.integers(0, len(raw) - 1))])


@given(st.binary(max_size=300))
def test_other_bytes_are_no_state(raw: bytes) -> None:
    with pytest.raises(StateError, match="no state"):
        unseal("series", 5, raw)


def test_another_version_and_another_kind_are_named() -> None:
    with pytest.raises(StateError, match="version 6, not 5"):
        unseal("series", 5, seal("series", 6, b""))
    with pytest.raises(StateError, match="a state of incidents"):
        unseal("series", 5, seal("incidents", 5, b""))


class _Bomb:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.file,)  # type: ignore[return-value]  # what would be called


def test_a_pickle_is_bytes_like_any_others(tmp_path: Path) -> None:
    bomb = pickle.dumps(_Bomb(tmp_path / "executed"))
    for raw in (bomb, seal("series", 4, bomb)):
        with pytest.raises(StateError):
            unseal("series", 5, raw)
    assert not (tmp_path / "executed").exists()
