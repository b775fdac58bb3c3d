"""What a worker holds, as the collectors see it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from stream.ingest import Ingest
from stream.judging import Judging
from stream.metrics.observed import Observed
from stream.partition import ColumnsPartition
from stream.verdicts import VerdictsPartition

__all__ = ["Held", "Stage"]

Stage = Literal["monitor", "incidents"]


class Held(Protocol):
    """A worker's parts at this moment; all of it empty before they are there."""

    @property
    def columns(self) -> Sequence[ColumnsPartition]:
        """Partitions of ``columns`` held."""

    @property
    def verdicts(self) -> Sequence[VerdictsPartition]:
        """Partitions of ``verdicts`` held."""

    @property
    def counts(self) -> Mapping[Stage, Counter[str]]:
        """What the partitions held now or before have counted since the worker's start."""

    @property
    def ingest(self) -> Ingest | None:
        """The ingest half, none with ``--only monitor``."""

    @property
    def judging(self) -> Judging | None:
        """What rows are judged by."""

    @property
    def observed(self) -> Observed:
        """The histograms."""

    @property
    def assignments(self) -> Mapping[str, int]:
        """How often each half has been given partitions since the worker's start."""

    @property
    def tasks(self) -> int:
        """Tasks of the event loop."""

    @property
    def ready(self) -> bool:
        """Whether partitions are held and their state is there."""
