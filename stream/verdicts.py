"""One partition of ``verdicts``: a fold from verdicts and markers to alerts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec

from driftlog.errors import ContractError, StateError
from driftlog.records import ALERT, MARKER, VERDICT, Alert, Verdict
from driftlog.settings import Settings
from stream.incident_state import dump_incidents, load_incidents
from stream.incidents import ModelIncidents
from stream.output import Output
from stream.routing import Shard, series_name

__all__ = ["VerdictsPartition"]

_VERSION = 1
_MARKER_KEY = b"marker "
_MODEL_KEY = b"model "  # of a model's state


class _Record(msgspec.Struct, kw_only=True):
    v: int = _VERSION
    applied_through_ms: int
    markers: dict[int, int]
    position: int
    config: str


class VerdictsPartition:
    """What one worker holds of one partition of ``verdicts``: all of the models that hash to it.

    A pane is applied when the least marker over all partitions of ``columns`` has passed it, so
    that every series has told by then; the models and series in order of their names. In which
    order and in what pieces the records came, and from which snapshot a new owner went on, makes no
    difference to the alerts.

    ``counts``: ``damaged`` records, ``replayed_verdicts`` of panes already applied,
    ``conflicting_verdicts`` (two answers for one question: the fold upstream is not
    deterministic), ``foreign_markers`` of partitions that ``columns`` does not have, and
    ``state_discarded``: models whose open incidents could not be read.
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
            # A model may be called "marker x", but the key of its verdicts has a shard's number.
            if not key.startswith(_MARKER_KEY) or b"#" in key:
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
        other = held.get(shard)
        if other is not None and other != verdict:
            self.counts["conflicting_verdicts"] += 1
            # Not the first to come: whoever reads the same records must take the same one.
            verdict = max(other, verdict, key=lambda v: (v.rows, VERDICT.encode(v)))
        held[shard] = verdict
        return end

    def mark(self, partition: int, closed_through_ms: int) -> None:
        """Take a marker of a partition of ``columns``."""
        if not 0 <= partition < self._columns:
            self.counts["foreign_markers"] += 1
            return
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
        if through <= self.applied_through_ms:
            return
        while (end := self._next()) is not None and end <= through:
            by_model: dict[str, list[Verdict]] = {
                model: [] for model, state in self.models.items() if state.wake_ms == end
            }
            for verdict in self._waiting.pop(end, {}).values():
                by_model.setdefault(verdict.model, []).append(verdict)
            for model, verdicts in sorted(by_model.items()):
                state = self.models.setdefault(model, ModelIncidents(model))
                self._dirty.add(model)
                yield from state.apply(end, verdicts, self._settings)
        self.applied_through_ms = through

    def _next(self) -> int | None:
        """End of the next pane with a verdict, or at which a silence has to be looked at.

        Silence is looked at when its time has come, not when a marker happens to pass it: markers
        may jump, and how far depends on how the log was cut into batches.
        """
        wakes = (state.wake_ms for state in self.models.values() if state.wake_ms)
        return min((*self._waiting, *wakes), default=None)

    def snapshot(self) -> dict[bytes, bytes | None]:
        """Return what changed since the last call, by key; the record comes last."""
        found: dict[bytes, bytes | None] = {
            _MODEL_KEY + model.encode(): dump_incidents(self.models[model])
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
            StateError: the partition's own record is damaged or of another version.
        """
        for key, value in records.items():
            if key == self.record_key:
                self._restore_record(value)
            elif key.startswith(_MODEL_KEY):
                try:
                    model = key.removeprefix(_MODEL_KEY).decode()
                    self.models[model] = load_incidents(model, value)
                except (StateError, UnicodeDecodeError):
                    self.counts["state_discarded"] += 1

    def _restore_record(self, raw: bytes) -> None:
        try:
            record = msgspec.msgpack.decode(raw, type=_Record)
        except msgspec.DecodeError as exc:
            raise StateError(f"the record of the incidents cannot be read: {exc}") from exc
        if record.v != _VERSION:
            raise StateError(f"the record of the incidents has version {record.v}, not {_VERSION}")
        self.applied_through_ms = record.applied_through_ms
        # Of fewer partitions of columns than before, the others will never tell again.
        self._markers = {p: ms for p, ms in record.markers.items() if 0 <= p < self._columns}
        self.position = record.position


def _shard_key(verdict: Verdict) -> str:
    series = series_name(verdict.model, verdict.version, verdict.segment)
    return Shard(series, verdict.shard, verdict.shards, verdict.segment, ()).key
