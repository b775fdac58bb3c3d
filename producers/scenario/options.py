"""What the keys of an injection may hold."""

from __future__ import annotations

import math

from producers.scenario.kind import Option

__all__ = ["any_number", "choice", "positive", "share", "text", "whole"]


def _is_number(held: object) -> bool:
    return isinstance(held, (int, float)) and not isinstance(held, bool) and math.isfinite(held)


def any_number(default: float) -> Option:
    """A number that is not 0."""
    return Option(default, "a number other than 0", lambda held: _is_number(held) and held != 0)


def positive(default: float) -> Option:
    """A factor."""
    return Option(
        default,
        "a number above 0",
        lambda held: _is_number(held) and held > 0,  # type: ignore[operator]  # a number by now
    )


def share(default: float) -> Option:
    """A share of the rows."""
    return Option(
        default,
        "a number above 0, at most 1",
        lambda held: _is_number(held) and 0 < held <= 1,  # type: ignore[operator]  # likewise
    )


def whole(default: int, least: int) -> Option:
    """A count."""
    return Option(
        default,
        f"a whole number, at least {least}",
        lambda held: isinstance(held, int) and not isinstance(held, bool) and held >= least,
    )


def choice(*values: str) -> Option:
    """One of some words; the first is the default."""
    return Option(values[0], "one of " + ", ".join(values), lambda held: held in values)


def text(default: str) -> Option:
    """Any text, or a number that stands for a level."""
    return Option(default, "a text", lambda held: isinstance(held, (str, int, float)))
