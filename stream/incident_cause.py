"""The fault that explains an incident, in plain words: found among its signals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from driftlog.records import (
    JOINT_SIGNAL,
    OUTPUT_SIGNALS,
    ROW_SIGNALS,
    SERVICE_SIGNALS,
    AlertSignal,
    Cause,
    FaultKind,
    signal_input,
    text_part,
)
from driftlog.wording import shortened

__all__ = ["cause_of", "follows_from"]

_NAMED: Final = 3  # signals named; the rest are counted
_DERIVED: Final = (*OUTPUT_SIGNALS, *SERVICE_SIGNALS, JOINT_SIGNAL)  # made from the inputs
# Rows that are not there, or there twice, explain whatever else there is to see.
_OF_ROWS: Final = (FaultKind.REPLAY, FaultKind.SILENCE, FaultKind.VOLUME)


def cause_of(signals: Iterable[AlertSignal]) -> Cause | None:
    """Return the fault behind drifted signals; None where the world has changed.

    Of several kinds of fault the one that came first, inputs before what is made from them: an
    answer that is null because an input is gone is no cause. All signals with that kind of fault
    are counted to it.

    Args:
        signals: of the incident, worst first; of a signal in several series the worst is told.
    """
    distinct: dict[str, AlertSignal] = {}
    for signal in signals:
        if signal.fault is not None:
            distinct.setdefault(signal.signal, signal)
    if not distinct:
        return None
    first = min(distinct.values(), key=_precedence)
    assert first.fault is not None, "chosen among signals with a fault"
    kind = first.fault.kind
    alike = [one for one in distinct.values() if one.fault and one.fault.kind is kind]
    alike.sort(key=lambda one: one is not first)
    return Cause(
        kind=kind,
        words=_words(alike),
        signals=tuple(one.signal for one in alike),
        onset_ms=min(one.onset.ts_ms for one in alike),
    )


def follows_from(signal: AlertSignal, broken: AlertSignal) -> bool:
    """Whether a drift may be nothing but what a fault of another signal leads to.

    It is of the same model version, made from the inputs, and did not begin before the fault.
    """
    if broken.fault is None or signal.signal not in _DERIVED or broken.signal == signal.signal:
        return False
    same = signal.series.rpartition("/")[0] == broken.series.rpartition("/")[0]
    return same and signal.onset.ts_ms >= broken.onset.ts_ms


def _precedence(signal: AlertSignal) -> tuple[bool, bool, int, str]:
    assert signal.fault is not None, "asked of signals with a fault alone"
    of_rows = signal.fault.kind in _OF_ROWS
    return (not of_rows, signal.signal in _DERIVED, signal.onset.ts_ms, signal.signal)


def _words(signals: list[AlertSignal]) -> str:
    """One sentence, of the first signal; the others with the same kind of fault are named."""
    first, *others = signals
    assert first.fault is not None, "chosen among signals with a fault"
    if first.signal in ROW_SIGNALS:
        return first.fault.words
    said = f"{_name(first)} {first.fault.words}"
    if first.fault.kind is FaultKind.SWAPPED and len(others) == 1:
        return said  # it names both
    # Of one text there are several signals, and it is what is broken.
    names = [name for name in dict.fromkeys(map(_name, others)) if name != _name(first)]
    if not names:
        return said
    named = ", ".join(names[: _NAMED - 1])
    rest = len(names) - (_NAMED - 1)
    return f"{said}; likewise {named}{f' and {rest} more' if rest > 0 else ''}"


def _name(signal: AlertSignal) -> str:
    text = text_part(signal.signal)
    return shortened(text[0] if text is not None else signal_input(signal.signal))
