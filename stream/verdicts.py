"""One partition of ``verdicts``: a fold from verdicts and markers to alerts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec

from driftlog.errors import ContractError, StateError
from driftlog.records import ALERT, MARKER, VERDICT, Alert, Verdict
from driftlog.settings import Settings
from stream.incidents import ModelIncidents
from stream.output import Output
from stream.routing import Shard, series_name

__all__ = ["VerdictsPartition"]

_VERSION = 1
_MARKER_KEY = b"marker "


class _Record(msgspec.Struct, kw_only=True):
    v: int = _VERSION
    applied_through_ms: int
    markers: dict[int, int]
    position: int
    config: str


class VerdictsPartition:
    """What one worker holds of one partition of ``verdicts``: all of the models that hash to it.

    A pane is applied when the least marker over all partitions of ``columns`` has passed it, so
    that every series has told by then; the models and series in order of their names.
    """

    def __init__(
        self, number: int, settings: Settings, column_partitions: int, config: str
    ) -> None:
        self.number = number
        self.applied_through_ms = 0
        self.counts: Counter[str] = Counter()
        self.models: dict[str, ModelIncidents] = {}
        self.position = -1
        self._settings = settings
        self._columns = column_partitions
        self._config = config
        self._markers: dict[int, int] = {}
        self._waiting: dict[int, dict[str, Verdict]] = {}  # pane end -> shard key -> verdict
        self._dirty: set[str] = set()

    def absorb_record(self, key: bytes, value: bytes) -> int:
        """Take one record; return the pane end it waits for, 0 for none.

        What is no record of ours is counted and passed over.
        """
        try:
            if not key.startswith(_MARKER_KEY):
                return self.take(VERDICT.decode(value))
            marker = MARKER.decode(value)
        except ContractError:
            self.counts["damaged"] += 1
            return 0
        self.mark(marker.marker, marker.closed_through_ms)
        return 0

    def take(self, verdict: Verdict) -> int:
        """Take a verdict; return the pane end it waits for, 0 for none."""
        end = verdict.pane_end_ms
        if end <= self.applied_through_ms:
            self.counts["replayed_verdicts"] += 1
            return 0
        shard = _shard_key(verdict)
        held = self._waiting.setdefault(end, {})
        if held.get(shard, verdict) != verdict:
            self.counts["conflicting_verdicts"] += 1  # two answers for one question: never quietly
        held.setdefault(shard, verdict)
        return end

    def mark(self, partition: int, closed_through_ms: int) -> None:
        """Take a marker of a partition of ``columns``."""
        self._markers[partition] = max(self._markers.get(partition, 0), closed_through_ms)

    @property
    def through_ms(self) -> int:
        """Panes that end by this are applied."""
        return self.applied_through_ms

    @property
    def oldest_waiting_ms(self) -> int | None:
        """End of the oldest pane that has a verdict and is not yet applied."""
        return min(self._waiting, default=None)

    def advance(self) -> Iterator[Output]:
        """Apply every pane that all partitions of ``columns`` have closed, and tell."""
        for alert in self.alerts():
            yield Output("alerts", alert.alert_id.encode(), ALERT.encode(alert))

    def alerts(self) -> Iterator[Alert]:
        """The same as records."""
        if len(self._markers) < self._columns:
            return
        through = min(self._markers.values())
        for end in sorted(end for end in self._waiting if end <= through):
            by_model: dict[str, list[Verdict]] = {}
            for _, verdict in sorted(self._waiting.pop(end).items()):
                by_model.setdefault(verdict.model, []).append(verdict)
            for model, verdicts in sorted(by_model.items()):
                state = self.models.setdefault(model, ModelIncidents(model))
                self._dirty.add(model)
                yield from state.apply(verdicts, self._settings)
        self.applied_through_ms = max(self.applied_through_ms, through)

    def snapshot(self) -> dict[bytes, bytes | None]:
        """Return what changed since the last call, by key; the record comes last."""
        found: dict[bytes, bytes | None] = {
            model.encode(): msgspec.msgpack.encode(self.models[model])
            for model in sorted(self._dirty)
        }
        self._dirty.clear()
        found[self.record_key] = msgspec.msgpack.encode(
            _Record(
                applied_through_ms=self.applied_through_ms,
                markers=self._markers,
                position=self.position,
                config=self._config,
            )
        )
        return found

    @property
    def record_key(self) -> bytes:
        """Key of the partition's own record."""
        return b"\0partition %d" % self.number

    def restore(self, records: Mapping[bytes, bytes]) -> None:
        """Go on from what `snapshot` gave.

        A model whose state cannot be read starts without open incidents, and is counted.

        Raises:
            StateError: the partition's own record is damaged.
        """
        for key, value in records.items():
            try:
                if key == self.record_key:
                    record = msgspec.msgpack.decode(value, type=_Record)
                    if record.v != _VERSION:
                        raise StateError(f"incidents have state version {record.v}, not {_VERSION}")
                    self.applied_through_ms = record.applied_through_ms
                    self._markers = record.markers
                    self.position = record.position
                elif not key.startswith(b"\0"):
                    self.models[key.decode()] = msgspec.msgpack.decode(value, type=ModelIncidents)
            except (msgspec.DecodeError, UnicodeDecodeError) as exc:
                if key == self.record_key:
                    raise StateError(f"the record of the incidents cannot be read: {exc}") from exc
                self.counts["state_discarded"] += 1


def _shard_key(verdict: Verdict) -> str:
    series = series_name(verdict.model, verdict.version, verdict.segment)
    return Shard(series, verdict.shard, verdict.shards, verdict.segment, ()).key
