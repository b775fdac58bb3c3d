"""How signals are called: inputs by their own names, the rest by fixed ones."""

from __future__ import annotations

from typing import Literal, get_args

__all__ = [
    "JOINT_SIGNAL",
    "OUTPUT_SIGNALS",
    "REPLAY_SIGNAL",
    "ROW_SIGNALS",
    "SERVICE_SIGNALS",
    "TEXT_PARTS",
    "VOLUME_SIGNAL",
    "TextPart",
    "input_signal",
    "signal_input",
    "text_part",
    "text_signal",
]

OUTPUT_SIGNALS = ("prediction", "confidence", "entropy", "margin")
SERVICE_SIGNALS = ("latency", "error")  # milliseconds; whether the status was not ok
JOINT_SIGNAL = "joint"  # how usual the combination of a row's inputs is
# Of rows rather than of what they hold; told of only while something is wrong with them.
REPLAY_SIGNAL = "(replay)"
VOLUME_SIGNAL = "(volume)"
ROW_SIGNALS = (REPLAY_SIGNAL, VOLUME_SIGNAL)

TextPart = Literal["length", "words", "unknown_words", "ngrams"]
TEXT_PARTS: tuple[TextPart, ...] = get_args(TextPart)  # what free text is watched by

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


def text_signal(name: str, part: TextPart) -> str:
    """Name of a signal made of an input of free text.

    >>> text_signal("note", "unknown_words")
    'input.note.unknown_words'
    """
    return f"{_PREFIX}{name}.{part}"


def text_part(signal: str) -> tuple[str, TextPart] | None:
    """Name of the input and which part of it, of a signal made of free text; None of any other.

    For words to people: an input called like such a signal is taken for one.

    >>> text_part("input.note.unknown_words"), text_part("input.confidence")
    (('note', 'unknown_words'), None)
    """
    name, _, part = signal.removeprefix(_PREFIX).rpartition(".")
    for known in TEXT_PARTS:
        if name and part == known and signal.startswith(_PREFIX):
            return name, known
    return None
