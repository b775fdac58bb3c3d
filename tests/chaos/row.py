"""A row of the reliability table: a fault, its dose, what must hold, and what a run of it found."""

from __future__ import annotations

import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from rich.console import Console

__all__ = ["Figure", "Report", "Row", "Run"]

Figure = int | float | str


@dataclass(slots=True)
class Report:
    """What a run of a row found; told on the terminal as it happens.

    Args:
        name: of the row.
        console: where progress goes.
    """

    name: str
    console: Console
    figures: dict[str, Figure] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self.began

    def say(self, text: str) -> None:
        """Show what goes on."""
        line = f"{self.name} {self.seconds:6.0f} s  {text}"
        self.console.print(line, markup=False, highlight=False)

    def figure(self, what: str, value: Figure) -> None:
        """Keep a measured figure, in the words of the table, unit included."""
        self.figures[what] = value
        self.say(f"{what}: {value}")

    def hold(self, held: bool, what: str) -> None:
        """Keep whether something that must hold did; a run goes on after one that did not."""
        self.say(f"{'holds' if held else 'DOES NOT HOLD'}: {what}")
        if not held:
            self.failed.append(what)


class Run(Protocol):
    """How a row is run; the short form is the one of ``make test``."""

    def __call__(self, report: Report, *, short: bool) -> Coroutine[Any, Any, None]: ...


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Args:
        fault: what is done to driftlog.
        dose: how much of it, in the long form.
        holds: what must hold, in words.
        run: does it.
    """

    fault: str
    dose: str
    holds: str
    run: Run
