"""Scenarios by name, that fit any file."""

from __future__ import annotations

from driftlog.errors import InputError
from producers.scenario.kind import InjectionSpec
from producers.scenario.measures import Measures
from producers.scenario.read import Scenario

__all__ = ["PRESETS", "preset"]

PRESETS = {
    "none": "nothing is injected",
    "slight": "one number moves by 0.5 sd, from half of the rows on",
    "severe": "two fifths of the numbers move by 2 sd and nulls appear, from half of the rows on",
    "concept": "half of the labels are of another class, from half of the rows on",
}
_FEW_LEVELS = 10  # a column with fewer different numbers is a code or a flag


def preset(name: str, measures: Measures) -> Scenario:
    """Return a preset fitted to a file: which signals it touches follows from the columns.

    Raises:
        InputError: there is no such preset, or the file has no numbers to move.
    """
    if name == "none":
        return Scenario(name)
    if name == "concept":
        return Scenario(name, (InjectionSpec(kind="concept", strength=0.5),))
    if name not in PRESETS:
        raise InputError(
            f"scenario {name!r} is neither a preset ({', '.join(PRESETS)}) nor a YAML file"
        )
    numbers = _numbers(measures)
    if not numbers:
        raise InputError(
            f"scenario {name} moves numbers, and the file has no input with {_FEW_LEVELS} or more "
            "different ones; write a scenario file with new_category, nulls or prior_shift"
        )
    if name == "slight":
        return Scenario(name, (_sudden(numbers[:1], 0.5),))
    moved = numbers[: max(1, round(0.4 * len(numbers)))]
    emptied = next((column for column in measures.inputs if column not in moved), moved[-1])
    nulls = InjectionSpec(kind="nulls", signals=(emptied,), strength=0.3)
    return Scenario(name, (_sudden(moved, 2.0), nulls))


def _sudden(signals: tuple[str, ...], strength: float) -> InjectionSpec:
    return InjectionSpec(kind="sudden", signals=signals, strength=strength, options={"unit": "sd"})


def _numbers(measures: Measures) -> tuple[str, ...]:
    """Columns worth moving, in the file's order: numbers that vary and are mostly there."""
    return tuple(
        name
        for name, column in measures.inputs.items()
        if column.numeric
        and column.sd > 0
        and len(column.levels) >= _FEW_LEVELS
        and column.present > measures.rows / 2
    )
