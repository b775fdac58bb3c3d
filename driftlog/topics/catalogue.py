"""The topics as data: what each is for and how the broker must treat it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from driftlog.errors import InputError

__all__ = ["CATALOGUE", "TopicSpec", "changelog_name", "topic_specs"]

_HOUR: Final = 3_600_000
_DAY: Final = 24 * _HOUR
_MIB: Final = 1_048_576
# Kafka counts a batch's header in max.message.bytes; its own default is 1 MiB and these 12 bytes.
_DEFAULT_BYTES: Final = _MIB + 12
_LEGAL: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")

Cleanup = Literal["delete", "compact", "compact,delete"]
TimestampType = Literal["CreateTime", "LogAppendTime"]


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """What a topic must be on the broker.

    Attributes:
        name: the topic's name; in the catalogue without prefix.
        purpose: one sentence for people.
        partitions: how many.
        cleanup: Kafka's ``cleanup.policy``.
        timestamp_type: LogAppendTime where a rule needs the broker's clock, else CreateTime.
        retention_ms: how long records stay; None for topics that are only compacted.
        min_compaction_lag_ms: how long a superseded record can still be read; None: no lag.
        max_message_bytes: the largest batch, as compressed by the producer.
        extra: further settings in Kafka's words.
    """

    name: str
    purpose: str
    partitions: int
    cleanup: Cleanup = "delete"
    timestamp_type: TimestampType = "CreateTime"
    retention_ms: int | None = 7 * _DAY
    min_compaction_lag_ms: int | None = None
    max_message_bytes: int = _DEFAULT_BYTES
    extra: Mapping[str, str] = field(default_factory=dict)

    def settings(self) -> dict[str, str]:
        """Return the topic's settings in Kafka's words."""
        settings = {
            "cleanup.policy": self.cleanup,
            "message.timestamp.type": self.timestamp_type,
            "max.message.bytes": str(self.max_message_bytes),
        }
        if self.retention_ms is not None:
            settings["retention.ms"] = str(self.retention_ms)
        if self.min_compaction_lag_ms is not None:
            settings["min.compaction.lag.ms"] = str(self.min_compaction_lag_ms)
        return settings | dict(self.extra)


CATALOGUE: Final[tuple[TopicSpec, ...]] = (
    TopicSpec(
        "events",
        "one record per prediction, keyed by correlation id",
        4,
        timestamp_type="LogAppendTime",  # the rule for events from the future needs it
    ),
    TopicSpec(
        "labels",
        "the true outcomes, which arrive later; keyed and partitioned like events",
        4,
        timestamp_type="LogAppendTime",
        retention_ms=30 * _DAY,
    ),
    TopicSpec("columns", "validated events as column batches, by series and shard", 8),
    TopicSpec(
        "verdicts",
        "the verdicts of each closed pane, and the markers behind them",
        4,
        cleanup="compact,delete",
        retention_ms=30 * _DAY,
        min_compaction_lag_ms=7 * _DAY,
    ),
    TopicSpec(
        "references",
        "reference profiles; old ones stay, so that old logs can be read again",
        1,
        cleanup="compact",
        retention_ms=None,
        max_message_bytes=4 * _MIB,
    ),
    TopicSpec(
        "alerts",
        "the life of each alert, keyed by alert id",
        1,
        cleanup="compact,delete",
        retention_ms=365 * _DAY,
        min_compaction_lag_ms=7 * _DAY,
    ),
    TopicSpec("actions", "what people decided, keyed by model", 1, retention_ms=365 * _DAY),
    TopicSpec(
        "deadletter",
        "rejected records as they came, with the reason in their headers",
        1,
        retention_ms=14 * _DAY,
        max_message_bytes=2 * _MIB,  # any event, decompressed, and its headers
    ),
)

_CHANGELOG: Final = TopicSpec(
    "changelog",
    "the state of a table; read whole by a new owner",
    1,
    cleanup="compact",  # never deleted by age: that would be a hole in the state
    retention_ms=None,
    # A recovery reads everything that is not yet compacted: small segments, cleaned early.
    extra={
        "segment.ms": str(_HOUR),
        "segment.bytes": str(64 * _MIB),
        "min.cleanable.dirty.ratio": "0.1",
        "max.compaction.lag.ms": str(_HOUR),
    },
)


def topic_specs(
    prefix: str = "driftlog.",
    *,
    event_partitions: int = 4,
    column_partitions: int = 8,
    verdict_partitions: int = 4,
    app_id: str = "driftlog",
    monitor_table: str = "monitor",
    incidents_table: str = "incidents",
) -> tuple[TopicSpec, ...]:
    """Return the catalogue with names and sizes, and the changelogs of the two tables.

    Args:
        prefix: put before every name but the changelogs', which Faust names by ``app_id``.
        event_partitions: of events and labels, equal so that a label meets its event.
        column_partitions: of columns, and of the monitor's changelog, as Faust demands.
        verdict_partitions: of verdicts, and of the incidents' changelog, likewise.
        app_id: the Faust application's id.
        monitor_table: the name of the monitor's table.
        incidents_table: the name of the incidents' table.

    Raises:
        InputError: Kafka would refuse a name, or a number of partitions is below 1.
    """
    sizes = {
        "events": event_partitions,
        "labels": event_partitions,
        "columns": column_partitions,
        "verdicts": verdict_partitions,
    }
    specs = [
        replace(spec, name=prefix + spec.name, partitions=sizes.get(spec.name, spec.partitions))
        for spec in CATALOGUE
    ]
    changelogs = {monitor_table: column_partitions, incidents_table: verdict_partitions}
    specs += [
        replace(_CHANGELOG, name=changelog_name(app_id, table), partitions=partitions)
        for table, partitions in changelogs.items()
    ]
    for spec in specs:
        _validate(spec)
    return tuple(specs)


def changelog_name(app_id: str, table: str) -> str:
    """Return the topic in which Faust keeps a table."""
    return f"{app_id}-{table}-changelog"


def _validate(spec: TopicSpec) -> None:
    if not 0 < len(spec.name) <= 249 or not _LEGAL.issuperset(spec.name):
        raise InputError(
            f"topic name {spec.name!r} is not legal in Kafka: 1 to 249 of a-z A-Z 0-9 . _ -"
        )
    if spec.partitions < 1:
        raise InputError(f"topic {spec.name} needs 1 partition or more, not {spec.partitions}")
