"""Durations as people write them: ``10s``, ``500ms``, ``1d``."""

from __future__ import annotations

import re
from fractions import Fraction

__all__ = ["Duration"]

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_FORM = re.compile(r"\s*(\d{1,20}(?:\.\d{1,20})?)\s*(ms|s|m|h|d)\s*", re.ASCII)
_LONGEST = 2**63 - 1  # ms; what a 64-bit time can be moved by


class Duration(int):
    """A span of time in milliseconds.

    >>> Duration.parse("1.5s"), str(Duration(90_000))
    (Duration('1500ms'), '90s')
    """

    @classmethod
    def parse(cls, held: object) -> Duration:
        """Read ``10s`` and the like; a plain number is seconds.

        Raises:
            ValueError: not a duration, or not a whole number of milliseconds.
        """
        if isinstance(held, (int, float)) and not isinstance(held, bool):
            held = f"{held}s"
        match = _FORM.fullmatch(held) if isinstance(held, str) else None
        if match is None:
            raise ValueError("a duration such as 500ms, 10s, 5m, 1h or 1d")
        ms = Fraction(match[1]) * _UNITS[match[2]]
        if ms.denominator != 1 or ms > _LONGEST:
            raise ValueError("a duration of whole milliseconds, less than 300 million years")
        return cls(int(ms))

    def __str__(self) -> str:
        for unit in ("d", "h", "m", "s"):
            if self and self % _UNITS[unit] == 0 and not (unit == "m" and self < 120_000):
                return f"{self // _UNITS[unit]}{unit}"
        return f"{int(self)}ms"

    def __repr__(self) -> str:
        return f"Duration({str(self)!r})"
