"""All recognisers of faults in one signal, in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from driftlog.records import Fault
from stream.faults.absent import mistyped, nulls, vanished
from stream.faults.cut import clipped, rounded_off
from stream.faults.logarithm import logarithm
from stream.faults.look import Look
from stream.faults.repeated import default, sentinel, stuck
from stream.faults.temperature import temperature
from stream.faults.unit import sign, unit
from stream.faults.written import rewritten

__all__ = ["RECOGNISERS", "recognise"]

Recogniser = Callable[[Look], Fault | None]

# The surest first: what is in no doubt, then what explains all rows, then what explains some.
RECOGNISERS: Final[tuple[Recogniser, ...]] = (
    vanished,
    mistyped,
    sentinel,
    stuck,
    rewritten,
    sign,
    unit,
    temperature,
    logarithm,
    clipped,
    rounded_off,
    default,
    nulls,
)


# What is made of a text is no value that somebody sends: a length of 0 stands for no missing one.
_OF_TEXT: Final[tuple[Recogniser, ...]] = (vanished, mistyped, nulls)


def recognise(look: Look) -> Fault | None:
    """Name what broke, or None: then it is the world that has changed, as far as can be told."""
    for recogniser in RECOGNISERS if look.profile.text is None else _OF_TEXT:
        found = recogniser(look)
        if found is not None:
            return found
    return None
