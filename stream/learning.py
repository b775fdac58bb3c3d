"""Rows kept of a model version that has no reference, until there are enough to learn one."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from driftlog.errors import StateError
from stream.sealed import seal, unseal

__all__ = ["Learner"]

_KIND = "learned rows"
_VERSION = 2
_PART_ROWS = 500  # a state record stays far below Kafka's limit of 1 MB, however
_PART_BYTES = 600_000  # large the events are; ingest lets none through that are larger


@dataclass(slots=True)
class Learner:
    """Events of whole closed panes, in event-time order, as the JSON they were decoded to.

    Its state is written in parts that are only ever added to: a part holds the rows since the last
    one, so that ten thousand events never have to fit into one record. The last part of a
    checkpoint says so; parts after it were cut off by a crash and are read again from the log.

    An event that would not fit into a part is left out, counted in ``oversize``.
    """

    model: str
    version: str
    closed_through_ms: int = 0
    raw: list[bytes] = field(default_factory=list)
    saved: int = 0  # rows that are in parts already written
    parts: int = 0
    oversize: int = 0  # events left out
    size: int = 0  # bytes of all rows kept

    def add(self, raw: list[bytes], pane_end_ms: int) -> None:
        """Take the rows of a closed pane."""
        fitting = [event for event in raw if len(event) <= _PART_BYTES]
        self.oversize += len(raw) - len(fitting)
        self.raw.extend(fitting)
        self.size += sum(map(len, fitting))
        self.closed_through_ms = pane_end_ms

    def new_parts(self) -> list[tuple[int, bytes]]:
        """Return what has to be written since the last call: (number of the part, content)."""
        found = []
        while self.saved < len(self.raw):
            rows = self._next_rows()
            self.saved += len(rows)
            body = msgspec.msgpack.encode(
                {
                    "closed_through_ms": self.closed_through_ms,
                    "last": self.saved == len(self.raw),
                    "rows": rows,
                }
            )
            found.append((self.parts, seal(_KIND, _VERSION, body)))
            self.parts += 1
        return found

    def _next_rows(self) -> list[bytes]:
        rows: list[bytes] = []
        size = 0
        for event in self.raw[self.saved : self.saved + _PART_ROWS]:
            size += len(event)
            if rows and size > _PART_BYTES:
                break
            rows.append(event)
        return rows

    def restore(self, parts: list[bytes]) -> None:
        """Go on from the parts, in order of their numbers.

        Raises:
            StateError: a part is damaged or of another version.
        """
        waiting: list[bytes] = []
        for number, part in enumerate(parts):
            body = _read(part)
            waiting.extend(body.rows)
            if body.last:
                self.raw.extend(waiting)
                waiting = []
                self.parts = number + 1
                self.closed_through_ms = body.closed_through_ms
        self.saved = len(self.raw)
        self.size = sum(map(len, self.raw))


class _Part(msgspec.Struct):
    closed_through_ms: int
    last: bool
    rows: list[bytes]


def _read(part: bytes) -> _Part:
    plain = unseal(_KIND, _VERSION, part)
    try:
        return msgspec.msgpack.decode(plain, type=_Part)
    except msgspec.DecodeError as exc:
        raise StateError(f"learned rows cannot be read: {exc}") from exc
