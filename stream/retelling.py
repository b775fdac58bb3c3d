"""All folds over a whole log in one process: what ought to have been told of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from driftlog.settings import Settings
from stream.admission import admit
from stream.book import ReferenceBook
from stream.decode import Decoder
from stream.decoded import LogRecord
from stream.judging import Judging
from stream.lateness import Lateness
from stream.output import Output
from stream.partition import ColumnsPartition
from stream.ticks import at_ticks
from stream.verdicts import VerdictsPartition
from stream.waiting import Waiting

__all__ = ["Retelling", "Retold"]

_NO_LIMIT = 2**63 - 1  # bytes; all partitions of a long log may be far apart

# The partition of ``columns`` a verdict comes from (none: an alert), and the record.
Retold = tuple[int | None, Output]


class Retelling:
    """ingest, monitor and incidents of all partitions, as plain calls.

    Feed it either the records of ``columns`` or those of ``events``, each partition in its order;
    how the partitions are interleaved makes no difference. Unlike `stream.pipeline`, which has one
    partition of everything, the partitions are those of the service, and so are the records.

    Args:
        settings: as the workers have them.
        book: all references, learned ones too.
    """

    def __init__(self, settings: Settings, book: ReferenceBook) -> None:
        kafka = settings.kafka
        self._settings = settings
        self._judging = Judging(settings, book)
        self._decoder = Decoder(settings, self._judging.in_effect)
        self._lateness = [
            Lateness(settings.stream.allowed_lateness) for _ in range(kafka.event_partitions)
        ]
        self.columns = [
            ColumnsPartition(p, self._judging, kafka.event_partitions)
            for p in range(kafka.column_partitions)
        ]
        self.verdicts = [
            # Partitions come in the order of the topic, not of time: all of it may have to wait.
            VerdictsPartition(
                p, settings, kafka.column_partitions, self._judging.config, Waiting(_NO_LIMIT)
            )
            for p in range(kafka.verdict_partitions)
        ]

    @property
    def config(self) -> str:
        """Hash of the settings that decide verdicts."""
        return self._judging.config

    def max_ms(self, partition: int) -> int | None:
        """Newest event time taken of a partition of ``events``."""
        return self._lateness[partition].max_ms

    def chunk(self, partition: int, offset: int, key: bytes, value: bytes) -> Iterator[Retold]:
        """Take a record of ``columns``; yield what follows from it, as `Retold`."""
        fold = self.columns[partition]
        fold.position = offset
        fold.absorb_record(key, value)
        yield from self._advance(fold)

    def events(self, partition: int, records: Sequence[LogRecord]) -> Iterator[Retold]:
        """Take records of ``events``; yield what follows from them."""
        lateness = self._lateness[partition]
        for events, tick_ms in at_ticks(records):
            before = lateness.watermark_ms
            kept, _ = admit(lateness, self._decoder.decode_batch(events).rows)
            for one in kept:
                for p, rows in self._judging.route(one.rows, one.reference):
                    self.columns[p].absorb(rows, before)
            if tick_ms is not None:
                lateness.tick(tick_ms)
        yield from self._heartbeat(partition, idle=False)

    def at_end(self, partition: int) -> Iterator[Retold]:
        """Note that a partition of ``events`` holds no more: it holds nobody up."""
        yield from self._heartbeat(partition, idle=True)

    def _heartbeat(self, partition: int, *, idle: bool) -> Iterator[Retold]:
        for fold in self.columns:
            fold.heartbeat(partition, self._lateness[partition].watermark_ms, idle=idle)
        for fold in self.columns:
            yield from self._advance(fold)

    def _advance(self, fold: ColumnsPartition) -> Iterator[Retold]:
        for output in fold.advance():
            yield fold.number, output
            if output.topic == "verdicts" and output.partition is not None:
                self.verdicts[output.partition].absorb_record(output.key, output.value)
        for incidents in self.verdicts:
            for output in incidents.advance():
                yield None, output
