"""What each page shows, and what ``/api/v1`` answers: one structure each, typed and frozen.

Fields are called as in the records on the log (docs/records.md). Times end in ``_ms``: whole
milliseconds since 1970 in UTC, of event time unless it says *clock*. Shares are 0 to 1. A ``ratio``
is a score over its threshold, the largest over the detectors: 1 is at the threshold. A ``link`` is
a path on this server, percent-encoded. All texts are as they came from the log: whoever shows them
escapes them. Every page's view is a `Page`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from driftlog.records import (
    Because,
    Cause,
    CorrelationShift,
    Fault,
    Onset,
    Spread,
)

__all__ = [
    "HEALTHS",
    "ActionRow",
    "Bar",
    "Bin",
    "DetectorScore",
    "Events",
    "FeedEvent",
    "Fleet",
    "FleetRow",
    "Freshness",
    "Group",
    "Health",
    "Incident",
    "IncidentRow",
    "IncidentSignal",
    "Incidents",
    "Mark",
    "Member",
    "Model",
    "Page",
    "Partition",
    "Pipeline",
    "Points",
    "Reference",
    "Run",
    "SegmentRow",
    "Signal",
    "SignalRow",
    "Step",
]

# The states of a signal (docs/records.md), and two of a whole that no signal has. Only ``ok`` is
# green. From the best to the worst:
Health = Literal[
    "ok",
    "learning",
    "insufficient",
    "minor",
    "pending",
    "no data",
    "unowned",
    "stale",
    "drift",
]
HEALTHS: tuple[Health, ...] = (
    "ok",
    "learning",
    "insufficient",
    "minor",
    "pending",
    "no data",
    "unowned",
    "stale",
    "drift",
)


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """How new what is shown is, judged by the clock.

    ``live``: told of within ``bound_ms``; ``stale``: not, since ``since_ms``; ``learning``: rows
    come and there is no reference yet; ``no data``: nothing was ever told.
    """

    state: Literal["live", "stale", "learning", "no data"]
    words: str  # a plain sentence
    since_ms: int | None  # clock: since when it is so; none where that is not known
    heard_ms: int | None  # clock: when the last verdict or marker came
    pane_end_ms: int | None  # end of the newest pane that was judged
    bound_ms: int  # milliseconds after `heard_ms` at which it is stale


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on everything, fixed on all pages."""

    state: Health  # the worst of drift, freshness and ownership
    words: str  # "3 of 120 signals have drifted, in 2 of 9 models"
    since_ms: int | None  # since when the worst is so; none of ok
    drifted: int  # signals
    judged: int  # signals that are neither learning nor insufficient
    models: int  # model versions
    open_incidents: int
    severity: str | None  # of the worst open incident
    freshness: Freshness
    unowned: int  # partitions that no worker holds; 0 also where the broker does not tell


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What every page has."""

    title: str  # of the window, without the state
    link: str  # of this page
    api_link: str  # the same as JSON
    now_ms: int  # clock: when this was put together
    driftlog_version: str
    bar: Bar


class Run(msgspec.Struct, frozen=True):
    """Panes in a row with one state. Between two runs there may be a gap: no pane was judged."""

    state: Health
    from_ms: int  # start of the first pane
    to_ms: int  # end of the last


class FleetRow(msgspec.Struct, frozen=True, kw_only=True):
    """One model version."""

    model: str
    version: str
    link: str
    state: Health
    words: str  # the worst signal, or why nothing is known
    since_ms: int | None
    drifted: int
    judged: int
    series: int  # its segments with a series of their own, and the one of all rows
    rows: int  # of the newest pane
    open_incidents: int
    severity: str | None  # of the worst open incident
    decision: str | None  # of the worst open incident
    segment: str  # of the worst signal; * is all rows
    signal: str | None  # the worst; none where nothing is judged
    signal_link: str | None
    ratio: float | None
    freshness: Freshness


class Fleet(Page, frozen=True, kw_only=True):
    """All model versions, the worst first: page ``page`` (from 1) of those that match ``query``."""

    rows: tuple[FleetRow, ...]
    query: str
    total: int  # rows that match
    page: int
    pages: int


class SegmentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One series of a model version."""

    segment: str
    link: str
    state: Health
    drifted: int
    judged: int
    since_ms: int | None
    signal: str | None  # the worst
    ratio: float | None


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A reference profile: what is usual."""

    reference_id: str
    origin: str  # file, span, learned or accepted
    effective_from_ms: int
    rows: int
    span_ms: tuple[int, int]
    source: str
    in_effect: bool
    by: str | None  # who accepted it


class SignalRow(msgspec.Struct, frozen=True, kw_only=True):
    """One signal of a series."""

    signal: str
    link: str
    state: Health
    words: str  # what moved, which way, how far; empty where nothing did
    since_ms: int | None
    ratio: float | None
    detector: str | None  # of the ratio
    psi: float
    effect_sd: float
    effect_rate: float
    direction: int
    rows: int  # in the window
    role: str  # input, output, service, joint; rows of what is told of rows; empty: not known
    type: str  # number, category, boolean; empty: not known
    weight: float
    fault: str | None  # its kind
    smallest_sd: float | None  # about the smallest lasting shift of the mean that would be seen
    recent: tuple[float | None, ...]  # ratios of the newest panes, oldest first
    timeline: tuple[Run, ...]


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened, to be drawn into a chart over time."""

    kind: Literal["onset", "opened", "resolved", "reference", "deployment", "action"]
    ts_ms: int
    words: str
    link: str | None
    to_ms: int | None = None  # of an onset: the end of its interval, which begins at `from_ms`
    from_ms: int | None = None


class IncidentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One incident, in a list."""

    alert_id: str
    link: str
    model: str
    versions: tuple[str, ...]
    severity: str
    status: str  # firing, updated or resolved
    open: bool
    title: str  # one plain sentence
    onset_ms: int
    opened_ms: int
    pane_end_ms: int  # of the last record
    resolved_ms: int | None
    decision: str
    signals: tuple[str, ...]  # the worst first
    series: int
    acknowledged_by: str | None
    acknowledged_ms: int | None  # clock
    silenced_until_ms: int | None  # clock; none where it is not silenced now
    silenced_by: str | None


class Model(Page, frozen=True, kw_only=True):
    """One series of one model version: its signals, the worst first."""

    model: str
    version: str
    segment: str  # * is all rows
    state: Health
    words: str
    since_ms: int | None
    drifted: int
    judged: int
    rows: int  # of the newest pane
    pane_ms: int | None  # start of the newest pane
    pane_end_ms: int | None
    pane_length_ms: int | None
    freshness: Freshness
    decision: str | None  # of the worst open incident
    because: Because | None
    reference: Reference | None  # in effect
    references: tuple[Reference, ...]  # newest first
    segments: tuple[SegmentRow, ...]  # the worst first, at most 200
    segments_total: int
    signals: tuple[SignalRow, ...]
    incidents: tuple[IncidentRow, ...]  # open ones first, then newest
    marks: tuple[Mark, ...]
    timeline: tuple[Run, ...]  # of the whole series: its worst state
    config: str


class DetectorScore(msgspec.Struct, frozen=True, kw_only=True):
    """What one detector says now, in its own unit."""

    detector: str
    score: float
    threshold: float
    ratio: float
    beyond: bool
    by_hand: bool  # the threshold was set by a person


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """One bin of the reference. Shares of each side sum to 1 over the bins."""

    bin: str
    reference: float
    current: float | None  # none: not told
    rows: int | None  # in the window
    part: float  # of the PSI of these bins, 0 to 1


class Points(msgspec.Struct, frozen=True, kw_only=True):
    """One signal over the panes kept, oldest first; all of one length."""

    pane_end_ms: tuple[int, ...]
    state: tuple[Health, ...]
    ratio: tuple[float | None, ...]
    rows: tuple[int, ...]
    psi: tuple[float | None, ...]
    scores: dict[str, tuple[float | None, ...]]  # by detector
    thresholds: dict[str, tuple[float | None, ...]]  # by detector


class ActionRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a person did."""

    action: str  # acknowledge, silence, accept_reference or note
    by: str
    at_ms: int  # clock
    model: str
    version: str | None
    alert_id: str | None
    alert_link: str | None
    until_ms: int | None  # clock: end of a silence
    reference_id: str | None
    effective_from_ms: int | None
    note: str


class Signal(Page, frozen=True, kw_only=True):
    """One signal in depth."""

    model: str
    version: str
    segment: str
    model_link: str  # of its series
    signal: str
    role: str
    type: str
    weight: float
    state: Health
    words: str  # what moved, in one plain sentence
    since_ms: int | None
    ratio: float | None
    rows: int  # in the window
    reference_rows: int | None
    enough: bool  # false: too few rows to judge
    freshness: Freshness
    detectors: tuple[DetectorScore, ...]  # the furthest beyond first
    psi: float
    effect_sd: float
    effect_rate: float
    effect_spread: float
    direction: int
    smallest_sd: float | None  # about the smallest lasting shift of the mean that would be seen
    smallest: float | None  # the same in the signal's own unit, of numbers
    onset: Onset | None
    before: Spread | None
    after: Spread | None
    bins: tuple[Bin, ...]  # in the order of the reference
    bins_words: str  # "68% of the change lies in [18, 25): 4% → 19%"; empty where nothing moved
    statistics: dict[str, float]
    correlations: tuple[CorrelationShift, ...]
    fault: Fault | None
    advice: str  # of the incident, else empty
    runbook_link: str
    points: Points
    timeline: tuple[Run, ...]
    marks: tuple[Mark, ...]
    incidents: tuple[IncidentRow, ...]
    samples_before: tuple[str, ...]  # correlation ids
    samples_after: tuple[str, ...]
    reference: Reference | None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One record of an incident's course."""

    pane_end_ms: int
    status: str
    severity: str
    decision: str
    title: str
    signals: int  # that drifted then


class IncidentSignal(msgspec.Struct, frozen=True, kw_only=True):
    """One drifted signal of an incident."""

    series: str
    model: str
    version: str
    segment: str
    signal: str
    link: str
    state: str
    words: str
    contribution: float
    detector: str
    ratio: float | None
    psi: float
    effect_sd: float
    rows: int
    onset: Onset
    before: Spread | None
    after: Spread | None
    fault: Fault | None
    cleared_ms: int | None


class Incident(Page, frozen=True, kw_only=True):
    """One incident: what, since when, how bad, and what to do."""

    incident: IncidentRow
    advice: str
    cause: Cause | None
    because: Because
    onset: Onset
    window_ms: tuple[int, int]
    offsets: dict[str, tuple[int, int]]  # source partition -> first and last
    signals: tuple[IncidentSignal, ...]  # the worst first
    course: tuple[Step, ...]  # oldest first
    actions: tuple[ActionRow, ...]  # newest first
    model_link: str
    runbook_link: str
    samples_before: tuple[str, ...]  # correlation ids
    samples_after: tuple[str, ...]
    reference_id: str
    config: str
    asks_name: bool  # who acts types a name; false: known by the login


class Incidents(Page, frozen=True, kw_only=True):
    """Incidents: open ones first, the worst of them first; then the newest."""

    rows: tuple[IncidentRow, ...]
    which: Literal["open", "all"]
    query: str
    total: int
    page: int
    pages: int


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A worker in a consumer group."""

    client_id: str
    host: str
    partitions: dict[str, tuple[int, ...]]  # by topic


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A consumer group of the workers."""

    group: str
    purpose: str  # what it does, in a few words
    state: str  # in Kafka's words
    members: tuple[Member, ...]


class Partition(msgspec.Struct, frozen=True, kw_only=True):
    """A partition of a topic that workers read."""

    topic: str
    partition: int
    state: Health  # ok, stale, unowned or no data
    end_offset: int | None
    committed: int | None
    lag: int | None  # records behind its end; none: not told
    owner: str | None  # client id; none: nobody, or not told
    closed_through_ms: int | None  # of columns: panes that end by then are closed
    heard_ms: int | None  # clock: when its last marker came


class Pipeline(Page, frozen=True, kw_only=True):
    """Whether the monitor itself lives."""

    reading: str  # what the console waits for; empty: it reads
    told: bool  # whether the broker tells of groups and offsets
    why_untold: str
    partitions: tuple[Partition, ...]
    groups: tuple[Group, ...]
    dead_letters: int | None  # on the topic now
    damaged: int  # records that could not be read, since the console's start
    lag: int | None  # over all partitions of events
    series: int
    records: int  # read since the console's start


class FeedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the feed. ``id`` is its permalink's fragment."""

    id: str
    ts_ms: int  # event time of what the log decided; clock of what a person did
    told_ms: int  # clock: when it was written; by this they are in order
    kind: str  # firing, updated, resolved, reference, or an action
    model: str
    versions: tuple[str, ...]
    severity: str | None
    words: str
    by: str | None
    link: str | None
    correlation_ids: tuple[str, ...]


class Events(Page, frozen=True, kw_only=True):
    """What happened, newest first."""

    rows: tuple[FeedEvent, ...]
    query: str
    total: int
    page: int
    pages: int
