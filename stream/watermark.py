"""The event time up to which everything has been seen, over all source partitions."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Watermark"]


@dataclass(slots=True)
class Watermark:
    """The least watermark over the source partitions that are not idle.

    A partition never heard of holds everything up until it is declared idle. When all are idle
    the furthest watermark counts, which makes the order of the declarations irrelevant.
    """

    partitions: int
    of: dict[int, int] = field(default_factory=dict)  # source partition -> ms
    idle: set[int] = field(default_factory=set)

    def advance(self, partition: int, watermark_ms: int | None, *, idle: bool = False) -> None:
        """Take what a chunk says of its source partition."""
        if watermark_ms is not None:
            self.of[partition] = max(self.of.get(partition, watermark_ms), watermark_ms)
        (self.idle.add if idle else self.idle.discard)(partition)

    def now_ms(self) -> int | None:
        """Return the watermark, none while a partition that is not idle has told none."""
        awake = [p for p in range(self.partitions) if p not in self.idle]
        if not awake:
            return max(self.of.values(), default=None)
        if any(p not in self.of for p in awake):
            return None
        return min(self.of[p] for p in awake)
