"""How sure an onset is, as a person reads it behind the time itself."""

from __future__ import annotations

from collections.abc import Callable

from driftlog.records import Onset

__all__ = ["between"]


def between(onset: Onset, when: Callable[[int], str]) -> str:
    """Write the interval that the onset lies in as `` (from to until)``; nothing if none is known.

    Args:
        onset: of an incident or a signal.
        when: writes a time; what comes before its last blank is left out where it is the same as
            of the onset itself. An interval that it cannot tell from the onset is not written.

    >>> clock = lambda ms: f"2024-11-20 10:00:{ms // 1000:02d}"
    >>> between(Onset(ts_ms=5_000, earliest_ms=1_000, latest_ms=9_000), clock)
    ' (10:00:01 to 10:00:09)'
    >>> between(Onset(ts_ms=5_000), clock)
    ''
    >>> between(Onset(ts_ms=5, earliest_ms=1, latest_ms=9), clock)
    ''
    """
    if onset.earliest_ms < 0 or onset.latest_ms < 0:
        return ""
    texts = [when(ms) for ms in (onset.earliest_ms, onset.ts_ms, onset.latest_ms)]
    if texts[0] == texts[2]:
        return ""
    heads = {text.rpartition(" ")[0] for text in texts}
    if len(heads) == 1:
        texts = [text.rpartition(" ")[2] for text in texts]
    return f" ({texts[0]} to {texts[2]})"
