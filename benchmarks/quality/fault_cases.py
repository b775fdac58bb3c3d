"""Data broken in the ways that data break, and real drifts that must not be taken for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.kinds import LEVELS
from driftlog.records import FaultKind, SignalType
from stream.rows import WRONG_NUMBER, WRONG_READABLE

__all__ = ["CASES", "SHAPES", "TEXTS", "WRONG_CELL", "Case", "Shape"]

FloatArray = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], FloatArray]
Change = Callable[[FloatArray, np.random.Generator], FloatArray]

WRONG_CELL: Final = -5.0  # stands for a text cell of a wrong type
# Codes of categories: usual levels, the same spelt otherwise, and three never seen.
TEXTS: Final = (*LEVELS, *(f" {one.upper()}" for one in LEVELS), "a new level", "unknown", "")
_SPELT_OTHERWISE = float(len(LEVELS))
_NEW, _UNKNOWN = 2.0 * len(LEVELS), 2.0 * len(LEVELS) + 1.0
_ZIPF = 1.0 / np.arange(1, 21)


@dataclass(frozen=True, slots=True)
class Shape:
    """What data look like; sd is about their spread, by which drifts are scaled."""

    title: str
    draw: Draw
    sd: float = 1.0
    type: SignalType = SignalType.NUMBER


SHAPES: Final = {
    "normal": Shape("N(1000, 200)", lambda rng, n: rng.normal(1000.0, 200.0, n), 200.0),
    "skewed": Shape("lognormal", lambda rng, n: 10.0 * np.exp(rng.standard_normal(n)), 20.0),
    "whole": Shape("Poisson(20)", lambda rng, n: rng.poisson(20.0, n).astype(np.float64), 4.5),
    "zeros": Shape(
        "half zeros, else lognormal",
        lambda rng, n: np.where(rng.random(n) < 0.5, 0.0, 10.0 * np.exp(rng.standard_normal(n))),
        15.0,
    ),
    "celsius": Shape(
        "N(15, 8), one decimal", lambda rng, n: np.round(rng.normal(15, 8, n), 1), 8.0
    ),
    "share": Shape("beta(5, 2)", lambda rng, n: rng.beta(5.0, 2.0, n), 0.16),
    "zipf": Shape(
        "20 Zipf levels",
        lambda rng, n: rng.choice(20, n, p=_ZIPF / _ZIPF.sum()).astype(np.float64),
        type=SignalType.CATEGORY,
    ),
}
_NUMBERS = ("normal", "skewed", "whole", "zeros", "share")
_PLAIN = ("normal", "skewed", "share")
_ALL_NUMBERS = (*_NUMBERS, "celsius")


@dataclass(frozen=True, slots=True)
class Case:
    """A change of all rows from some row on; without a kind it is a real drift.

    ``change`` takes and gives the rows (n,) in the signal's unit; those of a real drift in ``sd``.
    """

    name: str
    title: str
    kind: FaultKind | None
    change: Change
    shapes: tuple[str, ...]


def _times(factor: float) -> Change:
    return lambda x, _: x * factor


def _plus(amount: float) -> Change:
    return lambda x, _: x + amount


def _some(value: float, share: float) -> Change:
    return lambda x, rng: np.where(rng.random(len(x)) < share, value, x)


def _median_in(share: float) -> Change:
    return lambda x, rng: np.where(rng.random(len(x)) < share, np.median(x), x)


def _first(x: FloatArray, _: np.random.Generator) -> FloatArray:
    return np.full(len(x), x[0])


def _cut(x: FloatArray, _: np.random.Generator) -> FloatArray:
    return np.minimum(x, np.quantile(x, 0.85))


def _spread(by: float) -> Change:
    return lambda x, _: x.mean() + by * (x - x.mean())


def _mixture(x: FloatArray, rng: np.random.Generator) -> FloatArray:
    return x + 3.0 * (rng.random(len(x)) < 0.3)


def _sine(x: FloatArray, _: np.random.Generator) -> FloatArray:
    return x + 1.5 * np.sin(np.arange(len(x)) / 300.0)


def _faults() -> Iterator[Case]:
    kind = FaultKind
    for title, factor in (("100", 100.0), ("1/100", 0.01), ("1,000", 1e3), ("60", 60.0)):
        yield Case(f"unit {title}", f"x {title}", kind.UNIT, _times(factor), _NUMBERS)
    yield Case("unit 1/3,600", "x 1/3,600", kind.UNIT, _times(1.0 / 3600.0), _NUMBERS)
    near = (("2.54", 2.54), ("0.3048", 0.3048), ("2.205", 1.0 / 0.45359237), ("1.609", 1.609344))
    for title, factor in near:
        yield Case(f"unit {title}", f"x {title}", kind.UNIT, _times(factor), ("normal", "whole"))
    yield Case(
        "fahrenheit", "Celsius in Fahrenheit", kind.TEMPERATURE, lambda x, _: 1.8 * x + 32.0,
        ("celsius",),
    )  # fmt: skip
    yield Case("kelvin", "Celsius in Kelvin", kind.TEMPERATURE, _plus(273.15), ("celsius",))
    yield Case("ln", "ln", kind.LOGARITHM, lambda x, _: np.log(x), ("normal", "skewed"))
    yield Case("log10", "log 10", kind.LOGARITHM, lambda x, _: np.log10(x), ("normal", "skewed"))
    yield Case("sign", "sign flipped", kind.SIGN, _times(-1.0), (*_PLAIN, "whole"))
    yield Case("stuck", "one value in all rows", kind.STUCK, _first, (*_PLAIN, "whole", "zipf"))
    for share in (0.2, 0.5):
        of = f"{share:.0%}"
        yield Case(f"sentinel {of}", f"-999 in {of}", kind.SENTINEL, _some(-999.0, share), _NUMBERS)
        yield Case(f"default {of}", f"the median in {of}", kind.DEFAULT, _median_in(share), _PLAIN)
        yield Case(
            f"unknown {of}", f'"unknown" in {of}', kind.SENTINEL, _some(_UNKNOWN, share), ("zipf",)
        )
        yield Case(
            f"nulls {of}", f"null in {of}", kind.NULLS, _some(np.nan, share), (*_NUMBERS, "zipf")
        )
    yield Case("vanished", "column gone", kind.VANISHED, _some(np.nan, 1.0), (*_NUMBERS, "zipf"))
    yield Case("text", "numbers as text", kind.TYPE, _some(WRONG_READABLE, 1.0), _NUMBERS)
    yield Case("type", "another type in 30 %", kind.TYPE, _some(WRONG_NUMBER, 0.3), _NUMBERS)
    yield Case("code", "no texts in 50 %", kind.TYPE, _some(WRONG_CELL, 0.5), ("zipf",))
    yield Case("format", "texts spelt otherwise", kind.FORMAT, _plus(_SPELT_OTHERWISE), ("zipf",))
    yield Case("clipped", "cut off at quantile .85", kind.CLIPPED, _cut, _PLAIN)
    yield Case("rounded", "rounded", kind.ROUNDED, lambda x, _: np.round(x), ("share",))


def _drifts() -> Iterator[Case]:
    for size in (0.25, 0.5, 1.0, 2.0, 3.0):
        for by in (size, -size):
            yield Case(f"shift {by:+g}", f"mean {by:+g} sd", None, _plus(by), _ALL_NUMBERS)
    for factor in (0.5, 1.5, 2.0, 3.0, 5.0):
        yield Case(
            f"grown {factor:g}",
            f"x {factor:g}",
            None,
            _times(factor),
            ("normal", "skewed", "zeros"),
        )
    for factor in (0.5, 1.5, 2.0, 3.0):
        shapes = ("normal", "celsius", "share")
        yield Case(f"spread {factor:g}", f"spread x {factor:g}", None, _spread(factor), shapes)
    yield Case("mixture", "30 % of rows + 3 sd", None, _mixture, _ALL_NUMBERS)
    yield Case("season", "a sine of 1.5 sd", None, _sine, _ALL_NUMBERS)
    yield Case("zeros", "zeros in 80 % instead of 50 %", None, _some(0.0, 0.6), ("zeros",))
    yield Case("level", "a new level in 10 %", None, _some(_NEW, 0.1), ("zipf",))
    yield Case("mix", "the mix of levels reversed", None, lambda x, _: 19.0 - x, ("zipf",))
    yield Case("one level", "one level in 60 %", None, _some(3.0, 0.6), ("zipf",))


CASES: Final = (*_faults(), *_drifts())
