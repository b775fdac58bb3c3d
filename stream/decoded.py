"""What goes into decoding and what comes out: log records, rows by reference, dead letters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, Protocol

from driftlog.records import Reason, ReferenceProfile
from stream.rows import Rows

__all__ = ["CUT", "MOST_KEY", "MOST_RAW", "DeadLetter", "Decoded", "LogRecord", "ReferencedRows"]

# The topic of dead letters takes 2 MiB.
MOST_RAW: Final = 1_900_000  # bytes of a dead letter that are kept
MOST_KEY: Final = 100_000  # and of its key
CUT: Final = "cut"  # header of one of which not all is kept


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

    def fitted(self) -> tuple[bytes | None, bytes | None]:
        """Return (key, raw) as the dead-letter topic can hold them.

        A topic that others made may hold larger records than ours: of these the beginning is kept,
        and a header says so. A letter that could not be sent would end ingest at every start.
        """
        key = self.key if self.key is None else self.key[:MOST_KEY]
        return key, self.raw if self.raw is None else self.raw[:MOST_RAW]

    def headers(self) -> list[tuple[str, bytes]]:
        """Return the headers that go with it to the dead-letter topic."""
        found = [
            ("reason", self.reason.value.encode()),
            ("detail", self.detail.encode()),
            ("topic", self.topic.encode()),
            ("partition", str(self.partition).encode()),
            ("offset", str(self.offset).encode()),
        ]
        if self.fitted() != (self.key, self.raw):
            had = f"{len(self.raw or b'')} bytes, and {len(self.key or b'')} of key"
            found.append((CUT, had.encode()))
        return found


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
