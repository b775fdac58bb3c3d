"""The state of a ``columns`` partition itself, stored last in every checkpoint."""

from __future__ import annotations

import msgspec

from driftlog.errors import StateError

__all__ = ["PartitionRecord"]

_VERSION = 1


class PartitionRecord(msgspec.Struct, kw_only=True):
    """Everything a new owner needs to take the same closing decisions again."""

    v: int = _VERSION
    closed_through_ms: int
    watermarks: dict[int, int]  # source partition -> ms
    idle: list[int]  # source partitions
    high: dict[str, int]  # source partition and model version -> highest offset told
    position: int  # offset in ``columns`` of the first chunk to read again
    through: int  # and of the last one that watermarks, idle flags and offsets know of

    def encode(self) -> bytes:
        """Return the record as MessagePack."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> PartitionRecord:
        """Read it.

        Raises:
            StateError: damaged, of another type or of another version.
        """
        try:
            record = msgspec.msgpack.decode(raw, type=cls)
        except msgspec.DecodeError as exc:
            raise StateError(f"the partition's record cannot be read: {exc}") from exc
        if record.v != _VERSION:
            raise StateError(f"the partition's record has version {record.v}, not {_VERSION}")
        return record
