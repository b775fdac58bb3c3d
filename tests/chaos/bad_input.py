"""Broken and hostile events cost themselves alone: their neighbours are judged as without them."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
from prometheus_client.openmetrics import parser as openmetrics

from driftlog.decode import Rejection, decode_event
from driftlog.records import ALERT, Event, Reason, ReferenceProfile
from driftlog.settings import ModelSettings, Settings
from driftlog.testing.cluster import Broker
from driftlog.testing.embedded import EmbeddedBroker
from driftlog.testing.events import EventFactory
from stream import columns
from stream.book import ReferenceBook
from stream.compiled import Compiled, ModelVersion
from stream.decode import Decoder
from stream.profile import profile_of_events
from tests.chaos.fleet import PATIENCE
from tests.chaos.kafka import kafka
from tests.chaos.mutations import VICTIM, Mutated, Mutations
from tests.chaos.row import Report, Row
from tests.chaos.usage import usage
from tests.e2e.deployment import Deployment, deployed
from tests.e2e.event_log import EventLog, writing
from tests.e2e.synthetic import NAMES, PARTITIONS, START_MS, references
from tests.e2e.waiting import eventually
from tests.e2e.worker_process import WorkerProcess
from tests.stream.event_log import LogEntry, batches
from tests.stream.memory_worker import Cluster, answers

__all__ = ["ROW"]

_SEED: Final = 11
_MAX_BYTES: Final = 20_000
_HOURS_MS: Final = 6 * 3_600_000  # a run takes less
_BAD_A_NEIGHBOUR: Final = 3  # mutated events for each valid one
_PANES: Final = (17, 111)  # seconds of event time in the short form and in the long one
_LEARNING: Final = 3  # versions at once on a partition
_LINES: Final = 120  # of the worker's log
_MOST_GROWTH: Final = 200  # MB


@dataclass(frozen=True, slots=True)
class _Entry:
    """A record of the log: a neighbour, or one that was mutated."""

    partition: int
    offset: int
    value: bytes | None
    mutated: Mutated | None


class _Log:
    """Valid events of three model versions, and between them what is to be endured."""

    def __init__(self, bad: int, panes: int, ahead_ms: int) -> None:
        self.entries: list[_Entry] = []
        made = Mutations(_SEED, bad, _MAX_BYTES, ahead_ms)
        neighbours = [EventFactory(*name, seed=_SEED) for name in NAMES]
        count = bad // _BAD_A_NEIGHBOUR
        offsets = dict.fromkeys(range(PARTITIONS), 0)
        for number in range(count):
            ts_ms = START_MS + number * panes * 1000 // count
            event = neighbours[number % len(NAMES)].event(ts_ms=ts_ms)
            if number > count // 2 and number % len(NAMES) == 1:
                event["inputs"]["distance"] += 400.0
            values: list[tuple[bytes | None, Mutated | None]] = [(orjson.dumps(event), None)]
            for _ in range(_BAD_A_NEIGHBOUR):
                mutated = made.one(ts_ms)
                values.append((mutated.value, mutated))
            partition = number * 7 % PARTITIONS
            for value, what in values:
                self.entries.append(_Entry(partition, offsets[partition], value, what))
                offsets[partition] += 1
        last = START_MS + (count - 1) * panes * 1000 // count
        self.end_ms = last - last % 1000 + 1000

    def rejected(self) -> dict[tuple[int, int], tuple[str, bytes | None]]:
        """Return reason and bytes of all that is no event, by its place; by the contract."""
        found = {}
        for one in self.entries:
            if (reason := _reason(one)) is not None:
                found[one.partition, one.offset] = (reason.value, one.value)
        return found

    def valid(self, *, neighbours_alone: bool = False) -> list[_Entry]:
        """Return the records that are events, at their places."""
        return [
            one
            for one in self.entries
            if one.mutated is None or not (neighbours_alone or _reason(one) is not None)
        ]


def _reason(one: _Entry) -> Reason | None:
    if one.mutated is not None and one.mutated.reason is Reason.FUTURE:
        return Reason.FUTURE  # by the broker's clock
    found = decode_event(one.value, max_bytes=_MAX_BYTES)
    return found.reason if isinstance(found, Rejection) else None


async def _run(report: Report, *, short: bool) -> None:
    bad = 3_000 if short else 200_000
    ahead_ms = 0 if short else int(time.time() * 1000) + _HOURS_MS
    log = _Log(bad, _PANES[0] if short else _PANES[1], ahead_ms)
    kinds = Counter(one.mutated.how for one in log.entries if one.mutated is not None)
    report.figure("mutated events", f"{kinds.total():,} of {len(kinds)} kinds")
    profiles = [*references(), _victims_reference()]
    with _broker(short) as broker, tempfile.TemporaryDirectory() as temporary:
        async with deployed(
            broker,
            Path(temporary),
            profiles,
            STREAM_MAX_EVENT_BYTES=str(_MAX_BYTES),
            STREAM_IDLE_AFTER="10m",
            MODELS_MAX_LEARNING=str(_LEARNING),
        ) as deployment:
            _judge_decoding(report, log, deployment.settings, profiles)
            worker = await _endured(report, deployment, log)
            await _judge_letters(report, deployment, log)
            _judge_answers(report, deployment, log, profiles)
            await _judge_metrics(report, worker, log)


@contextmanager
def _broker(short: bool) -> Iterator[Broker]:
    if short:
        with EmbeddedBroker() as embedded:
            yield embedded
    else:
        with kafka() as real:
            yield real


def _victims_reference() -> ReferenceProfile:
    factory = EventFactory(*VICTIM, seed=77, step_ms=33)
    raws = [factory.json() for _ in range(4_000)]
    events = [event for raw in raws if isinstance(event := decode_event(raw), Event)]
    return profile_of_events(
        events, model=VICTIM[0], version=VICTIM[1], origin="file", models=ModelSettings()
    )


# -- in this process ------------------------------------------------------------------------------


class _General(Decoder):
    """A decoder that knows no fast path."""

    def remember(self, name: ModelVersion, compiled: Compiled | None) -> None:
        """Expect nothing of the next rows."""


def _judge_decoding(
    report: Report, log: _Log, settings: Settings, profiles: Sequence[ReferenceProfile]
) -> None:
    """Both ways of decoding say the same of every record, and what the contract says."""
    book = ReferenceBook(profiles)
    fast, general = Decoder(settings, book.in_effect), _General(settings, book.in_effect)
    entries = [LogEntry(one.partition, one.offset, one.value) for one in log.entries]
    differ, took = 0, 0
    letters: dict[tuple[int, int], tuple[str, bytes | None]] = {}
    for batch in batches(entries, 500):
        one, other = fast.decode_batch(batch), general.decode_batch(batch)
        took += len(batch) - one.general
        differ += one.dead != other.dead or _bytes_of(one.rows) != _bytes_of(other.rows)
        letters |= {(x.partition, x.offset): (x.reason.value, x.raw) for x in one.dead}
    future = Reason.FUTURE.value  # that needs a broker's clock
    wanted = {at: found for at, found in log.rejected().items() if found[0] != future}
    report.figure("of them and their neighbours, by the fast path", f"{took:,}")
    report.hold(differ == 0, "the fast path and the general one say the same of every record")
    report.hold(letters == wanted, "dead letters in process are those of the contract")
    expected = {
        (one.partition, one.offset): one.mutated.reason.value
        for one in log.entries
        if one.mutated is not None and one.mutated.reason not in (None, Reason.FUTURE)
    }
    right = all(wanted.get(at, ("taken", b""))[0] == reason for at, reason in expected.items())
    report.hold(right, "what was made to be no event is rejected for the reason it was made for")


def _bytes_of(rows: Sequence[Any]) -> list[bytes]:
    return [
        columns.encode(part, None, one.rows.model + one.rows.version, one.reference_id)
        for one in rows
        for part in columns.chunks(one.rows)
    ]


def _told_by_folds(
    entries: Sequence[_Entry], settings: Settings, profiles: Sequence[ReferenceProfile]
) -> Cluster:
    kafka_settings = settings.kafka
    cluster = Cluster(
        settings,
        ReferenceBook(profiles),
        kafka_settings.event_partitions,
        kafka_settings.column_partitions,
    )
    for some in batches([LogEntry(x.partition, x.offset, x.value) for x in entries], 2_000):
        for partition in sorted({entry.partition for entry in some}):
            cluster.ingest(partition, [entry for entry in some if entry.partition == partition])
    cluster.close()
    cluster.read_all()
    return cluster


# -- through a worker -----------------------------------------------------------------------------


async def _endured(report: Report, deployment: Deployment, log: _Log) -> WorkerProcess:
    """Let a worker read the log; memory is looked at after a tenth, a half and all of it."""
    # As in production: at info level a busy machine has a line a second to tell.
    worker = await deployment.start("--log-level", "warning", within=PATIENCE)
    cuts = [0, len(log.entries) // 10, len(log.entries) // 2, len(log.entries)]
    seen = []
    async with writing(deployment.settings) as events:
        for begin, end in pairwise(cuts):
            await _write(events, log.entries[begin:end])
            await _read(deployment, worker, end)
            seen.append(usage(worker.pid).rss_mb)
        await events.close(log.end_ms)
    await deployment.told.until(
        lambda: deployment.told.closed_through_ms >= log.end_ms, "all panes closed", 2 * PATIENCE
    )
    await deployment.closed(log.end_ms, PATIENCE)
    report.hold(worker.alive, "the worker went on")
    told = ", ".join(f"{one:.0f}" for one in seen)
    report.figure("memory of the worker after a tenth, half and all (MB)", told)
    report.hold(seen[-1] - seen[0] < _MOST_GROWTH, f"memory grew less than {_MOST_GROWTH} MB")
    return worker


async def _write(events: EventLog, entries: Sequence[_Entry]) -> None:
    await events.write((one.partition, one.value) for one in entries)


async def _read(deployment: Deployment, worker: WorkerProcess, count: int) -> None:
    async def all_read() -> bool:
        assert worker.alive, f"the worker has ended:\n{worker.log[-3000:]}"
        await deployment.told.until(lambda: True, "nothing")
        return (await worker.gauges()).total("driftlog_events_total") >= count

    await eventually(all_read, f"{count:,} events read", 6 * PATIENCE)


async def _judge_letters(report: Report, deployment: Deployment, log: _Log) -> None:
    wanted, told = log.rejected(), deployment.told
    await told.until(lambda: len(told.dead) >= len(wanted), "a letter for each", 2 * PATIENCE)
    found = {}
    for letter in told.dead:
        headers = {name: value.decode() for name, value in letter.headers}
        place = (int(headers["partition"]), int(headers["offset"]))
        found[place] = (headers["reason"], letter.value)
    reasons = Counter(reason for reason, _ in wanted.values())
    report.figure("dead letters", f"{len(told.dead):,} of {len(reasons)} reasons")
    report.hold(
        len(told.dead) == len(found) and found == wanted,
        "each rejected event is one dead letter, with its reason, place and bytes",
    )


def _judge_answers(
    report: Report, deployment: Deployment, log: _Log, profiles: Sequence[ReferenceProfile]
) -> None:
    settings, told = deployment.settings, deployment.told
    valid = _told_by_folds(log.valid(), settings, profiles)
    alone = _told_by_folds(log.valid(neighbours_alone=True), settings, profiles)
    verdicts, neighbours = answers(valid.verdicts), answers(alone.verdicts)
    report.figure("verdicts compared", f"{len(verdicts):,}, {len(neighbours):,} of neighbours")
    report.hold(
        told.verdicts == verdicts, "verdicts are, byte for byte, those of the valid events alone"
    )
    report.hold(
        {name: told.verdicts.get(name) for name in neighbours} == neighbours,
        "verdicts of the neighbours are those of a log of the neighbours alone",
    )
    models = {model for model, _ in NAMES}
    wanted = sorted(ALERT.encode(one) for one in alone.alerts())
    found = sorted(raw for raw in told.alerts.values() if ALERT.decode(raw).model in models)
    report.figure("alerts of neighbours", len(wanted))
    report.hold(bool(wanted) and found == wanted, "and so are their alerts")


async def _judge_metrics(report: Report, worker: WorkerProcess, log: _Log) -> None:
    gauges = await worker.gauges()
    rejected = Counter(reason for reason, _ in log.rejected().values())
    counted = {
        reason: int(gauges.one("driftlog_dead_letters_total", reason=reason) or 0)
        for reason in rejected
    }
    report.hold(counted == rejected, "each reason is counted")
    report.hold(gauges.total("driftlog_lost_total") == 0, "nothing lost")
    left = sum(
        gauges.total("driftlog_unjudged_rows_total", why=why)
        for why in ("over_max_learning", "learning_let_go")
    )
    report.figure("events of made-up versions left out of learning", f"{left:,.0f}")
    report.hold(left > 0, "events of made-up versions beyond those that learn are counted")
    async with httpx.AsyncClient() as client:
        accept = {"accept": "application/openmetrics-text; version=1.0.0"}
        text = (await client.get(f"{worker.url}/metrics", headers=accept, timeout=60)).text
    parse: Any = openmetrics.text_string_to_metric_families
    samples = sum(len(family.samples) for family in parse(text))
    report.figure("samples in both formats of /metrics", f"{samples:,}")
    lines = len(worker.log.splitlines())
    report.figure("lines the worker wrote", lines)
    report.hold(lines < _LINES, f"fewer than {_LINES} lines of log")


ROW = Row(
    fault="bad input",
    dose="200,000 events mutated byte by byte and field by field, among 66,666 valid ones: "
    "truncated, huge, deeply nested, keys twice, NaN, 1e400, invalid UTF-8, wrong types, control "
    "characters, 10,000 new inputs and versions, clocks that jump back and ahead",
    holds="no crash; each rejected event one dead letter with reason and bytes; verdicts and "
    "alerts of the valid ones byte for byte as without; memory bounded; metrics parse; no flood of "
    "log lines",
    run=_run,
)
