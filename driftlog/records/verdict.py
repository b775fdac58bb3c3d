"""What the monitor writes for every closed pane of a series, and the marker that follows."""

from __future__ import annotations

import msgspec

from driftlog.records.codec import Record
from driftlog.records.state import FaultKind, SignalState

__all__ = [
    "BinShare",
    "CorrelationShift",
    "Fault",
    "Marker",
    "Onset",
    "Score",
    "SignalVerdict",
    "Spread",
    "Verdict",
]


class Score(msgspec.Struct, frozen=True, gc=False):
    """A detector's statistic and the threshold it is compared with, in the same unit."""

    score: float
    threshold: float


class Onset(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where a change began: event time, and the source partition and offset of that row.

    With nine chances in ten it lies between ``earliest_ms`` and ``latest_ms``.
    """

    ts_ms: int
    partition: int = -1
    offset: int = -1
    earliest_ms: int = -1  # -1: not known
    latest_ms: int = -1


class Spread(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A signal's values over some rows, in its own unit; the mean of a boolean is its rate."""

    rows: int
    mean: float | None = None
    sd: float | None = None
    missing: float = 0.0  # share of rows without a value, 0 to 1
    quantiles: tuple[float | None, ...] = ()  # .05, .5 and .95 of a number; None beyond the bins
    # of a category: the largest levels and their shares of the rows
    levels: dict[str, float] = msgspec.field(default_factory=dict)


class BinShare(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A bin whose share moved: before, after, and its part of the whole score (0 to 1)."""

    bin: str
    before: float
    after: float
    part: float


class CorrelationShift(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Two inputs that do not go together as in the reference."""

    inputs: tuple[str, str]  # their signals
    before: float  # correlation in the reference, of values clipped at 2 sd
    after: float  # since the change was seen
    part: float  # of the whole score, 0 to 1


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Broken data rather than a changed world: what a look at the values shows.

    ``words`` continue the signal's name: "is 100 times larger than usual: unit changed?".
    """

    kind: FaultKind
    words: str
    figures: dict[str, float] = msgspec.field(default_factory=dict)  # what the words rest on


class SignalVerdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One signal at one pane."""

    signal: str
    state: SignalState
    rows: int  # in the window
    psi: float
    scores: dict[str, Score]  # by detector
    effect_sd: float = 0.0  # shift of the mean in standard deviations of the reference
    effect_rate: float = 0.0  # largest change of a rate (missing share, boolean), 0 to 1
    effect_spread: float = 1.0  # standard deviation over the reference's, both of clipped values
    detectors: tuple[str, ...] = ()  # those beyond their threshold
    direction: int = 0  # +1 up, -1 down, 0 shape alone
    onset: Onset | None = None
    since_ms: int | None = None  # end of the pane at which the state began
    before: Spread | None = None
    after: Spread | None = None
    moved: tuple[BinShare, ...] = ()
    correlations: tuple[CorrelationShift, ...] = ()  # of the joint signal: pairs, worst first
    statistics: dict[str, float] = msgspec.field(default_factory=dict)  # of the bins, where moved
    by_hand: tuple[str, ...] = ()  # of `detectors`, those whose threshold was set by hand
    weight: float = 1.0  # in the drift share
    fault: Fault | None = None  # what broke, where that can be told
    counts: tuple[int, ...] = ()  # rows of the window by bin of the reference


class Verdict(Record, frozen=True, kw_only=True, omit_defaults=True):
    """All signals of one shard of one series at one pane."""

    model: str
    version: str
    segment: str
    shard: int
    shards: int
    pane_ms: int  # start of the pane, event time
    pane_end_ms: int
    rows: int  # in the pane
    reference_id: str
    config: str  # hash of the settings that decide verdicts
    signals: tuple[SignalVerdict, ...]
    # source partition -> first and last offset of the pane
    offsets: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    samples_before: tuple[str, ...] = ()  # correlation ids before the oldest onset
    samples_after: tuple[str, ...] = ()  # and of this pane


class Marker(Record, frozen=True, kw_only=True, omit_defaults=True):
    """In this columns partition all panes that end by ``closed_through_ms`` are closed."""

    marker: int
    closed_through_ms: int
