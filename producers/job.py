"""A replay as the command asks for it: everything is checked before the first event leaves."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from driftlog.errors import InputError
from driftlog.files import FileRow, FileSpec, file_digest, file_rows, read_table
from driftlog.files.table import is_lines
from driftlog.settings import Settings
from producers.http_sink import HttpSink
from producers.journal import Journal
from producers.kafka_sink import KafkaSink
from producers.outgoing import Sink, Tally
from producers.pacing import Pacing
from producers.progress import Display
from producers.replay import Replay
from producers.scenario import (
    KINDS,
    Injector,
    Scenario,
    joined,
    load_scenario,
    measure,
    read_truth,
    write_truth,
)

__all__ = ["Ended", "Job"]

_KAFKA = "kafka"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a replay ended.

    Attributes:
        failed: how many events and labels.
        by: the signal that asked for the end; none: the file came to its own.
    """

    failed: int
    by: signal.Signals | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One call of ``driftlog replay``; its options are described there.

    ``say`` takes the summary. ``speed`` None is as fast as it goes.
    """

    file: Path
    spec: FileSpec
    settings: Settings
    say: Callable[[str], None] = print
    target: str = _KAFKA
    topic: str | None = None
    labels_topic: str | None = None
    concurrency: int = 16
    batch: int = 1
    speed: float | None = 1.0
    rate: float | None = None
    limit: int | None = None
    loop: bool = False
    keep_time: bool = False
    close: bool = False
    label_delay: int = 0  # milliseconds
    scenario: str = "none"
    seed: int | None = None
    truth: Path | None = None
    resume: Path | None = None
    quiet: bool = False

    async def run(self) -> Ended:
        """Replay the file; SIGINT and SIGTERM end it cleanly.

        Raises:
            InputError: an option, the file, a column or the scenario cannot be used.
            BrokerError: nobody is there, or nothing arrives.
        """
        self._check()
        pacing = Pacing(self.speed, self.rate, self.keep_time)
        rows = self._rows()
        injector, total, identity = self._injector(rows)
        of = sha256(repr((*identity, self.limit, self.target, self.topic)).encode()).hexdigest()
        journal = Journal() if self.resume is None else Journal.read(self.resume, of)
        tally = Tally(journal)
        sink = self._sink()
        try:
            with Display(None if self.loop else total, quiet=self.quiet) as display:
                replay = Replay(
                    rows=rows,
                    sink=sink,
                    pacing=pacing,
                    injector=injector,
                    limit=self.limit,
                    loop=self.loop,
                    labels=self.spec.label is not None,
                    label_delay_ms=self.label_delay,
                    tally=tally,
                    display=display,
                )
                with _ended_by_signals(replay.stop) as told:
                    try:
                        await replay.run(self._pane_end if self.close else None)
                    finally:
                        self._write_truth(replay)
        finally:
            await sink.close()
            self.say(display.summary(tally))
        if replay.stop.is_set():
            mend = f"; go on with --resume {self.resume}" if self.resume else ""
            self.say(f"ended by request{mend}")
        return Ended(tally.failed.total() + tally.labels_failed.total(), next(iter(told), None))

    def _check(self) -> None:
        events = self.settings.kafka.events_topic or f"{self.settings.kafka.prefix}events"
        if self.target != _KAFKA and self.close:
            raise InputError("--close writes to the log; use it with --to kafka")
        if self.target != _KAFKA and self.topic:
            raise InputError("--topic is for --to kafka; a service chooses its topic by itself")
        if self.keep_time and self.target == _KAFKA and self.topic in (None, events):
            raise InputError(
                "--keep-time asks for a topic of its own, since two time ranges on one topic make "
                f"each other late: name one other than {events} with --topic"
            )
        if self.keep_time and self.target == _KAFKA and self.spec.label and not self.labels_topic:
            raise InputError(
                "--keep-time with --label asks for a labels topic of its own: --labels-topic"
            )
        if self.truth is not None and not self.truth.absolute().parent.is_dir():
            raise InputError(f"--truth {self.truth}: there is no such folder")

    def _rows(self) -> Callable[[], Iterator[FileRow]]:
        """Return what reads the rows, as often as it is called; a table is parsed only once."""
        if is_lines(self.file):
            return lambda: file_rows(self.file, self.spec)
        table, digest = read_table(self.file), file_digest(self.file)
        return lambda: file_rows(table, self.spec, digest)

    def _injector(
        self, rows: Callable[[], Iterator[FileRow]]
    ) -> tuple[Injector | None, int | None, tuple[object, ...]]:
        """Return injector, number of rows if it is known, and what makes this replay that one."""
        identity: tuple[object, ...] = (file_digest(self.file), self.spec)
        if self.scenario == "none":
            rows()  # an unusable file or column is said before anything connects
            return None, self.limit, identity
        measures = measure(rows(), self.limit)
        scenario = load_scenario(self.scenario, measures)
        self._refuse(scenario)
        seed = next((one for one in (self.seed, scenario.seed) if one is not None), 0)
        injector = Injector(scenario.injections, measures, seed)
        return injector, measures.rows, (*identity, scenario.injections, seed)

    def _refuse(self, scenario: Scenario) -> None:
        kinds = dict.fromkeys(spec.kind for spec in scenario.injections)
        of_answer = [kind for kind in kinds if KINDS[kind].of_answer]
        if self.target != _KAFKA and of_answer:
            raise InputError(
                f"scenario {scenario.name} changes what the service answers "
                f"({', '.join(of_answer)}), and through HTTP the service answers by itself: leave "
                "these out, use the service's own faults, or --to kafka"
            )

    def _sink(self) -> Sink:
        if self.target == _KAFKA:
            return KafkaSink(self.settings.kafka, self.topic, self.labels_topic)
        return HttpSink(
            self.target,
            concurrency=self.concurrency,
            batch=self.batch,
            keep_time=self.keep_time,
        )

    def _pane_end(self, last_ms: int) -> int:
        pane_ms = int(self.settings.stream.pane)
        return (last_ms // pane_ms + 1) * pane_ms

    def _write_truth(self, replay: Replay) -> None:
        if self.truth is None:
            return
        earlier = []
        if self.resume is not None and self.truth.exists():
            earlier = read_truth(self.truth)
        write_truth(self.truth, joined(earlier, replay.truth))


@contextmanager
def _ended_by_signals(stop: asyncio.Event) -> Iterator[list[signal.Signals]]:
    """Let Ctrl-C ask for a clean end; a second one ends at once. Yields what has asked."""
    loop = asyncio.get_running_loop()
    ends = (signal.SIGINT, signal.SIGTERM)
    told: list[signal.Signals] = []

    def ask(number: signal.Signals) -> None:
        told.append(number)
        stop.set()
        for end in ends:
            loop.remove_signal_handler(end)

    # Not in a thread of its own, and not on Windows: there Ctrl-C is a plain interrupt.
    with suppress(NotImplementedError, RuntimeError, ValueError):
        for end in ends:
            loop.add_signal_handler(end, ask, end)
    try:
        yield told
    finally:
        with suppress(NotImplementedError, RuntimeError, ValueError):
            for end in ends:
                loop.remove_signal_handler(end)
