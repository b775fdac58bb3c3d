"""Progress on standard error while something long works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from driftlog.terminal import terminal

__all__ = ["rows_progress"]


@contextmanager
def rows_progress(what: str) -> Iterator[Callable[[int], None]]:
    """A count of rows on standard error while they are read; gone when done."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.completed:,.0f} rows"),
        TimeElapsedColumn(),
    )
    console = terminal(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(what, total=None)
        yield lambda rows: bar.advance(task, rows)
