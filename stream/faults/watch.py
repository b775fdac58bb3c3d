"""The signals of one series that have moved, with their recent raw values: is it a fault?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from driftlog.records import Fault, FaultKind, SignalProfile
from stream.faults.look import Look, Usual
from stream.faults.recognise import recognise
from stream.faults.swapped import swapped
from stream.rows import MISSING, CategoryColumn, Rows

__all__ = ["MOST_VALUES", "FaultWatch"]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

MOST_VALUES: Final = 600  # rows of a signal that are kept to look at
_MOST_LEVELS: Final = 100
_LONGEST: Final = 100  # letters of a level
_EVERY: Final = 8  # looks; after so many panes only at twice the age of the last one


@dataclass(slots=True)
class _Moved:
    """A signal that has moved: the rows since then, the latest, and what was seen in them."""

    age: int = 0  # panes with rows
    values: FloatArray = field(default_factory=lambda: np.empty(0))
    counts: dict[str, int] = field(default_factory=dict)
    absent: int = 0
    mistyped: int = 0
    run: int = 0  # of the latest rows that all hold the same
    of: str | float | None = None  # and what: none, where it is no value
    fault: Fault | None = None


class FaultWatch:
    """Looks at the raw values of the signals that have moved; of the others it keeps nothing.

    In the first panes of a move each pane is looked at, later ever fewer: what broke shows at once,
    and a drift may last for weeks. A fault once named stays until the signal is back to usual, or
    until another look names another one.

    Args:
        signals: the profiles of the series' signals.
    """

    def __init__(self, signals: Sequence[SignalProfile]) -> None:
        self._signals = tuple(signals)
        self._usual: dict[int, Usual] = {}
        self._moved: dict[int, _Moved] = {}

    def step(
        self,
        moved: BoolArray,
        onset_ms: NDArray[np.int64],
        rows: Rows,
        index: NDArray[np.intp] | None,
    ) -> None:
        """Take a pane.

        Args:
            moved: signals beyond threshold and smallest effect, (S,).
            onset_ms: event time at which each began to, (S,); earlier rows are not looked at.
            rows: of the pane, in order of event time.
            index: which of them are of this series; none: all.
        """
        if not moved.any():
            self._moved.clear()
            return
        which = np.flatnonzero(moved).tolist()
        self._moved = {i: self._moved.get(i) or _Moved() for i in which}
        pick: Any = slice(None) if index is None else index
        due: list[tuple[int, Look]] = []
        for i in which:
            look = self._take(i, rows, pick, int(onset_ms[i]))
            if look is not None:
                due.append((i, look))
        failing = self._failing(moved)
        pairs = swapped(
            [
                (i, look)
                for i, look in due
                if look.profile.role == "input" and look.profile.text is None
            ]
        )
        for i, look in due:
            found = pairs.get(i) or recognise(look)
            if found is not None and not (failing and _unanswered(look, found)):
                self._moved[i].fault = found

    def of(self, signal: int) -> Fault | None:
        """What broke of a signal, as far as is known."""
        held = self._moved.get(signal)
        return held.fault if held else None

    def _take(self, i: int, rows: Rows, pick: Any, onset_ms: int) -> Look | None:
        """Add the rows of a pane; return what there is to look at, if it is time to."""
        held, name = self._moved[i], self._signals[i].signal
        numbers, texts = rows.numbers.get(name), rows.categories.get(name)
        if numbers is None and texts is None:
            return None  # made of other columns, or rows that came prepared
        held.age += 1
        if held.age > _EVERY and held.age & (held.age - 1):
            return None
        since: Any = slice(int(np.searchsorted(rows.ts_ms[pick], onset_ms)), None)
        if numbers is not None:
            latest = numbers[pick][since]
            held.values = np.concatenate((held.values, latest))[-MOST_VALUES:]
            _run_of_numbers(held)
            return Look(self._of(i), values=held.values, run=held.run, of=held.of)
        assert texts is not None
        _count(held, texts.take(pick).take(since))
        return Look(
            self._of(i),
            counts=held.counts,
            absent=held.absent,
            mistyped=held.mistyped,
            run=held.run,
            of=held.of,
        )

    def _of(self, i: int) -> Usual:
        if i not in self._usual:
            self._usual[i] = Usual(self._signals[i])
        return self._usual[i]

    def _failing(self, moved: BoolArray) -> bool:
        """Whether requests fail: then answers are missing for a reason that has its own signal."""
        return any(one.signal == "error" and moved[i] for i, one in enumerate(self._signals))

    # -- state --------------------------------------------------------------------------------

    def state(self) -> list[Any]:
        """Plain data: of each signal that has moved what is kept of it."""
        return [
            [
                i,
                held.age,
                held.values.astype("<f8").tobytes(),
                held.counts,
                held.absent,
                held.mistyped,
                held.run,
                held.of,
                msgspec.to_builtins(held.fault),
            ]
            for i, held in self._moved.items()
        ]

    def restore(self, plain: Sequence[Any]) -> None:
        """Go on where `state` was taken.

        Raises:
            ValueError, TypeError: it is damaged.
        """
        self._moved = {}
        for i, age, values, counts, absent, mistyped, run, of, fault in plain:
            self._moved[int(i)] = _Moved(
                int(age),
                np.frombuffer(values, dtype="<f8").astype(np.float64),
                {str(text): int(rows) for text, rows in counts.items()},
                int(absent),
                int(mistyped),
                int(run),
                msgspec.convert(of, str | float | None),
                msgspec.convert(fault, Fault | None),
            )


def _run_of_numbers(held: _Moved) -> None:
    """Count the latest rows that hold the same number, or none."""
    values = held.values
    if not len(values) or np.isinf(values[-1]):
        held.run, held.of = 0, None
        return
    last = values[-1]
    same = np.isnan(values) if np.isnan(last) else values == last
    others = np.flatnonzero(~same)
    held.run = len(values) - 1 - int(others[-1]) if len(others) else len(values)
    held.of = None if np.isnan(last) else float(last)


def _run_of_texts(held: _Moved, column: CategoryColumn) -> None:
    """Count on the latest rows that hold the same text, or none."""
    codes = column.codes
    if not len(codes):
        return
    if codes[-1] < MISSING:
        held.run, held.of = 0, None
        return
    last = None if codes[-1] == MISSING else column.levels[codes[-1]][:_LONGEST]
    others = np.flatnonzero(codes != codes[-1])
    run = len(codes) - 1 - int(others[-1]) if len(others) else len(codes)
    held.run = run + (held.run if not len(others) and held.of == last else 0)
    held.of = last


def _count(held: _Moved, column: CategoryColumn) -> None:
    """Add texts; when they are many, all counts are halved, so that the latest rows weigh most."""
    _run_of_texts(held, column)
    counted = np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels))
    for text, rows in zip(column.levels, counted.tolist(), strict=True):
        if rows:
            short = text[:_LONGEST]
            held.counts[short] = held.counts.get(short, 0) + rows
    absent = int(np.count_nonzero(column.codes == MISSING))
    held.absent += absent
    held.mistyped += int(np.count_nonzero(column.codes < 0)) - absent
    while sum(held.counts.values()) + held.absent + held.mistyped > 2 * MOST_VALUES:
        held.counts = {text: n // 2 for text, n in held.counts.items() if n > 1}
        held.absent //= 2
        held.mistyped //= 2
    if len(held.counts) > _MOST_LEVELS:
        ranked = sorted(held.counts.items(), key=lambda item: (-item[1], item[0]))
        held.counts = dict(ranked[:_MOST_LEVELS])


def _unanswered(look: Look, found: Fault) -> bool:
    gone = found.kind in (FaultKind.NULLS, FaultKind.VANISHED)
    return gone and look.profile.role != "input"


def _swappable(profile: SignalProfile) -> bool:
    return profile.role == "input" and profile.text is None
