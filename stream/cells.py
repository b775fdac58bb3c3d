"""The cells of one reference's signals: which there are, and how slices of them become columns."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftlog.errors import ProfileError
from driftlog.records import (
    OUTPUT_SIGNALS,
    SERVICE_SIGNALS,
    Event,
    Nested,
    ReferenceProfile,
    SignalType,
    Value,
)
from stream.profiling.types import convert
from stream.rows import MISSING, WRONG_NUMBER, WRONG_READABLE, WRONG_TYPE, CategoryColumn
from stream.texts import TextReader, text_readers

__all__ = [
    "WRONG",
    "CellType",
    "Codes",
    "Schema",
    "ScoreColumns",
    "cell",
    "entropy",
    "event_hashes",
    "floats",
    "margin",
    "numbers_of",
    "texts_by_hand",
]

Floats = NDArray[np.float64]


class _Wrong:
    """What stands in a cell that held something else than its signal's type."""

    def __repr__(self) -> str:
        return "WRONG"


WRONG: Final = _Wrong()
_MAX_CLEAN: Final = 1_000
_copy_hash = blake2b(digest_size=8).copy


@dataclass(frozen=True, slots=True)
class CellType:
    """How the cells of one signal, or of one input of free text, are read.

    ``by_hand``: its type was set in the settings.
    """

    signal: str  # free text, which several are made of, has its name here
    name: str  # the input's own name; of an output or service signal the signal's
    type: SignalType
    by_hand: bool = False
    reader: TextReader | None = None  # of free text: what makes its signals


class Schema:
    """The signals of a reference as decoding needs them; inputs: numbers first, then categories.

    Raises:
        ProfileError: an output or service signal of the profile is none that events have.
    """

    def __init__(self, profile: ReferenceProfile, types: Iterable[str] = ()) -> None:
        by_hand = frozenset(types)
        inputs: list[CellType] = [
            CellType(name, name, SignalType.CATEGORY, name in by_hand, reader)
            for name, reader in text_readers(profile.signals).items()
        ]
        self.answers: dict[str, CellType] = {}  # output and service signals
        for one in profile.signals:
            if one.joint is not None or one.text is not None:
                continue  # made from the others, or of free text
            is_input = one.role == "input"
            name = one.input_name if is_input else one.signal
            if not is_input and name not in OUTPUT_SIGNALS + SERVICE_SIGNALS:
                raise ProfileError(
                    f"reference {profile.reference_id} of {profile.model} {profile.version} has "
                    f"the {one.role} signal {name!r}; events have "
                    f"{', '.join(OUTPUT_SIGNALS + SERVICE_SIGNALS)}. Build it again."
                )
            found = CellType(one.signal, name, one.type, name in by_hand)
            if is_input:
                inputs.append(found)
            else:
                self.answers[name] = found
        self.inputs = tuple(sorted(inputs, key=lambda one: one.type is SignalType.CATEGORY))
        self._names = tuple(one.name for one in self.inputs)
        self.input_names = frozenset(self._names)
        self._clean: set[tuple[type, ...]] = set()  # types of rows whose cells stay as they are

    def input_cells(self, event: Event) -> tuple[Any, ...]:
        """Return the event's inputs in the order of the schema, each checked."""
        held = tuple(map(event.inputs.get, self._names))
        types = tuple(map(type, held))
        if types in self._clean:
            return held
        cells = tuple(map(cell, held, self.inputs))
        if all(map(_same, cells, held)) and len(self._clean) < _MAX_CLEAN:
            self._clean.add(types)
        return cells


def cell(value: Value | Nested, kind: CellType) -> Any:
    """Return the value as the signal's cell: None where missing, `WRONG` where of another type.

    Where the type was set by hand a scalar stays as it is; `numbers_of` and `Codes` convert it.
    """
    if value is None:
        return None
    if kind.by_hand:
        return WRONG if isinstance(value, Nested) else value
    if kind.type is SignalType.CATEGORY:
        return value if type(value) is str else WRONG
    if kind.type is SignalType.BOOLEAN:
        return float(value) if type(value) is bool else _wrong(value, kind.type)
    return float(value) if type(value) in (int, float) else _wrong(value, kind.type)  # type: ignore[arg-type]  # narrowed by the set of types


def _wrong(value: object, wanted: SignalType) -> float:
    """Tell a number sent as text, or a truth value as 0 or 1, from what is no such value at all."""
    readable = isinstance(value, (str, int, float)) and convert(value, wanted) is not None
    # True for a number is a mistake of another kind than the text of a number.
    return WRONG_READABLE if readable and not isinstance(value, bool) else WRONG_NUMBER


def _same(one: Any, held: Any) -> bool:
    return one is held or (type(held) in (int, bool) and one == held)


def numbers_of(cells: Sequence[Any], kind: CellType) -> Floats:
    """Return cells of a number or boolean signal as float64: NaN missing, inf wrong type."""
    if kind.by_hand:
        cells = [_converted(one, kind.type, WRONG_NUMBER) for one in cells]
    return floats(cells)


def texts_by_hand(cells: Sequence[Any]) -> list[Any]:
    """Return cells of an input that was set to be text by hand: each as a text, None or `WRONG`."""
    return [_converted(one, SignalType.CATEGORY, WRONG) for one in cells]


def floats(cells: Sequence[float | None]) -> Floats:
    """Return numbers and booleans as float64, None as NaN."""
    try:
        # Four times as fast as numpy's conversion, which only a None needs.
        return np.frombuffer(struct.pack(f"{len(cells)}d", *cells))
    except struct.error:
        return np.array(cells, dtype=np.float64)


def _converted(value: Any, to: SignalType, wrong: object) -> Any:
    if value is None:
        return None
    read = None if value is WRONG else convert(value, to)
    return wrong if read is None else read


class Codes:
    """Codes of a text column, given out in order of first appearance."""

    def __init__(self, kind: CellType | None = None) -> None:
        self._by_hand = kind is not None and kind.by_hand
        self._codes: _Levels = _Levels({None: MISSING, WRONG: WRONG_TYPE})
        self._parts: list[NDArray[np.int32]] = []

    def add(self, cells: Sequence[Any]) -> None:
        """Append cells: texts, None, `WRONG`."""
        if self._by_hand:
            cells = texts_by_hand(cells)
        self._parts.append(np.fromiter(map(self._codes.__getitem__, cells), np.int32, len(cells)))

    def column(self) -> CategoryColumn:
        """Return all cells so far."""
        levels = tuple(self._codes)[2:]
        return CategoryColumn(levels, np.concatenate([np.empty(0, np.int32), *self._parts]))


class _Levels(dict[Any, int]):
    def __missing__(self, level: Any) -> int:
        code = self[level] = len(self) - 2
        return code


def event_hashes(event_ids: Iterable[str]) -> NDArray[np.uint64]:
    """Return `stream.rows.event_hash` of each id, in half the time."""
    digests = []
    for event_id in event_ids:
        # A copied hash object is cheaper than a new one with its size given by keyword.
        one = _copy_hash()
        one.update(event_id.encode())
        digests.append(one.digest())
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)


class ScoreColumns:
    """Scores of many rows as columns, gathered once for all that is reckoned from them.

    Rows with as many scores as each other go together; a row's figures never depend on another's.
    """

    def __init__(self, scores: Sequence[dict[str, float] | None]) -> None:
        self._rows = len(scores)
        self._parts: list[tuple[list[int] | slice, list[Floats]]] = []
        given = [one for one in scores if one]
        widths = set(map(len, given))
        if len(given) == len(scores) and len(widths) == 1:
            self._parts.append((slice(None), _columns(given)))
            return
        for width in sorted(widths):
            where = [at for at, one in enumerate(scores) if one and len(one) == width]
            self._parts.append((where, _columns([one for one in given if len(one) == width])))

    def entropy(self) -> Floats:
        """Shannon entropy of each row's scores as shares of their sum, in nats.

        NaN where a row has no scores, a negative one, or no finite positive sum.
        """
        return self._each(_entropy)

    def margin(self) -> Floats:
        """Largest score minus the second largest of each row; NaN for fewer than two."""
        return self._each(_margin)

    def _each(self, of: Callable[[list[Floats]], Floats]) -> Floats:
        found = np.full(self._rows, np.nan)
        for where, columns in self._parts:
            found[where] = of(columns)
        return found


def entropy(scores: Sequence[dict[str, float] | None]) -> Floats:
    """Return `ScoreColumns.entropy` of the rows' scores."""
    return ScoreColumns(scores).entropy()


def margin(scores: Sequence[dict[str, float] | None]) -> Floats:
    """Return `ScoreColumns.margin` of the rows' scores."""
    return ScoreColumns(scores).margin()


def _columns(scores: Sequence[dict[str, float]]) -> list[Floats]:
    values = floats(tuple(chain.from_iterable(map(dict.values, scores))))
    return list(np.ascontiguousarray(values.reshape(len(scores), -1).T))


def _entropy(columns: list[Floats]) -> Floats:
    # Column after column, so that a row's sums do not depend on how many rows there are.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        total = columns[0].copy()
        for one in columns[1:]:
            total += one
        found = np.zeros(len(total))
        usable = (total > 0) & np.isfinite(total)
        for one in columns:
            share = one / total
            found -= share * np.log(np.where(share > 0, share, 1.0))
            usable &= one >= 0
    return np.where(usable, found, np.nan)


def _margin(columns: list[Floats]) -> Floats:
    if len(columns) < 2:
        return np.full(len(columns[0]), np.nan)
    with np.errstate(over="ignore"):
        if len(columns) == 2:
            return np.abs(columns[0] - columns[1])
        ranked = np.sort(np.array(columns), axis=0)
        return np.asarray(ranked[-1] - ranked[-2])
