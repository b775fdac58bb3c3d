"""What is sent, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from driftlog.records import Event, Label
from producers.journal import Journal

__all__ = ["LabelOut", "Outgoing", "Sink", "Tally"]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event on its way; ``position`` is its place in the replay, over all its passes."""

    position: int
    event: Event


@dataclass(frozen=True, slots=True)
class LabelOut:
    """A label on its way; its event has the same position."""

    position: int
    label: Label


@dataclass(slots=True)
class Tally:
    """Counts of a replay; told by the sink, row by row. Rows are also noted in the journal."""

    journal: Journal = field(default_factory=Journal)
    sent: int = 0
    labels_sent: int = 0
    held_back: int = 0  # by an injected outage
    failed: Counter[str] = field(default_factory=Counter)  # by the error's name
    labels_failed: Counter[str] = field(default_factory=Counter)
    details: dict[str, str] = field(default_factory=dict)  # the first message of each name
    failing: int = 0  # events that failed since the last one that did not
    last_ms: int = -1  # latest event time that was sent

    def acknowledged(self, items: Sequence[Outgoing]) -> None:
        """These events have arrived."""
        self.sent += len(items)
        self.failing = 0
        for item in items:
            self.journal.events.finish(item.position)
            self.last_ms = max(self.last_ms, item.event.ts_ms)

    def lost(self, items: Sequence[Outgoing], name: str, detail: str, again: bool = True) -> None:
        """These events have not arrived; ``again``: a resumed replay is to send them once more."""
        self.failed[name] += len(items)
        self.failing += len(items)
        self.details.setdefault(name, detail)
        if not again:
            for item in items:
                self.journal.events.finish(item.position)

    def labels_acknowledged(self, items: Sequence[LabelOut]) -> None:
        """These labels have arrived."""
        self.labels_sent += len(items)
        for item in items:
            self.journal.labels.finish(item.position)

    def labels_lost(self, items: Sequence[LabelOut], name: str, detail: str) -> None:
        """These labels have not arrived."""
        self.labels_failed[name] += len(items)
        self.details.setdefault(name, detail)


class Sink(Protocol):
    """Where a replay goes. ``send`` returns when there is room for more, not on arrival."""

    async def open(self) -> None:
        """Connect.

        Raises:
            BrokerError: nobody is there, or the topic is missing.
        """

    async def send(self, items: Sequence[Outgoing], tally: Tally) -> None:
        """Send events, and tell the tally of each in the end."""

    async def send_labels(self, items: Sequence[LabelOut], tally: Tally) -> None:
        """Send labels, and tell the tally of each in the end."""

    async def close_panes(self, ts_ms: int) -> None:
        """Say that nothing before this event time will come.

        Raises:
            InputError: this sink cannot.
        """

    async def flush(self) -> None:
        """Wait until all that was sent has arrived or failed."""

    async def close(self) -> None:
        """Disconnect. What is still under way is given up. Idempotent."""
