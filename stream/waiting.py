"""Verdicts that wait until all partitions of ``columns`` have told of their pane."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import cramjam

from driftlog.records import VERDICT, Verdict

__all__ = ["MOST_BYTES", "Waiting"]

MOST_BYTES: Final = 256_000_000  # packed, about as many verdicts as there are kilobytes


class Waiting:
    """Verdicts by pane end and shard, packed: a few hundred bytes each, not tens of kilobytes.

    How many wait depends on how far the partitions of ``columns`` are apart. ``full`` says that
    more would be too many.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._of: dict[int, dict[str, bytes]] = {}
        self._most_bytes = most_bytes
        self._bytes = 0
        self.count = 0

    @property
    def full(self) -> bool:
        """Whether they hold more bytes than they may."""
        return self._bytes > self._most_bytes

    @property
    def oldest_ms(self) -> int | None:
        """End of the oldest pane, none where nothing waits."""
        return min(self._of, default=None)

    def put(self, end_ms: int, shard: str, verdict: Verdict) -> bool:
        """Keep a verdict; return whether there was another one for the same.

        Of two the same one stays whichever came first: whoever reads the same records must take
        the same one.
        """
        raw = VERDICT.encode(verdict)
        packed = bytes(cramjam.lz4.compress_block(raw))
        held = self._of.setdefault(end_ms, {})
        other = held.get(shard)
        if other is None:
            self.count += 1
        elif other == packed:
            return False
        else:
            self._bytes -= len(other)
            packed = max(other, packed, key=_weight)
        held[shard] = packed
        self._bytes += len(packed)
        return other is not None

    def pop(self, end_ms: int) -> Iterator[Verdict]:
        """Give up the verdicts of a pane."""
        for packed in self._of.pop(end_ms, {}).values():
            self._bytes -= len(packed)
            self.count -= 1
            yield _unpacked(packed)


def _unpacked(packed: bytes) -> Verdict:
    return VERDICT.decode(bytes(cramjam.lz4.decompress_block(packed)))


def _weight(packed: bytes) -> tuple[int, bytes]:
    return _unpacked(packed).rows, bytes(cramjam.lz4.decompress_block(packed))
