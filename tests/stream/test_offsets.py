"""Offsets told by model version: as many names as fit, and a floor for those forgotten."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from stream.offsets import MOST_BYTES, Offsets

CALLS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from("abcdefgh"), st.integers(0, 99)), max_size=60
)


@given(CALLS)
def test_while_there_is_room_each_name_has_its_highest_offset(
    calls: list[tuple[int, str, int]],
) -> None:
    held, plain = Offsets(), dict[tuple[int, str], int]()
    for source, name, offset in calls:
        held.raise_to(source, name, offset)
        plain[source, name] = max(plain.get((source, name), -1), offset)
    for source in range(4):
        assert held.floor(source) == -1
        for name in "abcdefgh":
            assert held.of(source, name) == plain.get((source, name))


@given(CALLS)
def test_of_those_forgotten_the_highest_offset_stays(calls: list[tuple[int, str, int]]) -> None:
    held = Offsets(most_bytes=50)  # room for three names
    told = dict[int, int]()
    for source, name, offset in calls:
        held.raise_to(source, name, offset)
        told[source] = max(told.get(source, -1), offset)
    again = Offsets.load(held.dump())
    for one in (held, again):
        assert len(one) <= 3
        for source, highest in told.items():
            kept = [one.of(source, name) for name in "abcdefgh"]
            assert max(one.floor(source), *(at for at in kept if at is not None), -1) == highest
    assert again.dump() == held.dump()


def test_no_number_of_names_makes_a_partitions_record_too_large() -> None:
    held = Offsets()
    for number in range(20_000):
        held.raise_to(number % 4, f"late@{number}{'x' * 250}", number)
    assert len(msgspec.msgpack.encode(held.dump())) < 1.1 * MOST_BYTES
    assert held.floor(0) > 0
