"""A file as live traffic: rows leave when they are due, and what became of each is known."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from driftlog.errors import BrokerError
from driftlog.files import FileRow
from driftlog.records import Label
from producers.outgoing import LabelOut, Outgoing, Sink, Tally
from producers.pacing import Pacing
from producers.progress import Display
from producers.scenario import Injection, Injector

__all__ = ["Replay"]

_GROUP = 1000  # rows handed to the sink at once, at most
_TOUCH = 0.5  # seconds between looks at the journal and the display
_GIVE_UP = 2000  # events that fail one after another, before it makes no sense to go on
_SHORTEST_WAIT_MS = 5.0  # rows due within it leave together, which is what makes high rates cheap
_LAST_WAIT = 10.0  # seconds for what is under way when somebody ends the replay


@dataclass(frozen=True, slots=True)
class _Due:
    """What leaves at a moment (wall clock, ms): an event, a label, or an outage's gap."""

    at_ms: float
    event: Outgoing | None = None
    label: LabelOut | None = None
    held_back: int | None = None  # position of a row that is not sent


@dataclass(slots=True, kw_only=True)
class Replay:
    """One replay of a file.

    Attributes:
        rows: gives the file's rows from the start, each time it is called.
        sink: where they go.
        pacing: when.
        injector: what is done to them on the way.
        limit: rows of a pass, at most.
        loop: begin anew at the end, until ``stop`` is set.
        labels: send the rows' labels as well.
        label_delay_ms: how long after its event a label is known.
        tally: counts, and the journal by which a replay is resumed.
        display: shows progress.
        stop: set it to end the replay; what is under way is still awaited, for ten seconds.
        clock: wall clock, seconds since 1970.
        truth: what was injected, pass by pass; complete when ``run`` has returned.
        first_ms: event time of the first event sent, None before it.
    """

    rows: Callable[[], Iterable[FileRow]]
    sink: Sink
    pacing: Pacing = field(default_factory=Pacing)
    injector: Injector | None = None
    limit: int | None = None
    loop: bool = False
    labels: bool = False
    label_delay_ms: int = 0
    tally: Tally = field(default_factory=Tally)
    display: Display | None = None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    clock: Callable[[], float] = time.time
    truth: list[Injection] = field(default_factory=list)
    first_ms: int | None = None
    _lag_ms: float = 0.0
    _pass: int = 0
    _later: deque[tuple[float, LabelOut]] = field(default_factory=deque)  # (when, label)

    async def run(self, close_to: Callable[[int], int] | None = None) -> Tally:
        """Send all rows.

        Args:
            close_to: gives, for the last event time, the end of its pane: a tick with that time
                then closes the panes. None: the last panes stay open.

        Raises:
            BrokerError: nobody is there, or the last 2,000 events all failed.
        """
        if not await self._opened():
            return self.tally
        watching = asyncio.create_task(self._watch())
        try:
            await self._send_all()
            await self._rest_of_labels()
            await self._flush()
            if close_to is not None and not self.stop.is_set() and self.tally.last_ms >= 0:
                await self.sink.close_panes(close_to(self.tally.last_ms))
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await self.sink.close()
            self._end_pass()
            self.tally.journal.write()
        self._check()
        return self.tally

    async def _opened(self) -> bool:
        """Open the sink; False: asked to end before the broker or the topic was found."""
        opening = asyncio.create_task(self.sink.open())
        asked = asyncio.create_task(self.stop.wait())
        try:
            await asyncio.wait({opening, asked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
            opening.cancel()  # of one that is done, it changes nothing
            await asyncio.gather(opening, return_exceptions=True)
        if opening.cancelled():
            return False
        opening.result()
        return True

    async def _send_all(self) -> None:
        group: list[_Due] = []
        for due in self._schedule():
            if group and (due.at_ms > self._now_ms() or len(group) >= _GROUP):
                await self._leave(group)
                group = []
            await self._until(due.at_ms)
            if self.stop.is_set():
                return  # rows not yet handed over were not begun: a resumed replay sends them
            self._lag_ms = max(0.0, self._now_ms() - due.at_ms)
            group.append(due)
        if group:
            await self._leave(group)

    async def _leave(self, group: list[_Due]) -> None:
        journal = self.tally.journal
        events = [due.event for due in group if due.event is not None]
        for item in events:
            journal.events.begin(item.position)
        for due in group:
            if due.held_back is not None:
                self.tally.held_back += 1
                journal.events.begin(due.held_back)
                journal.events.finish(due.held_back)
            if due.label is not None:
                journal.labels.begin(due.label.position)
                self._later.append((due.at_ms + self._label_wait_ms(), due.label))
        if events:
            if self.first_ms is None:
                self.first_ms = events[0].event.ts_ms
            await self.sink.send(events, self.tally)
        await self._due_labels()
        self._check()
        await asyncio.sleep(0)  # acknowledgements and Ctrl-C get their turn at any speed

    def _schedule(self) -> Iterator[_Due]:
        """Yield what is still to be sent, in order, with the moment at which it is due."""
        start_ms = self._now_ms()
        journal, index, first_file_ms = self.tally.journal, 0, None
        begun = journal.events.begun  # by an earlier run
        for position, place, pass_number, row in self._passes():
            wants_event = journal.events.wanted(position)
            wants_label = self.labels and row.label is not None and journal.labels.wanted(position)
            if not wants_event and not wants_label:
                continue
            file_ms = row.event.ts_ms
            if wants_event and position >= begun:
                first_file_ms = file_ms if first_file_ms is None else first_file_ms
                due_ms = self.pacing.due_ms(index, file_ms - first_file_ms)
                index += 1
            else:
                due_ms = None  # what an earlier run left behind is not waited for
            now_ms = self._now_ms()
            ts_ms = self.pacing.ts_ms(file_ms, due_ms, start_ms, now_ms)
            at_ms = now_ms if due_ms is None else start_ms + due_ms
            sent = self._injected(place, pass_number, row, ts_ms)
            if sent is None:
                yield _Due(at_ms, held_back=position if wants_event else None)
                continue
            yield _Due(
                at_ms,
                event=Outgoing(position, sent.event) if wants_event else None,
                label=self._label(position, sent) if wants_label else None,
            )

    def _passes(self) -> Iterator[tuple[int, int, int, FileRow]]:
        """Yield position over all passes, place in the pass, its number, and the row.

        The rows of a later pass are later by the span of the earlier ones.
        """
        position, pass_number, offset_ms = 0, 0, 0
        while True:
            first_ms = last_ms = None
            place = 0
            for place, row in enumerate(islice(self.rows(), self.limit), 1):
                first_ms = row.event.ts_ms if first_ms is None else first_ms
                last_ms = row.event.ts_ms
                yield position, place - 1, pass_number, _at(row, last_ms + offset_ms)
                position += 1
            if not self.loop or first_ms is None or last_ms is None:
                return
            span_ms = last_ms - first_ms
            # One typical gap lies between the passes.
            offset_ms += span_ms + max(1, span_ms // max(1, place - 1))
            self._end_pass()
            pass_number = self._pass = pass_number + 1

    def _injected(self, place: int, pass_number: int, row: FileRow, ts_ms: int) -> FileRow | None:
        sent = _at(row, ts_ms)
        if pass_number:  # each pass is traffic of its own, so its ids are too
            event = msgspec.structs.replace(
                sent.event,
                event_id=f"{sent.event.event_id}-{pass_number}",
                correlation_id=f"{sent.event.correlation_id}-{pass_number}",
            )
            sent = FileRow(row.number, event, row.label)
        return sent if self.injector is None else self.injector.change(place, sent)

    def _end_pass(self) -> None:
        if self.injector is not None:
            self.truth += [
                msgspec.structs.replace(one, pass_number=self._pass)
                for one in self.injector.truth()
            ]
            self.injector.forget()

    def _label(self, position: int, row: FileRow) -> LabelOut:
        event = row.event
        return LabelOut(
            position,
            Label(
                event_id=event.event_id,
                correlation_id=event.correlation_id,
                label=row.label,
                ts_ms=event.ts_ms + self.label_delay_ms,
                model=event.model,
                version=event.version,
                segment=event.segment,
                prediction=event.outputs.prediction if event.outputs is not None else None,
                prediction_ts_ms=event.ts_ms,
            ),
        )

    def _label_wait_ms(self) -> int:
        """How long a label is held: one of the past may follow at once, one of now may not."""
        past = self.pacing.keep_time and self.pacing.speed is None and self.pacing.rate is None
        return 0 if past else self.label_delay_ms

    async def _due_labels(self) -> None:
        now_ms = self._now_ms()
        due: list[LabelOut] = []
        while self._later and self._later[0][0] <= now_ms and len(due) < _GROUP:
            due.append(self._later.popleft()[1])
        if due:
            await self.sink.send_labels(due, self.tally)

    async def _rest_of_labels(self) -> None:
        while self._later and not self.stop.is_set():
            await self._until(self._later[0][0])
            if not self.stop.is_set():
                await self._due_labels()
        if self._later:
            self.tally.labels_lost(
                [item for _, item in self._later], "not due", "the replay was ended before"
            )

    async def _until(self, due_ms: float) -> None:
        """Wait until a moment, sending labels that come due before it; ``stop`` ends it."""
        while not self.stop.is_set() and (rest := due_ms - self._now_ms()) > 0:
            if self._later:
                rest = min(rest, self._later[0][0] - self._now_ms())
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), max(rest, _SHORTEST_WAIT_MS) / 1000)
            if not self.stop.is_set():
                await self._due_labels()

    async def _flush(self) -> None:
        if not self.stop.is_set():
            flushing = asyncio.create_task(self.sink.flush())
            stopping = asyncio.create_task(self.stop.wait())
            await asyncio.wait({flushing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if flushing.done():
                flushing.result()
                return
            flushing.cancel()
        try:
            await asyncio.wait_for(self.sink.flush(), _LAST_WAIT)
        except TimeoutError:
            self.tally.details.setdefault("unfinished", "not answered within ten seconds")

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_TOUCH)
            self.tally.journal.write()
            if self.display is not None:
                self.display.show(self.tally, self._lag_ms)

    def _check(self) -> None:
        if self.tally.failing >= _GIVE_UP:
            name = self.tally.failed.most_common(1)[0][0]
            raise BrokerError(
                f"the last {self.tally.failing:,} events all failed, mostly with {name}: "
                f"{self.tally.details.get(name, '')}"
            )

    def _now_ms(self) -> float:
        return self.clock() * 1000


def _at(row: FileRow, ts_ms: int) -> FileRow:
    """Return the row at an event time."""
    if ts_ms == row.event.ts_ms:
        return row
    return FileRow(row.number, msgspec.structs.replace(row.event, ts_ms=ts_ms), row.label)
