"""The whole path in one process and without a broker: what `scan` runs, and what tests compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from driftlog.records import REFERENCE, VERDICT, Alert, ReferenceProfile, Verdict
from driftlog.settings import Settings
from stream.admission import admit
from stream.book import ReferenceBook
from stream.decode import Decoder
from stream.decoded import DeadLetter, LogRecord
from stream.judging import Judging
from stream.lateness import Lateness
from stream.panes import pane_end
from stream.partition import ColumnsPartition
from stream.preparation import Prepared
from stream.rows import Rows
from stream.verdicts import VerdictsPartition

__all__ = ["OnPane", "Pipeline", "Told"]

# Called with every pane of a model version that is judged: reference, rows in order, the same
# rows as the detectors take them.
OnPane = Callable[[ReferenceProfile, Rows, Prepared], None]


@dataclass(frozen=True, slots=True)
class Told:
    """What a step of the pipeline had to say."""

    verdicts: list[Verdict] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    references: list[ReferenceProfile] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    late: int = 0


class Pipeline:
    """ingest, monitor and incidents as plain calls, on one partition of every topic.

    The same folds as the service runs, in the same order; what is left out is the broker. The
    source is one partition: a file in order of time.

    Args:
        settings: all that decides verdicts.
        book: the references known; further ones are learned where the settings say so.
        on_pane: sees what is judged; what it does changes nothing.
    """

    def __init__(
        self,
        settings: Settings,
        book: ReferenceBook | None = None,
        on_pane: OnPane | None = None,
    ) -> None:
        self.judging = (
            Judging(settings, book, partitions=1)
            if on_pane is None
            else _Observed(settings, book, on_pane)
        )
        self.decoder = Decoder(settings, self.judging.in_effect)
        self.columns = ColumnsPartition(0, self.judging, source_partitions=1)
        self.verdicts = VerdictsPartition(0, settings, 1, self.judging.config)
        self._settings = settings
        self._lateness = Lateness(settings.stream.allowed_lateness)

    def feed(self, records: Sequence[LogRecord]) -> Told:
        """Take records of the log, in its order; return what follows from them."""
        decoded = self.decoder.decode_batch(records)
        before = self._lateness.watermark_ms
        kept, late = admit(self._lateness, decoded.rows)
        for one in kept:
            self.columns.absorb(one.rows, before)
        self.columns.heartbeat(0, self._lateness.watermark_ms, idle=False)
        return self._advance(decoded.dead, late)

    def close(self) -> Told:
        """Close the last panes, as a tick does."""
        if self._lateness.max_ms is None:
            return Told()
        self._lateness.tick(pane_end(self._lateness.max_ms, self._settings.stream.pane))
        self.columns.heartbeat(0, self._lateness.watermark_ms, idle=False)
        return self._advance([], 0)

    def _advance(self, dead: Iterable[DeadLetter], late: int) -> Told:
        told = Told(dead=list(dead), late=late)
        for output in self.columns.advance():
            if output.topic == "references":
                told.references.append(REFERENCE.decode(output.value))
            elif not output.key.startswith(b"marker"):
                verdict = VERDICT.decode(output.value)
                told.verdicts.append(verdict)
                self.verdicts.take(verdict)
        self.verdicts.mark(0, self.columns.closed_through_ms)
        told.alerts.extend(self.verdicts.alerts())
        return told


class _Observed(Judging):
    def __init__(self, settings: Settings, book: ReferenceBook | None, on_pane: OnPane) -> None:
        super().__init__(settings, book, partitions=1)
        self._on_pane = on_pane

    def prepare(self, profile: ReferenceProfile, rows: Rows) -> Prepared:
        prepared = super().prepare(profile, rows)
        self._on_pane(profile, rows, prepared)
        return prepared
