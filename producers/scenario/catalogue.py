"""All kinds of drift, by name."""

from __future__ import annotations

from producers.scenario import answers, cells, classes, shifts
from producers.scenario.kind import Kind

__all__ = ["KINDS"]

KINDS: dict[str, Kind] = {
    **shifts.KINDS,
    **cells.KINDS,
    **classes.KINDS,
    **answers.KINDS,
}
