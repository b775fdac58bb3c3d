"""All rows, by the names under which they are run."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from tests.chaos.row import Row

__all__ = ["NAMES", "rows"]

# Each is a module beside this one that defines ROW.
NAMES: Final[tuple[str, ...]] = (
    "kills",
    "rebalances",
    "zombies",
    "outages",
    "request_errors",
    "refusals",
    "start_order",
    "backlog",
    "long_run",
    "stalls",
    "shutdown",
    "capture_latency",
    "retention",
    "bad_input",
    "corrupt_state",
)


def rows() -> dict[str, Row]:
    """Return the rows by name, in the order of the table."""
    found = {}
    for name in NAMES:
        row = import_module(f"tests.chaos.{name}").ROW
        assert isinstance(row, Row), name
        found[name] = row
    return found
