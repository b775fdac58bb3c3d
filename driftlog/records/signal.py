"""How signals are called: inputs by their own names, the rest by fixed ones."""

from __future__ import annotations

__all__ = [
    "JOINT_SIGNAL",
    "OUTPUT_SIGNALS",
    "ROW_SIGNALS",
    "SERVICE_SIGNALS",
    "input_signal",
    "signal_input",
]

OUTPUT_SIGNALS = ("prediction", "confidence", "entropy", "margin")
SERVICE_SIGNALS = ("latency", "error")  # milliseconds; whether the status was not ok
JOINT_SIGNAL = "joint"  # how usual the combination of a row's inputs is
# Of rows rather than of what they hold; told of only while something is wrong with them.
ROW_SIGNALS = ("(replay)", "(volume)")

_PREFIX = "input."
_RESERVED = frozenset((*OUTPUT_SIGNALS, *SERVICE_SIGNALS, JOINT_SIGNAL))


def input_signal(name: str) -> str:
    """Name of an input's signal: its own, unless a signal that is no input is called so.

    >>> input_signal("distance"), input_signal("confidence")
    ('distance', 'input.confidence')
    """
    return _PREFIX + name if name in _RESERVED or name.startswith(_PREFIX) else name


def signal_input(signal: str) -> str:
    """Name of the input behind an input's signal, the inverse of `input_signal`."""
    return signal.removeprefix(_PREFIX)
