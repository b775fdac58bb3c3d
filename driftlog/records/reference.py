"""The reference profile: what is usual, frozen. Detection needs nothing else of the past."""

from __future__ import annotations

from typing import Literal

import msgspec

from driftlog.records.codec import Record
from driftlog.records.signal import TextPart, signal_input
from driftlog.records.state import SignalType

__all__ = [
    "JointProfile",
    "Origin",
    "ReferenceProfile",
    "Season",
    "SeasonPeriod",
    "SignalProfile",
    "SignalRole",
    "SpreadProfile",
    "TextSource",
]

Origin = Literal["file", "span", "learned", "accepted"]
SignalRole = Literal["input", "output", "service", "joint"]
SeasonPeriod = Literal["day", "week"]


class JointProfile(msgspec.Struct, frozen=True, kw_only=True):
    """Which inputs go together in the reference, and how: see `detectors.joint.Ties`.

    At most 100 inputs and 512 pairs.
    """

    inputs: tuple[str, ...]  # their signals
    centre: tuple[float, ...]  # by input: mean of z, clipped at 2 sd
    scale: tuple[float, ...]  # and its standard deviation
    pairs: tuple[tuple[int, int], ...]  # places in ``inputs``
    correlation: tuple[float, ...]  # by pair
    weight: tuple[float, ...]  # by pair, in the score


class Season(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A signal's daily or weekly cycle: what is usual at every full hour, straight lines between.

    Hours are those of the reference's time zone, of a day from 0:00 (24) or of a week from Monday
    0:00 (168). Values are standardised by ``(x - mean(t)) / sd(t)`` and then clipped.
    """

    period: SeasonPeriod
    mean: tuple[float, ...]  # in the signal's unit; of a category's surprise, in nats
    sd: tuple[float, ...]
    shares: tuple[tuple[float, ...], ...]  # of the bins, by hour; each sums to 1
    rows: tuple[float, ...]  # of the reference behind each hour; they sum to its rows
    clip: tuple[float, float]  # of the standardised values


class SpreadProfile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a signal's values usually lie from its mean: of the roots of |z|, z standardised."""

    centre: float  # their mean
    scale: float  # their standard deviation, above 0
    theta: tuple[tuple[float, ...], tuple[float, ...]]  # wider, narrower; by allowance
    long_run_variance: float = 1.0  # V of them, at least 1


class TextSource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which input of free text a signal is made of, and by what its words are known.

    No word stands in a reference, only hashes; how they are made is told in `stream.texts`.
    """

    input: str
    part: TextPart
    vocabulary: bytes = b""  # of unknown_words: 4 bytes a known word
    buckets: bytes = b""  # of ngrams: the bucket of each slot, a byte each


class SignalProfile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One signal of the reference.

    ``bins`` names every bin in the order of ``shares``; ``edges`` and ``levels`` are what a value's
    bin is found by. Statistics are of the values present.
    """

    signal: str
    role: SignalRole
    type: SignalType
    rows: int  # m, present or not
    missing: float  # share without a value, be it absent or of a wrong type
    bins: tuple[str, ...]
    shares: tuple[float, ...]  # of bins, smoothed by +0.5 a bin; they sum to 1
    edges: tuple[float, ...] = ()  # numbers: rising; a bin's number is the count of edges <= value
    levels: tuple[str, ...] = ()  # categories: levels with a bin of their own
    other_levels: tuple[str, ...] = ()  # categories: known levels that share one bin
    surprise: tuple[float, ...] = ()  # categories: nats; by level, of other levels, of unseen ones
    clip: tuple[float, float] = (0.0, 0.0)  # outer quantiles; see detectors.standardise.tail
    mean: float = 0.0  # of the clipped values; of a category's surprise, in nats
    sd: float = 0.0  # likewise; 0 of a constant, of two values at least .1 of their distance
    quantiles: tuple[float, ...] = ()  # 0, .05, .25, .5, .75, .95, 1 of the raw values
    allowances: tuple[float, ...] = ()  # of the CUSUM bank, in sd
    theta: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())  # up, down; by allowance
    long_run_variance: float = 1.0  # V of the standardised values, at least 1
    inflation: float = 1.0  # largest long-run inflation over the bins' indicators
    ordered_inflation: float = 0.0  # numbers: over the cumulative indicators; 0 where not known
    centres: tuple[float, ...] = ()  # numbers: where the values of a bin are, in sd; rising
    autocorrelation: float = 0.0  # at lag 1
    skewness: float = 1.0  # of the standardised values, absolute, at least 1; ADWIN needs it
    spread: SpreadProfile | None = None  # none: its spread is not watched by itself
    # Rows of a block, lowest and highest mean of z over the reference's blocks of so many; none
    # where there are too few rows, or one value: then level_shift does not watch.
    blocks: tuple[tuple[int, float, float], ...] = ()
    weight: float = 1.0  # in the drift share; 0 of what is made from other signals
    joint: JointProfile | None = None  # of the signal of that role: what it is made from
    # numbers and booleans: the most frequent values with their shares of the values present
    common: tuple[tuple[float, float], ...] | None = None
    whole: float | None = None  # numbers: share of whole ones among the values present
    text: TextSource | None = None  # of a signal made of free text
    season: Season | None = None  # where the reference knows one that explains something

    @property
    def input_name(self) -> str:
        """Name of the input that an input's signal is, or is made of."""
        return signal_input(self.signal) if self.text is None else self.text.input


class ReferenceProfile(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Key on the topic: model@version@reference_id. Never changed once written."""

    model: str
    version: str
    reference_id: str  # digest of the content without id and effective_from_ms
    origin: Origin
    effective_from_ms: int  # panes that start at or after this are judged by it
    rows: int
    span_ms: tuple[int, int]  # event time of the first and the last row
    rate: float  # events a second
    signals: tuple[SignalProfile, ...]
    segments: dict[str, float] = msgspec.field(
        default_factory=dict
    )  # share of rows, the largest first
    excluded: dict[str, str] = msgspec.field(default_factory=dict)  # column -> why it is no signal
    source: str = ""  # a file's name, or topic and span; for people
    repeated: float | None = None  # share of rows whose inputs had all come before
    seasonality: str = ""  # which cycles were found, or why none could be; for people
    timezone: str = "UTC"  # whose hours those of seasons and of rate_by_hour are
    # Events a second at every full hour of a day (24) or, from Monday on, of a week (168), straight
    # lines between; none where the reference is too short to know.
    rate_by_hour: tuple[float, ...] = ()
