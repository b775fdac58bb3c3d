"""How a replay says how far it is: a bar in a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TextIO

from driftlog.printable import printable
from driftlog.terminal import terminal
from producers.outgoing import Tally

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

__all__ = ["Display"]

_LINE_EVERY = 5.0  # seconds


class Display:
    """Shows events sent, failures, rate and lag, on standard error.

    Args:
        total: rows to send; None: not known, or without end.
        quiet: show nothing.
        to: where; a bar if it is a terminal.
    """

    def __init__(self, total: int | None, *, quiet: bool = False, to: TextIO | None = None) -> None:
        self._to = to or sys.stderr
        self._total = total
        self._quiet = quiet
        self._bar: Bar | None = None
        self._began = self._last = time.monotonic()
        self._before = 0

    def __enter__(self) -> Display:
        if not self._quiet and self._to.isatty():
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("replay"),
                BarColumn(),
                TextColumn("{task.completed:,.0f} events  {task.fields[said]}"),
                TimeRemainingColumn(),
                console=terminal(to=self._to),
            )
            self._bar.add_task("replay", total=self._total, said="")
            self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, tally: Tally, lag_ms: float) -> None:
        """Say how far it is. ``lag_ms``: how late the latest row was sent."""
        now = time.monotonic()
        if self._quiet or (self._bar is None and now - self._last < _LINE_EVERY):
            return
        rate = (tally.sent - self._before) / max(now - self._last, 1e-3)
        self._last, self._before = now, tally.sent
        said = f"{rate:,.0f}/s  lag {lag_ms / 1000:.1f} s"
        if failed := tally.failed.total() + tally.labels_failed.total():
            said += f"  {failed:,} failed"
        if self._bar is not None:
            done = tally.sent + tally.failed.total() + tally.held_back
            self._bar.update(self._bar.task_ids[0], completed=done, said=said)
        else:
            total = f" of {self._total:,}" if self._total is not None else ""
            print(f"replay: {tally.sent:,}{total} events  {said}", file=self._to, flush=True)

    def summary(self, tally: Tally) -> str:
        """Return the last word: what was sent, and what failed, by name."""
        seconds = time.monotonic() - self._began
        rate = tally.sent / max(seconds, 1e-3)
        lines = [f"sent {tally.sent:,} events in {seconds:.1f} s ({rate:,.0f}/s)"]
        if tally.labels_sent:
            lines[0] += f" and {tally.labels_sent:,} labels"
        if tally.held_back:
            lines.append(f"held back {tally.held_back:,} events (injected outage)")
        for what, failed in (("events", tally.failed), ("labels", tally.labels_failed)):
            lines += [
                printable(f"failed {count:,} {what}: {name} ({tally.details.get(name, '')})")
                for name, count in failed.most_common()
            ]
        return "\n".join(lines)
