"""From what a service holds (numpy scalars, enums, decimals) to what the wire contract knows."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

__all__ = ["plain_cells", "plain_outputs", "repaired_cells"]

_PLAIN = frozenset((float, int, str, bool, type(None)))
_NAMES = frozenset((str,))
_FLOATS = frozenset((float,))
_CONFIDENCE = frozenset((float, int, type(None)))
_INT_MIN, _INT_MAX = -(2**63), 2**64 - 1  # what 64-bit JSON writers hold


class _UnfitError(Exception):
    """The value is no number, text or boolean, and cannot be made one."""


def plain_cells(cells: Mapping[Any, Any]) -> tuple[dict[str, Any], int]:
    """Return the cells with plain values, and how many could not be made plain and became None.

    Numpy scalars, arrays of one element and tensors of one element are unwrapped; enums give their
    value; decimals and fractions become floats; dates ISO text; UUIDs text. NaN and the infinities
    pass: JSON writes them as null. Names become text. The result may be the very dict given.
    """
    if (
        type(cells) is dict
        and _PLAIN.issuperset(map(type, cells.values()))
        and _NAMES.issuperset(map(type, cells))
    ):
        return cells, 0
    plain: dict[str, Any] = {}
    unfit = 0
    for name, value in cells.items():
        try:
            plain[str(name)] = value if type(value) in _PLAIN else _cell(value)
        except _UnfitError:
            plain[str(name)] = None
            unfit += 1
    return plain, unfit


def repaired_cells(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain cells that any JSON writer takes: no huge integers, no broken text."""
    return {_repaired(name): _repaired(value) for name, value in cells.items()}


def plain_outputs(outputs: Mapping[Any, Any]) -> tuple[dict[str, Any], int]:
    """Return the outputs as the contract has them, and how many cells were unfit.

    ``confidence`` must be a number and ``scores`` a mapping of numbers, else the whole event
    would be rejected where it is read: an unfit confidence becomes None, an unfit score is left
    out. Scores that are not finite are left out without being counted.
    """
    if type(outputs) is dict and _NAMES.issuperset(map(type, outputs)) and _usual(**outputs):
        return outputs, 0
    scores = outputs.get("scores")
    if scores is None:
        plain, unfit = plain_cells(outputs)
    else:
        plain, unfit = plain_cells({k: v for k, v in outputs.items() if k != "scores"})
        numbers_, bad = _scores(scores)
        unfit += bad
        if numbers_ is not None:
            plain = {**plain, "scores": numbers_}
    confidence = plain.get("confidence")
    if confidence is not None and type(confidence) not in (float, int):
        return {**plain, "confidence": None}, unfit + 1
    return plain, unfit


def _usual(
    prediction: object = None, confidence: object = None, scores: object = None, **more: object
) -> bool:
    """Whether outputs are plain as they are, as nearly all are: a third of the price."""
    return (
        not more
        and type(prediction) in _PLAIN
        and type(confidence) in _CONFIDENCE
        and (
            scores is None
            or (
                type(scores) is dict
                and _NAMES.issuperset(map(type, scores))
                and _FLOATS.issuperset(map(type, scores.values()))
                and all(map(math.isfinite, scores.values()))
            )
        )
    )


def _scores(scores: object) -> tuple[dict[str, float] | None, int]:
    if not isinstance(scores, Mapping):
        return None, 1
    plain, unfit = plain_cells(scores)
    found = {}
    for name, value in plain.items():
        if type(value) in (float, int):
            if math.isfinite(value):
                found[name] = value
        elif value is not None:
            unfit += 1
    return found, unfit


def _cell(value: Any) -> Any:
    """Make one value plain.

    Raises:
        _UnfitError: it cannot be done.
    """
    try:
        if isinstance(value, Enum):
            value = value.value
        if value is None or isinstance(value, bool):
            return value
        for kind in (str, int, float):  # subclasses, numpy.float64 among them
            if isinstance(value, kind):
                return kind(value)
        if isinstance(value, (date, time)):  # a datetime is a date
            # pandas.NaT is a datetime too, and the only one that differs from itself.
            return value.isoformat() if value == value else None
        if isinstance(value, UUID):
            return str(value)
        if type(value).__name__ == "NAType":  # pandas.NA, without importing pandas
            return None
        if callable(item := getattr(value, "item", None)):
            return _cell(_element(value, item()))
        if isinstance(value, (numbers.Real, Decimal)):
            return float(value)
    except Exception as exc:  # whatever a foreign class raises, it is this cell's trouble alone
        raise _UnfitError from exc
    raise _UnfitError


def _element(holder: object, element: object) -> object:
    if type(element) is type(holder):  # would unwrap for ever
        raise _UnfitError
    return element


def _repaired(value: Any) -> Any:
    if type(value) is str:
        return value.encode("utf-8", "replace").decode()
    if type(value) is int and not _INT_MIN <= value <= _INT_MAX:
        return float(value) if abs(value) < 10**308 else None
    return value
