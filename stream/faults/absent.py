"""Values that are gone: nulls, whole columns, and values of a wrong type."""

from __future__ import annotations

from typing import Final

import numpy as np

from driftlog.records import Fault, FaultKind
from driftlog.wording import shares
from stream.faults.look import LEAST_ROWS, STUCK_ROWS, Look, fault

__all__ = ["mistyped", "nulls", "vanished"]

_MORE: Final = 0.05  # points of a share that are worth a word
_SELDOM: Final = 0.01
_MOSTLY: Final = 0.8  # a column usually null is not missed
_ALL: Final = 0.999


def vanished(look: Look) -> Fault | None:
    """Recognise a column without a value in any of the latest rows that used to have them."""
    usual = _usual(look)[0]
    enough = LEAST_ROWS if usual <= _SELDOM else STUCK_ROWS
    if look.of is not None or look.run < enough or usual > _MOSTLY:
        return None
    return fault(
        FaultKind.VANISHED,
        f"is null in all of the last {look.run:,} rows: column gone?",
        before=usual,
        rows=look.run,
    )


def mistyped(look: Look) -> Fault | None:
    """Recognise values of another type than the reference's: text for numbers, and the like."""
    usual = _usual(look)[1]
    if not _rose(look, usual, look.wrong):
        return None
    where = f"in {_share(look.wrong)} of rows"
    if look.category or look.profile.text is not None:
        words = f"is no text {where}: type changed?"
    elif look.readable >= look.wrong / 2:
        words = (
            f"is a number instead of true and false {where}"
            if look.boolean
            else f'is text {where}: numbers sent as text, as "1.5"?'
        )
    else:
        words = f"is no {'truth value' if look.boolean else 'number'} {where}: type changed?"
    return fault(FaultKind.TYPE, words, before=usual, after=look.wrong, readable=look.readable)


def nulls(look: Look) -> Fault | None:
    """Recognise clearly more nulls than usual."""
    usual = _usual(look)[0]
    if not _rose(look, usual, look.nulls):
        return None
    return fault(
        FaultKind.NULLS,
        f"is null in {shares(usual, look.nulls)} of rows",
        before=usual,
        after=look.nulls,
    )


def _usual(look: Look) -> tuple[float, float]:
    """Shares of nulls and of wrong types in the reference; its bins are smoothed by half a row."""
    profile = look.profile
    names = dict(zip(profile.bins, profile.shares, strict=True))
    half = 0.5 / max(profile.rows, 1)
    wrong = max(names.get("wrong type", 0.0) - half, 0.0)
    return max(profile.missing - wrong, 0.0), wrong


def _rose(look: Look, usual: float, now: float) -> bool:
    if look.rows < LEAST_ROWS:
        return False
    chance = 3.0 * float(np.sqrt(max(usual * (1.0 - usual), 0.001) / look.rows))
    return now - usual >= max(_MORE, chance)


def _share(share: float) -> str:
    return "all" if share >= _ALL else f"{share:.0%}"
