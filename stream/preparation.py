"""Rows turned into what the detectors take: standardised values and bin codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.bins import CategoryBins, NumberBins
from detectors.encoding import MISSING, UNSEEN, WRONG_TYPE, CategoryEncoder, NumberEncoder
from detectors.season import SeasonTables
from detectors.standardise import (
    OFF_CONSTANT,
    CategoryStandardiser,
    LevelScale,
    NumberStandardiser,
    Scale,
)
from driftlog.records import SignalProfile, SignalType
from stream.joint import JointInputs, joint_inputs
from stream.local_time import clock_ms
from stream.rows import CategoryColumn, Rows
from stream.seasons import season_standardiser, season_tables

__all__ = ["Preparation", "Prepared"]

_MOST_PLAIN: Final = 1e9  # sd; finite, so that it counts as a value


@dataclass(frozen=True, slots=True)
class Prepared:
    """n rows of S signals, in the order of the profile.

    z: float64 (S, n), clipped and standardised by the reference, by that of the hour where the
        signal has a cycle; NaN where there is no value (missing, or of a wrong type). What decides.
    bins: int16 (S, n), the index into the signal's ``bins``; every cell has one.
    plain: float64 (S, n), (value - mean) / sd without clipping (sd 1 where the reference is a
        constant), so that ``mean + sd * plain`` is in the signal's own unit; NaN as in z. What is
        shown. Of a category the same as z, less the cycle.
    clock_ms: int64 (n,), times by the clocks of the reference's time zone; None where no signal has
        a cycle.
    """

    z: NDArray[np.float64]
    bins: NDArray[np.int16]
    plain: NDArray[np.float64]
    clock_ms: NDArray[np.int64] | None = None

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Where there is no value, bool (S, n)."""
        return np.isnan(self.z)

    def cut(self, rows: slice) -> Prepared:
        """Some of the rows, as views."""
        clock = None if self.clock_ms is None else self.clock_ms[rows]
        return Prepared(self.z[:, rows], self.bins[:, rows], self.plain[:, rows], clock)


class Preparation:
    """The signals of a reference, ready to prepare any number of rows.

    A signal that the rows lack, such as a column that has vanished, is missing in all of them. The
    joint signal is no column: it is made from the others, as far as they are among the signals.

    Args:
        signals: of the profile, or a shard's share of them.
        timezone: of the profile; whose hours its cycles go by.
    """

    def __init__(self, signals: Sequence[SignalProfile], timezone: str = "UTC") -> None:
        self.signals = tuple(signals)
        self._timezone = timezone
        category = np.array([s.type is SignalType.CATEGORY for s in signals], dtype=np.bool_)
        self._numbers = np.flatnonzero(~category)
        self._categories = np.flatnonzero(category)
        numbers = [self.signals[i] for i in self._numbers]
        categories = [self.signals[i] for i in self._categories]
        self._number_encoder = NumberEncoder([NumberBins(s.edges) for s in numbers])
        self._standardiser = NumberStandardiser([Scale(*s.clip, s.mean, s.sd) for s in numbers])
        self._mean = np.array([s.mean for s in numbers], dtype=np.float64)[:, None]
        self._sd = np.array([s.sd or 1.0 for s in numbers], dtype=np.float64)[:, None]
        self._category_encoder = CategoryEncoder([_bins(s) for s in categories])
        self._surprise = CategoryStandardiser([_scale(s) for s in categories])
        self._index = [
            {level: at for at, level in enumerate((*s.levels, *s.other_levels))} for s in categories
        ]
        self._joint = _Joint.among(self.signals, self._numbers)
        self._seasonal = np.array(
            [i for i, s in enumerate(self.signals) if s.season is not None], dtype=np.intp
        )
        self._season = season_standardiser([self.signals[i] for i in self._seasonal])

    @cached_property
    def season(self) -> SeasonTables | None:
        """What is usual by the hour, of the signals that have a cycle; None where none has."""
        return season_tables(self.signals)

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """Reference shares, (S, B); NaN behind the last bin of a signal that has fewer."""
        out = np.full(
            (len(self.signals), max((len(s.bins) for s in self.signals), default=0)), np.nan
        )
        for row, signal in zip(out, self.signals, strict=True):
            row[: len(signal.shares)] = signal.shares
            row[: len(signal.shares)] /= row[: len(signal.shares)].sum()  # 9 digits on the wire
        return out

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """m, rows of the reference, (S,)."""
        return np.array([s.rows for s in self.signals], dtype=np.int64)

    def __call__(self, rows: Rows) -> Prepared:
        """Prepare the rows."""
        return self.of_columns(len(rows), rows.numbers, rows.categories, rows.ts_ms)

    def of_columns(
        self,
        n: int,
        numbers: Mapping[str, NDArray[np.float64]],
        categories: Mapping[str, CategoryColumn],
        ts_ms: NDArray[np.int64] | None = None,
    ) -> Prepared:
        """Prepare n rows given by column, in the coding of `stream.rows.Rows`.

        Event times (n,) may be left out where no signal has a cycle; else it is a ValueError.
        """
        shape = (len(self.signals), n)
        z, plain = np.empty(shape), np.empty(shape)
        bins = np.empty(shape, dtype=np.int16)
        clock = None if self._season is None else self._clock(ts_ms)
        if len(self._categories):
            levels = np.full((len(self._categories), n), MISSING, dtype=np.int32)
            for row, at, index in zip(levels, self._categories, self._index, strict=True):
                column = categories.get(self.signals[at].signal)
                if column is not None:
                    row[:] = _reference_codes(column, index)
            z[self._categories] = plain[self._categories] = self._surprise.z(levels)
            bins[self._categories] = self._category_encoder.encode(levels)
        if len(self._numbers):
            x = np.full((len(self._numbers), n), np.nan)
            for row, at in zip(x, self._numbers, strict=True):
                found = numbers.get(self.signals[at].signal)
                if found is not None:
                    row[:] = found
            if self._joint is not None:
                x[self._joint.row] = np.nan  # whatever column is called so
            z[self._numbers] = self._standardiser.z(x)
            if self._joint is not None:
                if clock is not None:  # inputs that share a cycle do not go together by it
                    self._set_plain(x, z, plain)
                    self._deseasonalise(z, plain, clock)
                x[self._joint.row] = self._joint.inputs.score(z)
                z[self._joint.place] = self._joint.standardiser.z(x[self._joint.row][None])[0]
            bins[self._numbers] = self._number_encoder.encode(x)
            self._set_plain(x, z, plain)
        if clock is not None:
            self._deseasonalise(z, plain, clock)
        return Prepared(z, bins, plain, clock)

    def _set_plain(
        self, x: NDArray[np.float64], z: NDArray[np.float64], plain: NDArray[np.float64]
    ) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            found = (x - self._mean) / self._sd
        found = np.clip(found, -_MOST_PLAIN, _MOST_PLAIN)
        # An infinity is a wrong type, but a finite value may become one on the way.
        found[np.isnan(z[self._numbers])] = np.nan
        plain[self._numbers] = found

    def _deseasonalise(
        self, z: NDArray[np.float64], plain: NDArray[np.float64], clock: NDArray[np.int64]
    ) -> None:
        if self._season is not None:
            z[self._seasonal] = self._season.z(plain[self._seasonal], clock)

    def _clock(self, ts_ms: NDArray[np.int64] | None) -> NDArray[np.int64]:
        if ts_ms is None:
            raise ValueError(
                f"{self.signals[self._seasonal[0]].signal} has a cycle; its rows need event times"
            )
        return clock_ms(ts_ms, self._timezone)


@dataclass(frozen=True, slots=True)
class _Joint:
    """The number that is made from the others."""

    place: int  # among all signals
    row: int  # among the numbers
    inputs: JointInputs
    standardiser: NumberStandardiser

    @classmethod
    def among(cls, signals: Sequence[SignalProfile], numbers: NDArray[np.intp]) -> _Joint | None:
        found = joint_inputs(signals)
        if found is None:
            return None
        place, inputs = found
        one = signals[place]
        scale = NumberStandardiser([Scale(*one.clip, one.mean, one.sd)])
        return cls(place, int(np.searchsorted(numbers, place)), inputs, scale)


def _reference_codes(column: CategoryColumn, index: Mapping[str, int]) -> NDArray[np.int32]:
    """Codes into the rows' own levels as codes into the reference's."""
    # The codes of no level are negative, so they find their places from the end.
    table = [index.get(level, UNSEEN) for level in column.levels]
    return np.array([*table, WRONG_TYPE, MISSING], dtype=np.int32)[column.codes]


def _bins(signal: SignalProfile) -> CategoryBins:
    own = len(signal.levels)
    return CategoryBins((*range(own), *[own] * len(signal.other_levels)), own)


def _scale(signal: SignalProfile) -> LevelScale:
    *own, other, unseen = [_standardised(signal, nats) for nats in signal.surprise]
    return LevelScale((*own, *[other] * len(signal.other_levels)), unseen)


def _standardised(signal: SignalProfile, nats: float) -> float:
    if signal.sd > 0.0:
        return (nats - signal.mean) / signal.sd
    return OFF_CONSTANT if nats > signal.mean else 0.0
