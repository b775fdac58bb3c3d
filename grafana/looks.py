"""How values look: states by name as well as by colour, units, colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from driftlog.records import Decision, SignalState

__all__ = [
    "DECISIONS",
    "LAYERS",
    "RATIO",
    "STATES",
    "steps",
    "words",
]

_STATE_COLOURS: Final[Mapping[SignalState, str]] = {
    SignalState.LEARNING: "blue",
    SignalState.INSUFFICIENT: "text",
    SignalState.OK: "green",
    SignalState.MINOR: "light-yellow",
    SignalState.PENDING: "orange",
    SignalState.DRIFT: "red",
    SignalState.STALE: "purple",
}
_DECISION_COLOURS: Final[Mapping[Decision, str]] = {
    Decision.NO_ACTION: "green",
    Decision.INVESTIGATE: "orange",
    Decision.RETRAIN: "red",
}


def words(named: Mapping[int, tuple[str, str]]) -> list[dict[str, Any]]:
    """Return the mapping of codes to (word, colour)."""
    options = {
        str(code): {"text": text, "color": colour, "index": code}
        for code, (text, colour) in named.items()
    }
    return [{"type": "value", "options": options}]


def steps(*limits: tuple[float, str], base: str = "green") -> dict[str, Any]:
    """Return thresholds: the colour from each value on, ``base`` below the first."""
    found: list[dict[str, Any]] = [{"color": base, "value": None}]
    found += [{"color": colour, "value": value} for value, colour in limits]
    return {"mode": "absolute", "steps": found}


STATES: Final = words({state.code: (state.value, c) for state, c in _STATE_COLOURS.items()})
DECISIONS: Final = words(
    {
        rank: (decision.value.replace("_", " ").lower(), _DECISION_COLOURS[decision])
        for rank, decision in enumerate(Decision)
    }
)
LAYERS: Final = words({0: ("well", "green"), 1: ("ticket", "orange"), 2: ("page", "red")})
RATIO: Final = steps((0.8, "orange"), (1.0, "red"))  # of a score to its threshold
