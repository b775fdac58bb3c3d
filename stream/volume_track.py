"""The rows of one series, block by block: what is usual, and when it is far out."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["DAY_MS", "Track"]

DAY_MS: Final = 86_400_000
_DAYS: Final = 8  # remembered, so that a weekend is
_GROSS: Final = 5  # times beyond everything remembered
_CALM: Final = 3  # times; within it is over
_LEAST: Final = 50  # rows a block; a fifth of fewer says nothing
_SUSTAINED: Final = 2  # blocks
_SMOOTH: Final = 60  # blocks over which the usual is averaged
_AGAIN: Final = 0.3  # of a silence that was told: one and a half times as long is told again


class Day(msgspec.Struct, array_like=True):
    """What one day held: rows of its thinnest and its fullest block, and its longest gap."""

    day: int
    low: int = -1  # none yet
    high: int = -1
    gap_ms: int = 0


class Track(msgspec.Struct, array_like=True):
    """One series. Plain data: part of the stored state.

    Blocks without rows are no blocks but gaps, and those beside a gap, which may be half empty, are
    not learned from. Nothing is judged before a whole day has been seen.
    """

    version: str
    segment: str
    first_ms: int  # start of the first pane with rows
    last_ms: int  # end of the last one
    rows: int = 0  # in the block that is being filled
    days: list[Day] = msgspec.field(default_factory=list)
    usual: float = 0.0  # rows a block, averaged over an hour or so
    latest: int = 0  # rows of the block before
    steady: int = 0  # blocks in a row that have rows
    strange: int = 0  # blocks in a row far above (positive) or below (negative) what is remembered
    told_ms: int = 0  # end of the pane at which it was told, 0: nothing is wrong
    onset_ms: int = 0
    silent: bool = False  # what was told
    reference_id: str = ""
    config: str = ""

    @property
    def low(self) -> int:
        """Rows of the thinnest block remembered."""
        return min((one.low for one in self.days if one.low >= 0), default=0)

    @property
    def high(self) -> int:
        """Rows of the fullest one."""
        return max((one.high for one in self.days), default=0)

    @property
    def gap_ms(self) -> int:
        """The longest time without rows remembered."""
        return max((one.gap_ms for one in self.days), default=0)

    @property
    def known(self) -> bool:
        """Whether it has been seen for a whole day, its night and all."""
        return self.last_ms - self.first_ms >= DAY_MS

    def patience_ms(self, block_ms: int) -> int:
        """Time without rows after which it is silent."""
        return max(_GROSS * self.gap_ms, block_ms)

    def came(self, rows: int, end_ms: int, pane_ms: int) -> None:
        """Take the rows of a pane."""
        gap = end_ms - pane_ms - self.last_ms
        if gap > 0:
            told = self.told_ms and self.silent
            day = self._day(end_ms)
            day.gap_ms = max(day.gap_ms, int(_AGAIN * gap) if told else gap)
        if self.silent:
            self.told_ms, self.silent = 0, False
        self.rows += rows
        self.last_ms = end_ms

    def fall_silent(self, end_ms: int) -> None:
        """Note that it was told to be silent, since its last row."""
        self.told_ms, self.onset_ms, self.silent = end_ms, self.last_ms, True

    def close(self, end_ms: int, block_ms: int, *, above: bool, below: bool) -> None:
        """Close the block that ends then: judge it, and learn from the one before.

        Args:
            end_ms: end of the block.
            block_ms: its length.
            above: whether a surge would be news.
            below: whether a fall would be.
        """
        rows, before, self.rows = self.rows, self.latest, 0
        self.latest = rows
        if not rows:
            self.steady = self.strange = 0
            return
        self.steady += 1
        far = self._far(rows, block_ms) if self.known else 0
        if (far > 0 and not above) or (far < 0 and not below):
            far = 0
        self.strange = self.strange + far if far * self.strange > 0 else far
        if self.told_ms and not self.silent:
            calm = self.low <= _CALM * rows and rows <= _CALM * self.high
            lasting = end_ms - self.told_ms >= DAY_MS
            if calm or lasting:
                self.told_ms = self.strange = 0
            if lasting:
                self._learn(rows, end_ms)
                self.usual = rows
        elif abs(self.strange) >= _SUSTAINED:
            self.told_ms, self.onset_ms = end_ms, end_ms - _SUSTAINED * block_ms
        if self.told_ms or self.strange:
            return
        if self.steady > _SUSTAINED:
            self._learn(before, end_ms)
        self.usual += (rows - self.usual) / _SMOOTH if self.usual else rows

    def _learn(self, rows: int, end_ms: int) -> None:
        day = self._day(end_ms)
        day.low = rows if day.low < 0 else min(day.low, rows)
        day.high = max(day.high, rows)

    def _far(self, rows: int, block_ms: int) -> int:
        if 0 <= self.high * _GROSS < rows and rows >= _LEAST:
            return 1
        thin = self.gap_ms < block_ms and self.low >= _LEAST
        return -1 if thin and rows * _GROSS < self.low else 0

    def _day(self, end_ms: int) -> Day:
        day = (end_ms - 1) // DAY_MS
        if not self.days or self.days[-1].day != day:
            self.days = [one for one in self.days if one.day > day - _DAYS]
            self.days.append(Day(day))
        return self.days[-1]
