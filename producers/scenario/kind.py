"""What a kind of drift is: how it is asked for, and how it changes one row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from driftlog.errors import InputError
from driftlog.files import FileRow
from producers.scenario.draw import Draw
from producers.scenario.measures import Measures

__all__ = [
    "Bound",
    "Change",
    "InjectionSpec",
    "Kind",
    "Moment",
    "Option",
    "Place",
    "Stretch",
    "need",
]

Place = int | float | datetime  # a row; a share of all rows; an event time
Stretch = tuple[int, int]  # first row, and first row after


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectionSpec:
    """One injection as it is asked for, checked but not yet fitted to a file."""

    kind: str
    strength: float
    signals: tuple[str, ...] = ()
    start: Place = 0.5
    end: Place = 1.0
    options: Mapping[str, str | float] = field(default_factory=dict)
    name: str = ""

    def text(self, option: str) -> str:
        """Return an option that is a text."""
        return str(self.options[option])

    def number(self, option: str) -> float:
        """Return an option that is a number."""
        return float(self.options[option])


@dataclass(frozen=True, slots=True)
class Moment:
    """Where in its stretch an injection is: the row, how far along (0 to 1), and its chance."""

    position: int
    progress: float
    draw: Draw


# Gives the changed row, the very same row where nothing is done, or None: the row is held back.
Change = Callable[[FileRow, Moment], FileRow | None]


@dataclass(frozen=True, slots=True)
class Bound:
    """An injection fitted to a file."""

    change: Change
    signals: tuple[str, ...]  # that the change is expected to show in; none: in all
    direction: int = 0


@dataclass(frozen=True, slots=True)
class Option:
    """A further key of a kind: its default, and what it may hold."""

    default: str | float
    may_hold: str
    accepts: Callable[[object], bool]


def _one_stretch(spec: InjectionSpec, whole: Stretch) -> tuple[Stretch, ...]:
    return (whole,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of drift.

    ``signals`` is the least and the most number of signals that it takes. ``of_answer`` kinds
    change what the service answers (or whether it does); a replay through HTTP, where the service
    answers by itself, refuses them.
    """

    says: str
    bind: Callable[[InjectionSpec, Measures], Bound]
    strength: Option
    signals: tuple[int, int] = (1, 10_000)
    options: Mapping[str, Option] = field(default_factory=dict)
    stretches: Callable[[InjectionSpec, Stretch], tuple[Stretch, ...]] = _one_stretch
    of_answer: bool = False


def need(measures: Measures, spec: InjectionSpec, numeric: bool | None = None) -> None:
    """Check that the spec's signals are inputs of the file.

    Raises:
        InputError: one is not, or is not numeric where it must be; names it and the mend.
    """
    for signal in spec.signals:
        column = measures.inputs.get(signal)
        if column is None:
            measures.column(signal)  # says what there is; label and prediction are no inputs
            raise InputError(f"{spec.kind} changes inputs, and {signal!r} is none of them")
        if numeric and not (column.numeric and column.present):
            raise InputError(
                f"{spec.kind} needs numbers, and {signal!r} holds none; for such an input use "
                "new_category, nulls, feature_swap or prior_shift"
            )
