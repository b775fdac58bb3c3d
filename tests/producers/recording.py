"""A sink that keeps what it is given, and can be told to fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from producers.outgoing import LabelOut, Outgoing, Tally

__all__ = ["RecordingSink"]


class RecordingSink:
    """Acknowledges at once, save positions for which ``refuses`` says otherwise.

    ``after`` is called with the number of events so far, after each group.
    """

    def __init__(
        self,
        refuses: Callable[[int], bool] = lambda position: False,
        after: Callable[[int], None] = lambda count: None,
    ) -> None:
        self.events: list[Outgoing] = []
        self.labels: list[LabelOut] = []
        self.log: list[str] = []  # events and labels in the order of their leaving
        self.closed_through: int | None = None
        self.is_closed = False
        self._refuses = refuses
        self._after = after

    async def open(self) -> None:
        """Nothing to do."""

    async def send(self, items: Sequence[Outgoing], tally: Tally) -> None:
        """Keep the events."""
        for item in items:
            if self._refuses(item.position):
                tally.lost([item], "Refused", "by the test")
            else:
                self.events.append(item)
                self.log.append(item.event.event_id)
                tally.acknowledged([item])
        self._after(len(self.events))

    async def send_labels(self, items: Sequence[LabelOut], tally: Tally) -> None:
        """Keep the labels."""
        self.labels += items
        self.log += [f"label of {item.label.event_id}" for item in items]
        tally.labels_acknowledged(items)

    async def close_panes(self, ts_ms: int) -> None:
        """Keep the time."""
        self.closed_through = ts_ms

    async def flush(self) -> None:
        """Nothing is ever under way."""

    async def close(self) -> None:
        """Note it."""
        self.is_closed = True
