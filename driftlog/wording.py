"""What happened, in one plain sentence, for somebody woken at night."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

from driftlog.records import (
    JOINT_SIGNAL,
    ROW_SIGNALS,
    AlertSignal,
    BinShare,
    Cause,
    SignalVerdict,
    Spread,
    text_part,
)

__all__ = ["figure", "figures", "lasting", "sentence", "shares", "shortened", "title"]

Told = AlertSignal | SignalVerdict  # of an incident, or of a pane: both have the evidence

_NAMED = 2  # signals named in a title; the rest are counted
_LONGEST = 60  # letters of a name
_FINEST = 3  # digits of a percentage behind the point
_SHIFT = 0.25  # sd; below it a mean has not moved enough to be the story
_SAME = 0.05  # of a correlation; a smaller change is not what happened
_WIDER = 1.2  # ratio of standard deviations; below it, and above its inverse, likewise
_NO_LEVELS = ("unseen", "other levels", "missing", "wrong type")  # bins that name no level
_WHAT = {"error": "error rate"}  # signals with a plainer name
_OF_TEXT = {
    "length": "length of",
    "words": "words in",
    "unknown_words": "unknown words in",
    "ngrams": "wording of",
}


def figure(value: float | None, digits: int = 3) -> str:
    """Write a number with so many significant digits at least, thousands apart.

    >>> figure(1040.4), figure(0.01234), figure(123456789012345.0), figure(None)
    ('1,040', '0.0123', '1.23e+14', '-')
    """
    if value is None:
        return "-"
    size = abs(value)
    if 100 <= size < 1e12:
        return f"{value:,.{max(0, digits - len(str(int(size))))}f}"
    return f"{value:.{digits}g}"


def figures(before: float | None, after: float | None) -> str:
    """Write two numbers with as many digits as tell them apart.

    >>> figures(1040.4, 1480.1), figures(100.21, 100.43)
    ('1,040 → 1,480', '100.2 → 100.4')
    """
    for digits in range(3, 12):
        texts = figure(before, digits), figure(after, digits)
        if texts[0] != texts[1]:
            break
    return " → ".join(texts)


def shares(before: float, after: float) -> str:
    """Write two shares in percent, each with as many digits as it needs and as tell them apart.

    >>> shares(0.01, 0.3), shares(0.0004, 0.02), shares(0.95, 0.9999), shares(0.301, 0.304)
    ('1% → 30%', '0.04% → 2%', '95% → 99.99%', '30.1% → 30.4%')
    """
    pairs = [(_percent(before, n), _percent(after, n)) for n in range(_FINEST + 1)]
    return " → ".join(next((pair for pair in pairs if pair[0] != pair[1]), pairs[0]))


def _percent(share: float, digits: int) -> str:
    """Write with so many digits at least; neither "0%" of something nor "100%" of not all."""
    for more in range(digits, _FINEST + 1):
        text = f"{share:.{more}%}"
        if share in (0.0, 1.0) or float(text[:-1]) not in (0.0, 100.0):
            return text
    least = 10**-_FINEST
    return f"under {least}%" if share < 0.5 else f"over {100 - least}%"


def lasting(span_ms: int) -> str:
    """Say how long something lasts, in whole seconds, minutes or hours.

    >>> lasting(10_000), lasting(360_000), lasting(5_400_000), lasting(180_000_000)
    ('10 s', '6 min', '90 min', '50 h')
    """
    seconds = span_ms // 1000
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7_200 else f"{seconds // 3_600} h"


def sentence(signal: Told) -> str:
    """Say what moved, which way and how far: ``distance up 1,040 → 1,480 (2.1 sd)``.

    The most telling of what is known: values gone missing or of the wrong type, values never seen
    before, a rate, a mean or a standard deviation, whichever moved further, and else how the values
    are spread over their bins.
    """
    if signal.signal == JOINT_SIGNAL:
        return _untied(signal)
    if signal.signal in ROW_SIGNALS and signal.fault is not None:
        return signal.fault.words
    whole = name = _WHAT.get(signal.signal, shortened(signal.signal))
    text = text_part(signal.signal)
    if text is not None:
        whole = shortened(text[0])  # what is said of the input, not of what is made of it
        name = f"{_OF_TEXT[text[1]]} {whole}"
    before, after = signal.before, signal.after
    if before and after and abs(after.missing - before.missing) > _missing_matters(signal):
        return f"{whole} missing in {shares(before.missing, after.missing)} of rows"
    top = signal.moved[0] if signal.moved else None
    if top and top.bin == "wrong type":
        return f"{whole} of the wrong type in {_moved(top)} of rows"
    if text is not None and text[1] == "ngrams":
        return _reworded(name, signal, top)
    if top and top.bin == "unseen" and top.after > top.before:
        return f"{name} with values never seen before in {_moved(top)} of rows"
    means = _means(before, after)
    if means and (signal.signal == "error" or (text is not None and text[1] == "unknown_words")):
        return f"{name} {shares(*means)}"
    if means and top and top.bin in ("true", "false"):
        return f"{name} true in {shares(*means)} of rows"
    if _is_wider_or_narrower(signal):
        return _varied(name, signal)
    if _is_shift(signal):
        return _shifted(name, signal, means)
    if top:
        kind = "mix" if before is None or before.mean is None else "shape"
        if kind == "mix" and top.after == 0.0 < top.before and top.bin not in _NO_LEVELS:
            return f"{name} no longer holds {shortened(top.bin)} ({_moved(top)} of rows)"
        psi = f", PSI {figure(signal.psi)}" if signal.psi > 0 else ""
        return f"{name} {kind} changed ({shortened(top.bin)}: {_moved(top)}{psi})"
    if signal.direction:
        return _shifted(name, signal, means)
    return f"{name} changed, PSI {figure(signal.psi)}"


def title(signals: Sequence[AlertSignal], watched: int, cause: Cause | None = None) -> str:
    """Say an incident in one line: the cause, the worst signals, then how many of how many.

    It ends in a note where a signal is beyond a threshold that no budget stands behind.

    Args:
        signals: worst first; of a signal in several series the worst is told.
        watched: how many signals there are.
        cause: the fault behind it; the signals that have it are not told once more.
    """
    distinct: dict[str, AlertSignal] = {}
    for signal in signals:
        distinct.setdefault(signal.signal, signal)
    # Rows that are gone or doubled are no signal that is watched.
    many = sum(name not in ROW_SIGNALS for name in distinct)
    count = f" ({many} of {max(watched, many)} signals)" if many else ""
    ordered = [one for one in distinct.values() if cause is None or one.signal not in cause.signals]
    # A shift of one input moves the joint signal too, which then has nothing to add; signals made
    # of one text say the same of it where it is missing.
    named = [s for s in ordered if s.signal != JOINT_SIGNAL]
    named = named if named or cause else ordered
    sentences = list(dict.fromkeys(map(sentence, named)))
    said = "; ".join(sentences[:_NAMED])
    left = len(sentences[_NAMED:]) + len(ordered) - len(named)
    more = f" and {left} more" if left else ""
    hand = " (threshold set by hand)" if any(s.by_hand for s in signals) else ""
    if cause is None:
        return f"{said}{more}{count}{hand}"
    return f"{cause.words}{f'; with it {said}{more}' if named else ''}{count}{hand}"


def _untied(signal: Told) -> str:
    """Say which inputs no longer go together: the worst pair, and its correlation."""
    if not signal.correlations:
        return "inputs do not go together as usual"
    worst = signal.correlations[0]
    pair = " and ".join(map(shortened, worst.inputs))
    before, after = worst.before, worst.after
    if abs(after - before) < _SAME:
        return f"{pair} do not go together as usual"
    moved = f"(correlation {before:.2f} → {after:.2f})"
    if before * after > 0 and abs(after) > abs(before):
        return f"{pair} go together more closely than usual {moved}"
    return f"{pair} no longer go together as usual {moved}"


def _shifted(name: str, signal: Told, means: tuple[float, float] | None) -> str:
    way = "up" if signal.direction > 0 else "down"
    size = f"{abs(signal.effect_sd):.1f} sd"
    if means is None:
        return f"{name} {way} {size}"
    if signal.before is not None and signal.before.sd == 0:
        return f"{name} {way}: always {figure(means[0])} before, now {figure(means[1])} on average"
    if (means[1] - means[0]) * signal.direction <= 0:
        # The direction is that of most rows; a few huge values can pull the mean the other way.
        return f"{name} {way} {size} in most rows"
    unit = " ms" if signal.signal == "latency" else ""
    return f"{name} {way} {figures(*means)}{unit} ({size})"


def _varied(name: str, signal: Told) -> str:
    ratio, before, after = signal.effect_spread, signal.before, signal.after
    way = "more" if ratio > 1.0 else "less"
    size = f"{ratio:.1f} times" if ratio >= 1.0 else f"{ratio:.2f} times"
    sds = (before.sd, after.sd) if before and after else (None, None)
    if sds[0] is None or sds[1] is None or (sds[1] - sds[0]) * (ratio - 1.0) <= 0:
        # The ratio is that of clipped values; a few huge ones can pull the deviation the other way.
        return f"{name} varies {way} ({size})"
    return f"{name} varies {way}: sd {figures(*sds)} ({size})"


def _reworded(name: str, signal: Told, top: BinShare | None) -> str:
    """Buckets of hashed word pairs mean nothing to people, but the one of the rare pairs does."""
    psi = f"PSI {figure(signal.psi)}"
    if top and top.bin == "rare":
        return f"{name} changed (rare word pairs: {_moved(top)}, {psi})"
    return f"{name} changed ({psi})"


def _missing_matters(signal: Told) -> float:
    return max(0.05, abs(signal.effect_rate) / 2)


def _moved(share: BinShare) -> str:
    return shares(share.before, share.after)


def shortened(name: str) -> str:
    """Cut a name that would fill the line."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _means(before: Spread | None, after: Spread | None) -> tuple[float, float] | None:
    if before is None or after is None or before.mean is None or after.mean is None:
        return None
    return before.mean, after.mean


def _is_shift(signal: Told) -> bool:
    return signal.direction != 0 and abs(signal.effect_sd) >= _SHIFT


def _is_wider_or_narrower(signal: Told) -> bool:
    """Whether the spread is the story: it moved enough, and by more than the mean."""
    if signal.effect_spread < 1.0 <= abs(signal.effect_sd):
        return False  # values that all lie beyond the clipping vary little, and that is no news
    moved = abs(log(signal.effect_spread)) if signal.effect_spread > 0 else 0.0
    return moved >= log(_WIDER) and not (_is_shift(signal) and abs(signal.effect_sd) >= moved)
