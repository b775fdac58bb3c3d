"""Which type a column has, and its cells read as that type: just as rows of the stream are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from driftlog.records import SignalType
from stream.profiling.cells import Cells, Kind
from stream.rows import MISSING, WRONG_NUMBER, WRONG_TYPE, CategoryColumn

__all__ = ["Numbers", "Texts", "convert", "guess_type", "read_as", "type_by_hand"]

Numbers = NDArray[np.float64]  # NaN missing, inf wrong type
Texts = CategoryColumn

_TYPE_OF = {
    Kind.NUMBER: SignalType.NUMBER,
    Kind.TEXT: SignalType.CATEGORY,
    Kind.BOOLEAN: SignalType.BOOLEAN,
}
_TRUTH = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), 1.0),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), 0.0),
}


def guess_type(cells: Cells) -> SignalType | None:
    """The type most cells have (a tie: number, then category, then boolean); None without any.

    Numbers of few distinct values stay numbers: whether 3 is more than 2 is for people to say,
    by ``models.types``.
    """
    counts = np.bincount(cells.kind, minlength=len(Kind))
    best = max(_TYPE_OF, key=lambda kind: counts[kind])
    return _TYPE_OF[best] if counts[best] else None


def type_by_hand(name: str) -> SignalType:
    """The type that a name in ``models.types`` reads cells as: ``text`` is read as categories are.

    >>> type_by_hand("text"), type_by_hand("number")
    (<SignalType.CATEGORY: 'category'>, <SignalType.NUMBER: 'number'>)
    """
    return SignalType.CATEGORY if name == "text" else SignalType(name)


def convert(value: object, to: SignalType) -> float | str | None:
    """One cell whose type was set by hand, as that type; None where it cannot be read so.

    Numbers become the text of the number (``3`` and ``3.0`` both "3"), booleans "true" and
    "false"; texts are read as numbers, or as yes and no.

    >>> convert(3.0, SignalType.CATEGORY), convert("2.5", SignalType.NUMBER)
    ('3', 2.5)
    >>> convert("Yes", SignalType.BOOLEAN), convert(7, SignalType.BOOLEAN)
    (1.0, None)
    """
    if to is SignalType.CATEGORY:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (int, float)):
            return _number_text(value)
        return value if isinstance(value, str) else None
    if to is SignalType.BOOLEAN and isinstance(value, str):
        return _TRUTH.get(value.strip().lower())
    if not isinstance(value, (bool, int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    allowed = np.isfinite(number) and (to is SignalType.NUMBER or number in (0.0, 1.0))
    return number if allowed else None


def _number_text(value: float) -> str | None:
    try:
        number = float(value)  # integers beyond 2^53 are, as everywhere, the nearest double
    except OverflowError:
        return None
    return str(int(number)) if abs(number) < 2**53 and number.is_integer() else repr(number)


def read_as(cells: Cells, to: SignalType, *, converted: bool) -> Numbers | Texts:
    """Cells in the coding of `stream.rows.Rows`.

    Args:
        cells: the column.
        to: its type. Cells of another type are wrong ones,
        converted: unless the type was set by hand: then they are converted where they can be.

    Returns:
        numbers and booleans: float64 (n,), NaN missing, inf wrong type; categories: codes.
    """
    return _texts(cells, converted) if to is SignalType.CATEGORY else _numbers(cells, to, converted)


def _numbers(cells: Cells, to: SignalType, converted: bool) -> Numbers:
    native = Kind.BOOLEAN if to is SignalType.BOOLEAN else Kind.NUMBER
    out = np.full(len(cells), WRONG_NUMBER)
    out[cells.kind == Kind.MISSING] = np.nan
    own = cells.kind == native
    out[own] = cells.number[own]
    if converted:
        other = ~own & np.isin(cells.kind, (Kind.NUMBER, Kind.BOOLEAN))
        usable = other if to is SignalType.NUMBER else other & np.isin(cells.number, (0.0, 1.0))
        out[usable] = cells.number[usable]
        if cells.levels:
            read = [convert(level, to) for level in cells.levels]
            table = np.array([WRONG_NUMBER if value is None else float(value) for value in read])
            text = cells.code >= 0
            out[text] = table[cells.code[text]]
    return out


def _texts(cells: Cells, converted: bool) -> Texts:
    code = np.full(len(cells), WRONG_TYPE, dtype=np.int32)
    code[cells.kind == Kind.MISSING] = MISSING
    text = cells.kind == Kind.TEXT
    code[text] = cells.code[text]
    if not converted:
        return CategoryColumn(cells.levels, code)
    index = {level: at for at, level in enumerate(cells.levels)}
    for kind in (Kind.NUMBER, Kind.BOOLEAN):
        there = np.flatnonzero(cells.kind == kind)
        values, inverse = np.unique(cells.number[there], return_inverse=True)
        plain = values.tolist() if kind is Kind.NUMBER else (values > 0).tolist()
        names = [str(convert(value, SignalType.CATEGORY)) for value in plain]
        lookup = [index.setdefault(name, len(index)) for name in names]
        code[there] = np.array(lookup, dtype=np.int32)[inverse] if lookup else []
    return CategoryColumn(tuple(index), code)
