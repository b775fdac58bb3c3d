"""One value in the place of many: stuck, filled by default, or standing for none."""

from __future__ import annotations

from typing import Final

from driftlog.records import Fault, FaultKind
from stream.faults.look import LEAST_COUNT, LEAST_ROWS, STUCK_ROWS, Look, fault, number

__all__ = ["SENTINELS", "SENTINEL_TEXTS", "default", "sentinel", "stuck"]

SENTINELS: Final = frozenset(
    {
        *(0.0, -1.0, 9.0, 99.0, 999.0, 9_999.0, 99_999.0, 999_999.0, 9_999_999.0),
        *(-9.0, -99.0, -999.0, -9_999.0, -99_999.0, -999_999.0, 1e9, -1e9),
        *(32_767.0, -32_768.0, 65_535.0, 2_147_483_647.0, -2_147_483_648.0, 4_294_967_295.0),
        *(1e10, 1e12, 1e15, 1e20, 1e30, 1e36, 1.7976931348623157e308, -1.7976931348623157e308),
        # 1970-01-01 and 1900-01-01 in days and seconds of spreadsheets and clocks
        *(25_569.0, -2_208_988_800.0),
    }
)
SENTINEL_TEXTS: Final = frozenset(
    {
        *("", "null", "none", "nil", "nan", "n/a", "na", "#n/a", "unknown", "unk", "undefined"),
        *("missing", "not available", "not set", "unspecified", "default", "?", "-", "--"),
        *("0", "-1", "999", "9999", "-999", "1970-01-01", "1900-01-01", "0001-01-01"),
        *("1970-01-01t00:00:00z", "1970-01-01 00:00:00", "9999-12-31"),
    }
)
_STUCK_BEFORE: Final = 0.5  # a value that more rows had before is not stuck, it is usual
_LEAST_SENTINEL: Final = 0.02
_LEAST_DEFAULT: Final = 0.1
_RARE: Final = 0.05  # share of a value before it filled the gaps
_CHANCE: Final = 1e-6
_MOST_SENTINEL: Final = 0.2  # of a text that was usual to this share already


def stuck(look: Look) -> Fault | None:
    """Recognise one value in all of the latest rows, where there used to be many."""
    if look.boolean or look.of is None or look.run < STUCK_ROWS * _slow(look):
        return None  # a flag may well stay as it is for a while
    if isinstance(look.of, str):
        before, shown = look.usual.levels.get(look.of, 0.0), f'"{_short(look.of)}"'
    else:
        before, shown = look.usual.share_of(look.of), number(look.of)
    if before >= _STUCK_BEFORE:
        return None
    return fault(
        FaultKind.STUCK,
        f"is {shown} in all of the last {look.run:,} rows: feed stuck?",
        before=before,
        rows=look.run,
    )


def sentinel(look: Look) -> Fault | None:
    """Recognise a value that stands for none (`SENTINELS`, `SENTINEL_TEXTS`) and was rare before.

    The other values must look as usual: where they do not, the whole signal has moved.
    """
    return _sentinel_text(look) if look.category else _sentinel_number(look)


def default(look: Look) -> Fault | None:
    """Recognise one value that fills a share of the rows, the others being as usual."""
    if look.category or look.boolean or look.worth < LEAST_ROWS:
        return None
    value, count = look.tops[0]
    share, before = count / look.held, look.usual.share_of(value)
    # Of values on a grid the most frequent has its share by itself, wherever the grid lies.
    usual = max(before, look.usual.most_common)
    filled = share >= usual + _LEAST_DEFAULT and before <= _RARE and count >= LEAST_COUNT
    # A row filled here and there does not end in a long run: that is a feed about to be stuck.
    if look.of == value and share**look.run < _CHANCE:
        return None
    few = look.held - count < LEAST_ROWS  # then it cannot be told from another change
    if not filled or few or not _others_as_usual(look, value):
        return None
    return fault(
        FaultKind.DEFAULT,
        f"is {number(value)} in {share:.0%} of rows: filled by default?",
        value=value,
        before=before,
        after=share,
    )


def _sentinel_number(look: Look) -> Fault | None:
    if look.boolean or look.held < LEAST_ROWS:
        return None
    for value, count in look.tops:
        share, before = count / look.held, look.usual.share_of(value)
        risen = share >= before + _LEAST_SENTINEL and before <= min(0.01, share / 5)
        if value not in SENTINELS or count < LEAST_COUNT or not risen:
            continue
        if _others_as_usual(look, value):
            return fault(
                FaultKind.SENTINEL,
                f"is {number(value)} in {_percent(share)} of rows: stands for no value?",
                value=value,
                before=before,
                after=share,
            )
    return None


def _sentinel_text(look: Look) -> Fault | None:
    if look.held < LEAST_ROWS:
        return None
    for text, count in sorted(look.counts.items(), key=lambda item: (-item[1], item[0])):
        share, before = count / look.held, look.usual.levels.get(text, 0.0)
        if share < _LEAST_SENTINEL or count < LEAST_COUNT:
            return None
        risen = share >= before + 0.05 and before <= _MOST_SENTINEL and before <= share / 3
        if risen and text.strip().lower() in SENTINEL_TEXTS:
            return fault(
                FaultKind.SENTINEL,
                f'is "{_short(text)}" in {_percent(share)} of rows: stands for no value?',
                before=before,
                after=share,
            )
    return None


def _others_as_usual(look: Look, value: float) -> bool:
    others = look.there[look.there != value]
    # Of a few rows nothing can be said, and where one value is all there is nothing need be.
    return len(others) < LEAST_ROWS or look.fits(others, without=value)


def _slow(look: Look) -> float:
    """How much longer than others a signal may rest: one told once an hour has long runs."""
    return max(1.0, look.usual.dependence / 4.0)


def _percent(share: float) -> str:
    return "all" if share >= 0.9995 else f"{share:.0%}"


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
