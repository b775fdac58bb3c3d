"""One partition of ``columns``: a fold from chunks to verdicts, markers and learned references."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby

import numpy as np

from driftlog.errors import ContractError, ProfileError, StateError
from driftlog.records import MARKER, REFERENCE, VERDICT, Marker, ReferenceProfile
from stream import columns
from stream.judging import Judging
from stream.learners import Learners
from stream.learning import Learner
from stream.offsets import Offsets
from stream.output import Output
from stream.panes import OpenPanes, first_of_each, in_order
from stream.partition_record import PartitionRecord
from stream.routing import Shard, model_version, rows_of, verdict_partition
from stream.rows import Rows, concat
from stream.series import SeriesState, stored_through_ms
from stream.watermark import Watermark

__all__ = ["ColumnsPartition"]

RECORD_KEY = b"\0partition"  # sorts first; no series begins with a zero byte
_LEARN_KEY = b"\0learn/"
MOST_NEWS = 5  # lines between two looks; what is left out is in the counts


class ColumnsPartition:
    """What one worker holds of one partition of ``columns``.

    Pure: chunks in, `Output` out, no clock and no broker. `absorb` takes what a chunk holds and
    says for which pane end it waits; `advance` closes the panes that the watermark has passed;
    `snapshot` gives what must be stored before the chunks may be acknowledged.
    """

    def __init__(self, number: int, judging: Judging, source_partitions: int) -> None:
        self.number = number
        self.closed_through_ms = 0
        self.counts: Counter[str] = Counter()
        self.news: deque[str] = deque(maxlen=MOST_NEWS)  # for people; whoever logs empties it
        self.watermark = Watermark(source_partitions)
        self.series: dict[str, SeriesState] = {}
        # Offset of the chunk in hand; when a snapshot is taken, of the first one to read again.
        self.position = -1
        self._last = -1  # offset of the last chunk absorbed
        self._through = -1  # the same as stored: chunks up to it are read again
        self._judging = judging
        self._pane_ms: int = judging.settings.stream.pane
        self._learners = Learners(judging.settings)
        self._open = OpenPanes(self._pane_ms)
        self._stored: dict[str, bytes] = {}  # states read, not yet needed
        self._high = Offsets()  # told by chunks, as stored
        self._seen = Offsets()  # the same since this process holds the partition
        self._dirty: set[str] = set()
        self._lost = False  # nothing is known of what was closed before
        self._gone: set[bytes] = set()  # keys of records that cannot be read

    # -- the log comes in ---------------------------------------------------------------------

    def absorb_record(self, key: bytes, value: bytes) -> int:
        """Take a chunk; return the pane end it waits for, 0 for none.

        What is no chunk of ours is counted and passed over.
        """
        try:
            chunk = columns.decode(value)
        except ContractError:
            self.counts["damaged"] += 1
            return 0
        finally:
            self._last = max(self._last, self.position)
        if chunk.rows is None:
            self.heartbeat(chunk.partition, chunk.watermark_ms, idle=chunk.idle)
            return 0
        return self.absorb(chunk.rows, chunk.watermark_ms)

    @property
    def through_ms(self) -> int:
        """Panes that end by this are closed."""
        return self.closed_through_ms

    def heartbeat(self, partition: int, watermark_ms: int | None, *, idle: bool) -> None:
        """Take the watermark of a source partition, told after all rows it covers."""
        if 0 <= self.position <= self._through:
            # Read again after a restart: the stored watermark covers it. An idle mark of then,
            # taken a second time, would close panes of now before their rows are read again.
            if (watermark_ms or 0) <= self.watermark.of.get(partition, 0):
                return
            self._through = -1  # news, at an offset that was seen: the topic was made anew
        self.watermark.advance(partition, watermark_ms, idle=idle)

    def absorb(self, rows: Rows, watermark_ms: int | None) -> int:
        """Take rows of one source partition; return the pane end they wait for, 0 for none.

        Args:
            rows: of one model version and one source partition, in the order of its log.
            watermark_ms: of that source partition *before* these rows.
        """
        if not len(rows):
            return 0
        source = int(rows.partition[0])
        self.heartbeat(source, watermark_ms, idle=False)
        name = model_version(rows.model, rows.version)
        seen, high = self._seen.of(source, name), self._high.of(source, name)
        # Of a name forgotten here, what came twice into a pane is told by the events' ids.
        fresh = rows.offset > (-1 if seen is None else seen)
        if high is None:
            high = self._high.floor(source)
        last = int(rows.offset[-1])
        self._seen.raise_to(source, name, last)
        ends = rows.ts_ms - rows.ts_ms % self._pane_ms + self._pane_ms
        if self._lost:
            # These are not acknowledged because their last pane was open: it is whole.
            self.closed_through_ms = max(self.closed_through_ms, int(ends.max()) - self._pane_ms)
            self._lost = False
        closed = ends <= self.closed_through_ms
        if closed.any():
            # A row for a closed pane is a replay, unless its source never told of it before: then
            # the pane was closed by idleness, and the row came too late for it.
            late = int(np.count_nonzero(closed & (rows.offset > high)))
            self.counts["late_idle"] += late
            self.counts["replayed"] += int(np.count_nonzero(closed)) - late
        self.counts["doubled"] += int(np.count_nonzero(~fresh & ~closed))
        self._high.raise_to(source, name, last)
        keep = np.flatnonzero(fresh & ~closed)
        if not len(keep):
            return 0
        return self._open.hold(rows if len(keep) == len(rows) else rows.take(keep))

    # -- panes close --------------------------------------------------------------------------

    def advance(self) -> Iterator[Output]:
        """Close every pane that the watermark has passed, and tell."""
        now = self.watermark.now_ms()
        if now is None:
            return
        through = now - now % self._pane_ms
        if through <= self.closed_through_ms:
            return
        for end, groups in self._open.close(through):
            for _, parts in groupby(groups, key=lambda rows: (rows.model, rows.version)):
                yield from self._judge(end, list(parts))
        self.closed_through_ms = through
        marker = MARKER.encode(Marker(marker=self.number, closed_through_ms=through))
        for partition in range(self._judging.settings.kafka.verdict_partitions):
            yield Output("verdicts", b"marker %d" % self.number, marker, partition)

    def _judge(self, end: int, parts: Sequence[Rows]) -> Iterator[Output]:
        """Judge the rows of a model version: those that came shaped, those that came raw."""
        start = end - self._pane_ms
        model, version = parts[0].model, parts[0].version
        profile = self._judging.in_effect(model, version, start)
        if profile is None:
            for rows in parts:
                if rows.raw is None:
                    self.counts["unjudged"] += len(rows)  # its reference was taken away
                elif self._judging.knows(model, version):
                    self.counts["before_reference"] += len(rows)
                else:
                    yield from self._learn(end, self._once(rows))
            return
        if any(rows.raw is not None for rows in parts):
            self._learners.forget(model_version(model, version))
        rows = concat(
            [
                part if part.raw is None else self._judging.rows_from_raw(part, profile)
                for part in parts
            ]
        )
        ordered = self._once(rows)
        prepared = self._judging.prepare(profile, ordered)
        for shard in self._judging.shards(profile, self.number):
            index = rows_of(shard, profile, self._judging.settings.models, ordered.segment)
            if index is not None and not len(index):
                continue
            state = self._state(shard, profile)
            if state is None:
                self.counts["over_max_series"] += len(ordered) if index is None else len(index)
                continue
            if end <= state.closed_through_ms:
                continue  # a checkpoint cut in two: this series was stored, the partition was not
            verdict = state.step(start, ordered, prepared, index)
            self._dirty.add(shard.key)
            yield Output(
                "verdicts",
                shard.key.encode(),
                VERDICT.encode(verdict),
                verdict_partition(rows.model, self._judging.settings.kafka.verdict_partitions),
                pane_end_ms=end,
                correlation_id=ordered.correlation_id[-1 if index is None else int(index[-1])],
            )

    def _once(self, rows: Rows) -> Rows:
        """Sort the rows of a pane, each event once."""
        ordered = first_of_each(in_order(rows))
        self.counts["doubled"] += len(rows) - len(ordered)
        return ordered

    def _state(self, shard: Shard, profile: ReferenceProfile) -> SeriesState | None:
        state = self.series.get(shard.key)
        if state is not None and state.reference_id == profile.reference_id:
            return state
        if state is None and shard.key not in self._stored:
            # Those stored and not yet needed count: a restart must not let others in.
            known = len(self.series) + len(self._stored)
            if known >= self._judging.settings.stream.max_series:
                return None
        since = 0 if state is None else state.closed_through_ms
        state = self._judging.fresh(shard, profile)
        stored = self._stored.pop(shard.key, None)
        if stored is not None:
            try:
                state.restore(stored)
            except StateError as exc:
                # Of another configuration or reference, or damaged: it starts afresh, and says so.
                self._discard(str(exc))
                state = self._judging.fresh(shard, profile)
        state.closed_through_ms = max(state.closed_through_ms, since)
        self.series[shard.key] = state
        return state

    def _learn(self, end: int, rows: Rows) -> Iterator[Output]:
        room = self._judging.settings.stream.max_series - len(self.series) - len(self._stored)
        learner = self._learners.take(rows, end, room, self.counts)
        if learner is None:
            return
        name = model_version(rows.model, rows.version)
        try:
            profile = self._judging.learn(learner, effective_from_ms=end)
        except ProfileError as exc:
            self.counts["not_learnable"] += len(learner.raw)
            self.news.append(f"no reference can be learned of {name}: {exc}")
            self._learners.forget(name)
            return
        self._judging.add(profile)
        self._learners.forget(name)
        key = f"{name}@{profile.reference_id}".encode()
        yield Output("references", key, REFERENCE.encode(profile))

    # -- state --------------------------------------------------------------------------------

    @property
    def learners(self) -> Mapping[str, Learner]:
        """Model versions that have no reference yet, by name."""
        return self._learners.held

    @property
    def open_rows(self) -> int:
        """Rows held for panes that are still open."""
        return self._open.rows

    def snapshot(self) -> dict[bytes, bytes | None]:
        """Return what changed since the last call, by key; none deletes. The record comes last."""
        found: dict[bytes, bytes | None] = dict.fromkeys(sorted(self._gone))
        for name in sorted(self._dirty):
            if name in self.series:
                found[name.encode()] = self.series[name].dump()
        self._dirty.clear()
        self._gone.clear()
        for (name, number), part in self._learners.snapshot().items():
            found[_part_key(name, number)] = part
        found[self.record_key] = PartitionRecord(
            closed_through_ms=self.closed_through_ms,
            watermarks=dict(self.watermark.of),
            idle=sorted(self.watermark.idle),
            high=self._high.dump(),
            position=self.position,
            through=self._last,
        ).encode()
        return found

    @property
    def record_key(self) -> bytes:
        """Key of the partition's own record."""
        return RECORD_KEY + b" %d" % self.number

    def restore(self, records: Mapping[bytes, bytes]) -> None:
        """Go on from what `snapshot` gave, all keys of this partition.

        What cannot be read is counted and told in ``news``, and starts afresh: a series when it is
        needed; of a damaged record of the partition itself the watermarks come again with the next
        heartbeats, and reading goes on from the commit. What is closed the series know; where there
        is none that does, the first rows read again tell.
        """
        damaged = False
        parts: dict[str, dict[int, bytes]] = {}
        for key, value in records.items():
            try:
                if key == self.record_key:
                    self._restore_record(value)
                elif key.startswith(_LEARN_KEY):
                    name, _, number = key.removeprefix(_LEARN_KEY).decode().rpartition("#")
                    parts.setdefault(name, {})[int(number)] = value
                elif key.startswith(RECORD_KEY):
                    raise StateError("it belongs to another partition")
                else:
                    self._stored[key.decode()] = value
            except (StateError, ValueError) as exc:
                self._gone.add(key)
                self._discard(f"the record {key[:80]!r}: {exc}")
                damaged |= key == self.record_key
        for why in self._learners.restore(parts):
            self._discard(why)
        if damaged:
            self._find_closed()

    def _find_closed(self) -> None:
        """Know again what is closed: a pane of which only some rows are read again must stay so.

        Exact where a series or rows being learned can be read. With all of a partition's state gone
        (a downgrade) and a commit that lags, the last panes told before may be told once more, by
        windows that begin.
        """
        known = [one.closed_through_ms for one in self._learners.held.values()]
        for stored in self._stored.values():
            with suppress(StateError):
                known.append(stored_through_ms(stored))
        self.closed_through_ms = max(known, default=0)
        self._lost = not known

    def _restore_record(self, value: bytes) -> None:
        record = PartitionRecord.decode(value)
        self._high = Offsets.load(record.high)
        self.closed_through_ms = record.closed_through_ms
        self.watermark.of = dict(record.watermarks)
        self.watermark.idle = set(record.idle)
        self.position = record.position
        self._last = self._through = record.through

    def _discard(self, why: str) -> None:
        self.counts["state_discarded"] += 1
        self.news.append(f"stored state was discarded, and begins afresh: {why}")


def _part_key(name: str, number: int) -> bytes:
    return _LEARN_KEY + f"{name}#{number:06d}".encode()
