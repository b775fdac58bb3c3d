"""The usual texts in another spelling: case, spaces, codes as numbers."""

from __future__ import annotations

from typing import Final

from driftlog.records import Fault, FaultKind
from stream.faults.look import LEAST_ROWS, Look, fault

__all__ = ["rewritten"]

_LEAST: Final = 0.05  # share of rows
_OF_NEW: Final = 0.9  # of the texts never seen, that are usual ones in another spelling


def rewritten(look: Look) -> Fault | None:
    """Recognise levels that the reference knows but for case, spaces, or the digits of a code."""
    if not look.category or look.held < LEAST_ROWS:
        return None
    known = look.usual.levels
    new = {text: count for text, count in look.counts.items() if text not in known}
    rows = sum(new.values())
    if rows < _LEAST * look.held:
        return None
    for words, plain in (("case or spaces", _plain), ("digits (01, 1 or 1.0)", _code)):
        spellings = {plain(level) for level in known}
        alike = sum(count for text, count in new.items() if plain(text) in spellings)
        if alike >= _OF_NEW * rows:
            return fault(
                FaultKind.FORMAT,
                f"is written another way in {alike / look.held:.0%} of rows: {words} differ",
                after=alike / look.held,
            )
    return None


def _plain(text: str) -> str:
    return "".join(text.split()).casefold().strip("\"'")


def _code(text: str) -> str:
    try:
        return f"{float(text):.15g}"
    except ValueError:
        return _plain(text)
