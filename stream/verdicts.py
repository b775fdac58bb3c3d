"""One partition of ``verdicts``: a fold from verdicts and markers to alerts."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping

import msgspec

from driftlog.errors import ContractError, StateError
from driftlog.records import ALERT, MARKER, VERDICT, Alert, Verdict
from driftlog.settings import Settings
from stream.incident_state import dump_incidents, load_incidents
from stream.incidents import ModelIncidents
from stream.output import Output
from stream.routing import Shard, series_name
from stream.sealed import seal, unseal
from stream.waiting import Waiting

__all__ = ["VerdictsPartition"]

_KIND = "verdicts partition"
_VERSION = 2
_MARKER_KEY = b"marker "
_MODEL_KEY = b"model "  # of a model's state
_RECORD_KEY = b"\0partition"
_MOST_NEWS = 5  # lines between two looks; what is left out is in the counts
_NAMED = 8  # partitions that a line names


class _Record(msgspec.Struct, kw_only=True):
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
    ``state_discarded``: records of state that could not be read, told in ``news``.
    """

    def __init__(
        self,
        number: int,
        settings: Settings,
        column_partitions: int,
        config: str,
        waiting: Waiting | None = None,
    ) -> None:
        self.number = number
        self.applied_through_ms = 0
        self.counts: Counter[str] = Counter()
        self.news: deque[str] = deque(maxlen=_MOST_NEWS)  # for people; whoever logs empties it
        self.models: dict[str, ModelIncidents] = {}
        self.position = -1
        self._settings = settings
        self._columns = column_partitions
        self._config = config
        self._markers: dict[int, int] = {}
        self._waiting = Waiting() if waiting is None else waiting
        self._dirty: set[str] = set()
        self._lost = False  # nothing is known of what was applied before
        self._gone: set[bytes] = set()  # keys of records that cannot be read

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
        """Take a verdict; return the pane end it waits for, 0 for none.

        Raises:
            StateError: more wait than there is room for; names the partitions that hold them up.
        """
        end = verdict.pane_end_ms
        if self._lost:
            # It is not acknowledged because its pane was not applied: all of that is read again.
            self.applied_through_ms = max(self.applied_through_ms, verdict.pane_ms)
            self._lost = False
        if end <= self.applied_through_ms:
            self.counts["replayed_verdicts"] += 1
            return 0
        if self._waiting.put(end, _shard_key(verdict), verdict):
            self.counts["conflicting_verdicts"] += 1
        if self._waiting.full:
            raise StateError(
                f"{self._waiting.count:,} verdicts wait for markers of {self._slowest()}: whoever "
                "judges these is far behind or gone. Nothing is lost: they are read again after a "
                "start; if this comes back, look at the stages of the other workers"
            )
        return end

    def _slowest(self) -> str:
        """The partitions of ``columns`` that hold the others up."""
        told = {p: self._markers.get(p, 0) for p in range(self._columns)}
        least = min(told.values())
        slow = [str(p) for p, ms in told.items() if ms == least]
        more = f" and {len(slow) - _NAMED} more" if len(slow) > _NAMED else ""
        return f"partition {', '.join(slow[:_NAMED])}{more} of columns"

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
        return self._waiting.oldest_ms

    @property
    def waiting(self) -> int:
        """Verdicts that wait for markers."""
        return self._waiting.count

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
            for verdict in self._waiting.pop(end):
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
        wakes = [state.wake_ms for state in self.models.values() if state.wake_ms]
        oldest = self._waiting.oldest_ms
        return min(wakes if oldest is None else [oldest, *wakes], default=None)

    def snapshot(self) -> dict[bytes, bytes | None]:
        """Return what changed since the last call, by key; the record comes last."""
        found: dict[bytes, bytes | None] = dict.fromkeys(sorted(self._gone))
        found |= {
            _MODEL_KEY + model.encode(): dump_incidents(self.models[model])
            for model in sorted(self._dirty)
        }
        self._dirty.clear()
        self._gone.clear()
        record = _Record(
            applied_through_ms=self.applied_through_ms,
            markers=self._markers,
            position=self.position,
            config=self._config,
        )
        found[self.record_key] = seal(_KIND, _VERSION, msgspec.msgpack.encode(record))
        return found

    @property
    def record_key(self) -> bytes:
        """Key of the partition's own record."""
        return _RECORD_KEY + b" %d" % self.number

    def restore(self, records: Mapping[bytes, bytes]) -> None:
        """Go on from what `snapshot` gave.

        What cannot be read is counted and told in ``news``: a model starts without open incidents;
        of a damaged record of the partition itself the markers come again, and reading goes on from
        the commit. What has been applied the models know; where there is none that does, the first
        verdict read again tells.
        """
        damaged = False
        for key, value in records.items():
            try:
                if key == self.record_key:
                    self._restore_record(value)
                elif key.startswith(_MODEL_KEY):
                    model = key.removeprefix(_MODEL_KEY).decode()
                    self.models[model] = load_incidents(model, value)
                else:
                    raise StateError("it has a key that no state of incidents has")
            except (StateError, UnicodeDecodeError) as exc:
                self._gone.add(key)
                damaged |= key == self.record_key
                self.counts["state_discarded"] += 1
                self.news.append(
                    f"stored state was discarded, and begins afresh: the record {key[:80]!r}: {exc}"
                )
        if damaged:
            applied = [state.applied_ms for state in self.models.values()]
            self.applied_through_ms = max(applied, default=0)
            self._lost = not applied

    def _restore_record(self, raw: bytes) -> None:
        try:
            record = msgspec.msgpack.decode(unseal(_KIND, _VERSION, raw), type=_Record)
        except msgspec.DecodeError as exc:
            raise StateError(f"the record of the incidents cannot be read: {exc}") from exc
        self.applied_through_ms = record.applied_through_ms
        # Of fewer partitions of columns than before, the others will never tell again.
        self._markers = {p: ms for p, ms in record.markers.items() if 0 <= p < self._columns}
        self.position = record.position


def _shard_key(verdict: Verdict) -> str:
    series = series_name(verdict.model, verdict.version, verdict.segment)
    return Shard(series, verdict.shard, verdict.shards, verdict.segment, ()).key
