"""What a shard of a series is called on the wire, and its verdict put together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftlog.records import SignalVerdict, Verdict
from stream.routing import Shard

__all__ = ["Identity"]


@dataclass(frozen=True, slots=True)
class Identity:
    """What a shard is called on the wire."""

    model: str
    version: str
    shard: Shard
    reference_id: str
    config: str

    def verdict(
        self,
        pane_ms: int,
        pane_end_ms: int,
        at: NDArray[np.int64],
        signals: tuple[SignalVerdict, ...],
        samples_before: tuple[str, ...],
        samples_after: tuple[str, ...],
    ) -> Verdict:
        """The verdict of one pane, under these names.

        Args:
            pane_ms: its start.
            pane_end_ms: its end.
            at: event time, partition and offset of its rows, (3, rows).
            signals: what is told of each.
            samples_before: correlation ids of rows from before the onset.
            samples_after: and of the pane.
        """
        _, partitions, offsets = at
        return Verdict(
            model=self.model,
            version=self.version,
            segment=self.shard.segment,
            shard=self.shard.index,
            shards=self.shard.count,
            pane_ms=pane_ms,
            pane_end_ms=pane_end_ms,
            rows=at.shape[1],
            reference_id=self.reference_id,
            config=self.config,
            signals=signals,
            offsets={
                str(p): (int(of_it.min()), int(of_it.max()))
                for p in np.unique(partitions)
                for of_it in (offsets[partitions == p],)
            },
            samples_before=samples_before,
            samples_after=samples_after,
        )
