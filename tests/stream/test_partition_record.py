"""The record of a partition of columns: read back whole, or refused."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.errors import StateError
from stream.partition_record import PartitionRecord

UNTIMED = hypothesis.settings(deadline=None)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
RECORDS = st.builds(
    PartitionRecord,
    closed_through_ms=NUMBERS,
    watermarks=st.dictionaries(NUMBERS, NUMBERS),
    idle=st.lists(NUMBERS),
    high=st.dictionaries(st.text(), NUMBERS),
    position=NUMBERS,
    through=NUMBERS,
)


@UNTIMED
@given(RECORDS)
def test_a_record_is_read_back_as_it_was(record: PartitionRecord) -> None:
    assert PartitionRecord.decode(record.encode()) == record


@UNTIMED
@given(RECORDS, st.data())
def test_a_record_that_was_cut_off_is_refused(record: PartitionRecord, data: st.DataObject) -> None:
    raw = record.encode()
    with pytest.raises(StateError):
        PartitionRecord.decode(raw[: data.draw(st.integers(0, len(raw) - 1))])


@UNTIMED
@given(RECORDS, st.integers(3, 99))
def test_a_record_of_a_later_version_is_refused(record: PartitionRecord, version: int) -> None:
    with pytest.raises(StateError, match=f"version {version}"):
        raw = record.encode()
        PartitionRecord.decode(raw.replace(b" 2\n", b" %d\n" % version, 1))
