"""A worker without a broker: the folds of the service, its topics as lists, its owners to kill.

Rows really travel: routed, encoded, and decoded as on the ``columns`` topic. What is acknowledged,
stored and read again follows the worker's runner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from driftlog.records import ALERT, REFERENCE, VERDICT, Alert, ReferenceProfile, Verdict
from driftlog.settings import Settings
from stream import columns
from stream.admission import admit
from stream.book import ReferenceBook
from stream.decode import Decoder
from stream.judging import Judging
from stream.lateness import Lateness
from stream.output import Output
from stream.partition import ColumnsPartition
from stream.verdicts import VerdictsPartition
from tests.stream.event_log import LogEntry, batches

__all__ = ["Cluster", "Owner", "answers"]


@dataclass
class Cluster:
    """The topics, and ingest that fills ``columns``.

    Args:
        settings: of all.
        book: the references from the start.
        sources: partitions of events.
        partitions: of columns.
    """

    settings: Settings
    book: ReferenceBook
    sources: int = 1
    partitions: int = 1
    verdicts: list[Output] = field(default_factory=list)
    references: list[ReferenceProfile] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.columns: list[list[bytes]] = [[] for _ in range(self.partitions)]
        self.judging = Judging(self.settings, self.book, self.partitions)
        self._decoder = Decoder(self.settings, self.judging.in_effect)
        self._lateness = [
            Lateness(self.settings.stream.allowed_lateness) for _ in range(self.sources)
        ]
        self.late = 0

    def ingest(self, source: int, entries: Sequence[LogEntry]) -> None:
        """Take a batch of one partition of events, as ingest does."""
        decoded = self._decoder.decode_batch(entries)
        lateness = self._lateness[source]
        before = lateness.watermark_ms
        kept, late = admit(lateness, decoded.rows)
        self.late += late
        for one in kept:
            for partition, rows in self.judging.route(one.rows, one.reference):
                for part in columns.chunks(rows):
                    self.columns[partition].append(
                        columns.encode(part, before, self.judging.config, one.reference_id)
                    )
        self.heartbeat(source, entries[-1].offset)

    def heartbeat(self, source: int, high: int, *, idle: bool = False) -> None:
        """Tell every partition of columns how far a partition of events is."""
        value = columns.encode_heartbeat(
            source, self._lateness[source].watermark_ms, idle=idle, high_offset=high
        )
        for log in self.columns:
            log.append(value)

    def close(self) -> None:
        """End every partition of events, as ticks do."""
        last = max(one.max_ms or 0 for one in self._lateness)
        pane = self.settings.stream.pane
        for source, lateness in enumerate(self._lateness):
            lateness.tick(last - last % pane + pane)
            self.heartbeat(source, 1 << 40)

    def owner(self, partition: int, stored: Mapping[bytes, bytes] | None = None) -> Owner:
        """A new owner of a partition of columns, with its own references read from the topic."""
        judging = Judging(
            self.settings,
            ReferenceBook([*self.book.profiles(), *self.references]),
            self.partitions,
        )
        return Owner(self, partition, judging, dict(stored or {}))

    def take(self, output: Output) -> None:
        """Publish what a fold says."""
        if output.topic == "references":
            profile = REFERENCE.decode(output.value)
            if profile not in self.references:
                self.references.append(profile)
            self.judging.add(profile)
        else:
            self.verdicts.append(output)

    def read_all(self) -> None:
        """Let one owner a partition read all of columns, without a mishap."""
        for partition in range(self.partitions):
            self.owner(partition).read()

    def alerts(self) -> list[Alert]:
        """What the incidents say of all on the topic, model by model: order there is within one."""
        folds = {
            number: VerdictsPartition(number, self.settings, self.partitions, self.judging.config)
            for number in range(self.settings.kafka.verdict_partitions)
        }
        found = []
        for output in self.verdicts:
            fold = folds[output.partition or 0]
            fold.absorb_record(output.key, output.value)
            found += [ALERT.decode(one.value) for one in fold.advance()]
        return sorted(found, key=lambda alert: alert.model)


@dataclass
class Owner:
    """What one worker holds of a partition of columns, and how it reads."""

    cluster: Cluster
    partition: int
    judging: Judging
    stored: dict[bytes, bytes]
    at: int = 0  # next offset to read

    def __post_init__(self) -> None:
        self.fold = ColumnsPartition(self.partition, self.judging, self.cluster.sources)
        self.fold.restore(self.stored)
        self.at = max(self.fold.position, 0)
        self._needs: list[tuple[int, int]] = []  # offset, pane end it waits for

    def read(self, upto: int | None = None) -> None:
        """Read on, to before an offset or to the end."""
        log = self.cluster.columns[self.partition]
        for offset in range(self.at, len(log) if upto is None else min(upto, len(log))):
            self.fold.position = offset
            need = self.fold.absorb_record(b"", log[offset])
            self._needs.append((offset, need))
            for output in self.fold.advance():
                self.cluster.take(output)
            self.at = offset + 1

    def checkpoint(self) -> dict[bytes, bytes]:
        """Store what changed; return all that is stored now."""
        through = self.fold.through_ms
        while self._needs and self._needs[0][1] <= through:
            self._needs.pop(0)
        self.fold.position = self._needs[0][0] if self._needs else self.at
        for key, value in self.fold.snapshot().items():
            if value is None:
                self.stored.pop(key, None)
            else:
                self.stored[key] = value
        return dict(self.stored)


def answers(outputs: Iterable[Output]) -> dict[tuple[str, int], bytes]:
    """Verdicts by series, shard and pane.

    Raises:
        AssertionError: there are two different ones for the same.
    """
    found: dict[tuple[str, int], bytes] = {}
    for output in outputs:
        if output.key.startswith(b"marker"):
            continue
        verdict: Verdict = VERDICT.decode(output.value)
        key = (output.key.decode(), verdict.pane_end_ms)
        assert found.setdefault(key, output.value) == output.value, f"two answers for {key}"
    return found


def fed(cluster: Cluster, log: Sequence[Sequence[LogEntry]], size: int) -> Cluster:
    """Let ingest read a log, its partitions by turns, in batches."""
    waiting = [list(batches(entries, size)) for entries in log]
    while any(waiting):
        for source, parts in enumerate(waiting):
            if parts:
                cluster.ingest(source, parts.pop(0))
    cluster.close()
    return cluster
