"""A model whose signals have a daily cycle: its rows, and references of some days of them."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from driftlog.records import ReferenceProfile
from driftlog.settings import Duration, ModelSettings, Settings
from stream.preparation import Preparation, Prepared
from stream.profile import build_profile
from stream.profiling.cells import Cells
from stream.profiling.cells import Kind as Cell
from stream.profiling.columns import Column, Columns
from stream.rows import CategoryColumn

__all__ = ["DAY_MS", "LEVELS", "PANE_MS", "PANE_ROWS", "Daily", "Drawn", "profile_of", "settings"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

DAY_MS = 86_400_000
PANE_MS = 600_000
PANE_ROWS = 50
LEVELS = ("a", "b", "c", "d")


@dataclass(frozen=True)
class Drawn:
    """Rows by column; of the category the index of the level."""

    ts_ms: IntArray
    numbers: dict[str, FloatArray]
    flag: FloatArray
    level: IntArray

    def prepared(self, preparation: Preparation) -> Prepared:
        """The rows as detectors take them."""
        return preparation.of_columns(
            len(self.ts_ms),
            {**self.numbers, "flag": self.flag},
            {"level": CategoryColumn(LEVELS, self.level.astype(np.int32))},
            self.ts_ms,
        )


class Daily:
    """An endless quiet stream from a Thursday midnight on, evenly spread over panes.

    Eight numbers with a sine of 1 sd each (root mean square) at phases of their own, a flag true in
    2 to 20 % of the rows, and a category whose mix turns with the hour.
    """

    def __init__(self, seed: int, amplitude: float = 1.0) -> None:
        self._rng = np.random.default_rng(seed)
        self._amplitude = amplitude
        self._pane = 0

    def days(self, count: float) -> Drawn:
        """The rows of the next days."""
        return self.panes(round(count * DAY_MS / PANE_MS))

    def panes(self, count: int) -> Drawn:
        """The rows of the next panes."""
        within = np.arange(PANE_ROWS, dtype=np.int64) * PANE_MS // PANE_ROWS
        starts = (self._pane + np.arange(count, dtype=np.int64)) * PANE_MS
        self._pane += count
        ts = (starts[:, None] + within).ravel()
        turn = 2.0 * np.pi * ts / DAY_MS
        rng, rows = self._rng, len(ts)
        wave = self._amplitude * np.sqrt(2.0)
        numbers = {
            f"number {i}": 50.0 + 3.0 * (wave * np.sin(turn + i) + rng.standard_normal(rows))
            for i in range(8)
        }
        rate = 0.11 + 0.09 * self._amplitude * np.sin(turn)
        first = 0.5 + 0.4 * self._amplitude * np.cos(turn)
        level = np.where(rng.random(rows) < first, 0, rng.integers(1, len(LEVELS), rows))
        return Drawn(ts, numbers, (rng.random(rows) < rate).astype(np.float64), level)


def profile_of(drawn: Drawn, *, timed: bool = True, timezone: str = "UTC") -> ReferenceProfile:
    """The production profile of these rows."""
    rows = len(drawn.ts_ms)
    none = np.full(rows, np.nan)
    no_code = np.full(rows, -1, dtype=np.int32)
    cells = {
        name: Cells(np.full(rows, Cell.NUMBER, dtype=np.int8), values, (), no_code)
        for name, values in drawn.numbers.items()
    }
    cells["flag"] = Cells(np.full(rows, Cell.BOOLEAN, dtype=np.int8), drawn.flag, (), no_code)
    cells["level"] = Cells(
        np.full(rows, Cell.TEXT, dtype=np.int8), none, LEVELS, drawn.level.astype(np.int32)
    )
    return build_profile(
        Columns(
            drawn.ts_ms,
            tuple(Column(n, n, "input", c) for n, c in cells.items()),
            {},
            np.arange(rows, dtype=np.uint64),
        ),
        model="daily",
        version="1",
        origin="file",
        models=ModelSettings(timezone=timezone),
        timed=timed,
    )


def settings() -> Settings:
    """Production defaults but for the pane, of ten minutes."""
    base = Settings()
    return msgspec.structs.replace(
        base, stream=msgspec.structs.replace(base.stream, pane=Duration(PANE_MS), window_panes=12)
    )
