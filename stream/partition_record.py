"""The state of a ``columns`` partition itself, stored last in every checkpoint."""

from __future__ import annotations

import msgspec

from driftlog.errors import StateError
from stream.sealed import seal, unseal

__all__ = ["PartitionRecord"]

_KIND = "columns partition"
_VERSION = 2


class PartitionRecord(msgspec.Struct, kw_only=True):
    """Everything a new owner needs to take the same closing decisions again."""

    closed_through_ms: int
    watermarks: dict[int, int]  # source partition -> ms
    idle: list[int]  # source partitions
    high: dict[str, int]  # `Offsets` of source partition and model version
    position: int  # offset in ``columns`` of the first chunk to read again
    through: int  # and of the last one that watermarks, idle flags and offsets know of

    def encode(self) -> bytes:
        """Return the record as it is stored."""
        return seal(_KIND, _VERSION, msgspec.msgpack.encode(self))

    @classmethod
    def decode(cls, raw: bytes) -> PartitionRecord:
        """Read it.

        Raises:
            StateError: damaged, of another type or of another version.
        """
        try:
            return msgspec.msgpack.decode(unseal(_KIND, _VERSION, raw), type=cls)
        except msgspec.DecodeError as exc:
            raise StateError(f"the partition's record cannot be read: {exc}") from exc
