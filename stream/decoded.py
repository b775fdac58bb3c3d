"""What goes into decoding and what comes out: log records, rows by reference, dead letters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from driftlog.records import Reason, ReferenceProfile
from stream.rows import Rows

__all__ = ["DeadLetter", "Decoded", "LogRecord", "ReferencedRows"]


class LogRecord(Protocol):
    """What decoding reads of a record; aiokafka's ``ConsumerRecord`` is one."""

    @property
    def topic(self) -> str:
        """Name of the topic it came from."""

    @property
    def partition(self) -> int:
        """Partition of it."""

    @property
    def offset(self) -> int:
        """Offset in the partition."""

    @property
    def timestamp(self) -> int:
        """Time of the record, in milliseconds."""

    @property
    def timestamp_type(self) -> int:
        """Who set the time: 0 the producer, 1 the broker at append."""

    @property
    def key(self) -> bytes | None:
        """Its key as it came."""

    @property
    def value(self) -> bytes | None:
        """Its value; none is a tombstone."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that is no event: its bytes as they came, why, and where it was."""

    raw: bytes | None
    key: bytes | None
    reason: Reason
    detail: str
    topic: str
    partition: int
    offset: int

    def headers(self) -> list[tuple[str, bytes]]:
        """Return the headers that go with it to the dead-letter topic."""
        return [
            ("reason", self.reason.value.encode()),
            ("detail", self.detail.encode()),
            ("topic", self.topic.encode()),
            ("partition", str(self.partition).encode()),
            ("offset", str(self.offset).encode()),
        ]


@dataclass(frozen=True, slots=True)
class ReferencedRows:
    """Rows judged by one reference; none: the model version has none yet, and they are raw."""

    rows: Rows
    reference: ReferenceProfile | None

    @property
    def reference_id(self) -> str:
        """Id of the reference, empty for none."""
        return "" if self.reference is None else self.reference.reference_id


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a batch held. Every record is a row, a shadow or a dead letter.

    ``new_columns`` and ``vanished_columns`` are seen in records of the general path alone: those
    that the fast path declines (the first of a kind is one) and one in 64. They tell that there is
    such a column, not how many events have it.
    """

    rows: list[ReferencedRows]  # in order of each group's first row; rows in order of the log
    dead: list[DeadLetter]
    shadow: Counter[tuple[str, str]]  # (model, version): counted, never judged
    wrong_types: Counter[tuple[str, str, str]]  # (model, version, signal): cells
    new_columns: Counter[tuple[str, str, str]]  # (model, version, input)
    vanished_columns: Counter[tuple[str, str, str]]
    general: int  # records that took the general path

    @property
    def events(self) -> int:
        """Rows of all groups."""
        return sum(len(one.rows) for one in self.rows)
