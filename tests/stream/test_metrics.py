"""What /metrics tells: all of the catalogue and nothing else, well-formed, and true of now."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families as parse_text

from driftlog.records import Reason, ReferenceProfile, SignalState, Verdict
from driftlog.settings import Settings
from stream.book import ReferenceBook
from stream.ingest import Ingest
from stream.judging import Judging
from stream.lateness import Lateness
from stream.metrics import CATALOGUE, Observed, Stage, WorkerCollector
from stream.metrics.judged import MAX_VERSIONS
from stream.metrics.pipeline import COUNTS, INGEST_COUNTS
from stream.metrics.samples import LABEL_LENGTH, MAX_LABEL_SETS
from stream.partition import ColumnsPartition
from stream.pipeline import Pipeline
from stream.source import Source
from stream.topics import Topics
from stream.verdicts import VerdictsPartition
from tests.stream.bare_profile import bare_profile
from tests.stream.event_log import PANE_MS, World, merged, records, settings
from tests.stream.verdict_factory import DRIFT, INSUFFICIENT, signal, verdict

# prometheus-client leaves these two without types.
generate_openmetrics: Callable[[CollectorRegistry], bytes] = openmetrics.generate_latest
parse_openmetrics: Callable[[str], Iterable[Any]] = (
    openmetrics_parser.text_string_to_metric_families
)

NOW = 1_000_000.0
Found = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@dataclass
class Holding:
    """What a worker might hold."""

    columns: list[ColumnsPartition] = field(default_factory=list)
    verdicts: list[VerdictsPartition] = field(default_factory=list)
    counts: Mapping[Stage, Counter[str]] = field(
        default_factory=lambda: {"monitor": Counter(), "incidents": Counter()}
    )
    ingest: Ingest | None = None
    judging: Judging | None = None
    ready: bool = True
    assignments: Mapping[str, int] = field(default_factory=lambda: {"ingest": 1, "monitor": 2})
    tasks: int = 7
    observed: Observed = field(default_factory=Observed)


class Scraper:
    """Prometheus, as far as it looks at one worker; both formats must agree at every scrape."""

    def __init__(self, holding: Holding, chosen: Settings) -> None:
        self.now = NOW
        self.registry = CollectorRegistry()
        self.registry.register(WorkerCollector(holding, chosen, lambda: self.now))

    def __call__(self) -> Found:
        text = self._read(parse_text, generate_latest(self.registry).decode())
        assert text == self._read(parse_openmetrics, generate_openmetrics(self.registry).decode())
        return text

    def _read(self, parse: Any, text: str) -> Found:
        found: Found = {}
        for family in parse(text):
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                assert key not in found, f"{key} is told twice"
                found[key] = sample.value
        return found


def value(found: Found, name: str, **labels: str) -> float | None:
    return found.get((name, tuple(sorted(labels.items()))))


def labels_of(found: Found, name: str) -> list[dict[str, str]]:
    return [dict(labels) for called, labels in found if called == name]


def ingest_of(chosen: Settings) -> Ingest:
    """An ingest half that holds two source partitions and has seen everything it can see."""
    ingest = Ingest(chosen, Topics.of(chosen), Judging(chosen))
    for number in (0, 1):
        ingest.sources[number] = Source(Lateness(chosen.stream.allowed_lateness, 40_000), 7)
        ingest.lag[number] = number
    ingest.wrong_types.add(("late", "1", "distance"), 2)
    ingest.new_columns.add(("late", "1"), 3)
    ingest.vanished_columns.add(("late", "1"), 4)
    ingest.counts.update(events=10, labels=5, late=2, lost=1)
    ingest.dead[Reason.NOT_JSON.value] += 1
    ingest.last_loss = NOW
    return ingest


@cache
def _busy() -> tuple[Settings, Pipeline]:
    """A drifted model with segments and two shards a series, and one that is still learning."""
    chosen = settings(
        models__segments=["JFK", "EWR"],
        models__shard_signals=5,
        models__learn_rows=100_000,
        worker__max_gauge_series=2,
    )
    known, unknown = World("late", "1"), World("fraud", "7", rate=5, seed=3)
    pipeline = Pipeline(chosen, ReferenceBook([known.profile(chosen.models)]))
    pipeline.feed(records(merged(*(w.events(30, drift_at_s=15) for w in (known, unknown)))))
    return chosen, pipeline


@pytest.fixture
def busy() -> tuple[Settings, Holding]:
    chosen, pipeline = _busy()
    holding = Holding(
        columns=[pipeline.columns],
        verdicts=[pipeline.verdicts],
        counts={"monitor": pipeline.columns.counts, "incidents": pipeline.verdicts.counts},
        ingest=ingest_of(chosen),
        judging=pipeline.judging,
    )
    return chosen, holding


# -- the catalogue and what is told -----------------------------------------------------------


def test_every_metric_of_the_catalogue_is_told_with_its_labels_and_no_other(
    busy: tuple[Settings, Holding],
) -> None:
    chosen, holding = busy
    waiting = VerdictsPartition(1, chosen, 1, "config")
    waiting.take(verdict(30, [signal("x")]))
    holding.verdicts = [*holding.verdicts, waiting]
    found = Scraper(holding, chosen)()
    oldest = value(found, "driftlog_oldest_unapplied_pane_timestamp_seconds")
    assert oldest == 31.0
    told = {name: {frozenset(labels) for labels in labels_of(found, name)} for name, _ in found}
    expected: dict[str, set[frozenset[str]]] = {}
    for name, metric in CATALOGUE.items():
        labels = frozenset(metric.labels)
        if metric.type == "histogram":
            expected |= {f"{name}_bucket": {labels | {"le"}}}
            expected |= {f"{name}_sum": {labels}, f"{name}_count": {labels}}
        else:
            expected[name] = {labels}
    assert told == expected


def test_types_are_those_of_the_catalogue_and_nothing_is_created(
    busy: tuple[Settings, Holding],
) -> None:
    chosen, holding = busy
    registry = CollectorRegistry()
    registry.register(WorkerCollector(holding, chosen))
    text = generate_openmetrics(registry).decode()
    assert "_created" not in text
    types = {family.name: family.type for family in parse_openmetrics(text)}
    for metric in CATALOGUE.values():
        assert types[metric.name.removesuffix("_total").removesuffix("_info")] == metric.type


def test_the_catalogue_is_as_prometheus_has_it() -> None:
    for metric in CATALOGUE.values():
        assert metric.name.startswith("driftlog_")
        assert metric.name.endswith("_total") == (metric.type == "counter")
        assert metric.name.endswith("_info") == (metric.type == "info")
        assert (metric.unit == "seconds") == metric.name.endswith("_seconds")
        assert metric.help.endswith(".")


def test_whatever_is_counted_is_told() -> None:
    """Reads the names from the source: a count that no metric shows was counted in vain."""

    def counted(file: str) -> set[str]:
        tree = ast.parse(Path("stream", file).read_text())
        return {
            node.slice.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Subscript)
            and "counts" in (getattr(node.value, "attr", ""), getattr(node.value, "id", ""))
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, str)
        }

    monitor = counted("partition.py") | counted("learners.py")
    assert monitor == {name for stage, name in COUNTS if stage == "monitor"}
    assert counted("verdicts.py") == {name for stage, name in COUNTS if stage == "incidents"}
    assert counted("ingest.py") == set(INGEST_COUNTS)


def test_a_worker_that_holds_nothing_yet_tells_what_is_known_of_it() -> None:
    chosen = settings()
    found = Scraper(Holding(ready=False), chosen)()
    assert value(found, "driftlog_ready") == 0
    assert value(found, "driftlog_late_idle_total") == 0
    assert value(found, "driftlog_series") == 0
    assert not labels_of(found, "driftlog_state")
    assert not labels_of(found, "driftlog_events_total")  # it has no ingest half


# -- truth --------------------------------------------------------------------------------------


def test_scores_thresholds_and_states_are_those_of_the_last_verdict(
    busy: tuple[Settings, Holding],
) -> None:
    chosen, holding = busy
    found = Scraper(holding, chosen)()
    last = [state.last for state in holding.columns[0].series.values()]
    assert {one.segment for one in last if one} == {"*", "EWR", "JFK", "other"}
    segments = {labels["segment"] for labels in labels_of(found, "driftlog_state")}
    assert len(segments) == 3
    for one in last:
        assert one is not None
        if one.segment not in segments:
            continue
        series = {"model": "late", "version": "1", "segment": one.segment}
        for each in one.signals:
            labels = {**series, "signal": each.signal}
            assert value(found, "driftlog_state", **labels) == each.state.code
            assert value(found, "driftlog_rows", **labels) == each.rows
            for detector, score in each.scores.items():
                told = value(found, "driftlog_score", **labels, detector=detector)
                assert told == score.score
    whole = {"model": "late", "version": "1", "segment": "*"}
    drifted = value(found, "driftlog_state", **whole, signal="distance")
    assert drifted == SignalState.DRIFT.code
    assert value(found, "driftlog_last_evaluation_timestamp_seconds", **whole) == 25.0


def test_a_share_is_that_of_all_shards(busy: tuple[Settings, Holding]) -> None:
    chosen, holding = busy
    found = Scraper(holding, chosen)()
    shards = [s.last for s in holding.columns[0].series.values() if s.last]
    signals = [one for v in shards if v.segment == "*" for one in v.signals]
    assert {v.shard for v in shards if v.segment == "*"} == {0, 1}
    drifted = [one for one in signals if one.state is SignalState.DRIFT]
    whole = {"model": "late", "version": "1", "segment": "*"}
    assert value(found, "driftlog_drift_share", **whole) == len(drifted) / len(signals)
    assert value(found, "driftlog_signals", **whole, state="drift") == len(drifted)
    total = sum(value(found, "driftlog_signals", **whole, state=s.value) or 0 for s in SignalState)
    assert total == len(signals)


def test_a_model_that_learns_is_told_to_learn_and_how_far_it_is(
    busy: tuple[Settings, Holding],
) -> None:
    chosen, holding = busy
    found = Scraper(holding, chosen)()
    learned = value(found, "driftlog_learning_rows", model="fraud", version="7")
    assert learned == len(holding.columns[0].learners["fraud@7"].raw) > 0
    assert value(found, "driftlog_learning_target_rows") == 100_000


def test_by_what_a_version_is_judged_and_what_that_lets_one_see(
    busy: tuple[Settings, Holding],
) -> None:
    chosen, holding = busy
    found = Scraper(holding, chosen)()
    assert holding.judging is not None
    profile = holding.judging.in_effect("late", "1", 0)
    assert profile is not None
    version = {"model": "late", "version": "1"}
    assert labels_of(found, "driftlog_reference_info") == [
        {**version, "reference_id": profile.reference_id}
    ]
    seen = holding.judging.sensitivity(profile)
    for metric, told in (
        ("driftlog_smallest_shift_sd", seen.smallest_sd),
        ("driftlog_smallest_shift", seen.smallest),
    ):
        shown = [value(found, metric, **version, signal=s.signal) for s in profile.signals]
        assert shown == told.tolist() and (told > 0).all()


def test_what_is_configured_is_told_by_a_worker_that_holds_nothing_of_it(
    busy: tuple[Settings, Holding],
) -> None:
    chosen, holding = busy
    owner = Scraper(holding, chosen)()
    spare = Scraper(Holding(judging=holding.judging), chosen)()
    configured = labels_of(owner, "driftlog_configured_signal")
    assert labels_of(spare, "driftlog_configured_signal") == configured
    judged = {one["signal"] for one in labels_of(owner, "driftlog_state") if one["segment"] == "*"}
    assert {one["signal"] for one in configured} == judged
    assert not labels_of(spare, "driftlog_state")


def test_each_signal_tells_until_when_it_was_judged() -> None:
    here = [verdict(1, [signal("x")], shard=0, shards=2)]
    there = [verdict(2, [signal("y")], shard=1, shards=2)]
    chosen = settings()
    found = Scraper(holding_of(chosen, here, there), chosen)()
    until = {
        one["signal"]: value(found, "driftlog_evaluation_timestamp_seconds", **one)
        for one in labels_of(found, "driftlog_evaluation_timestamp_seconds")
    }
    ends = {one.signals[0].signal: one.pane_end_ms / 1000 for one in [*here, *there]}
    assert until == ends
    assert len(set(ends.values())) == 2


def test_open_incidents_and_the_worst_decision(busy: tuple[Settings, Holding]) -> None:
    chosen, holding = busy
    found = Scraper(holding, chosen)()
    incidents = holding.verdicts[0].models["late"].open
    assert len(incidents) == 1
    severity = incidents[0].severity.value
    assert value(found, "driftlog_open_incidents", model="late", severity=severity) == 1
    assert (value(found, "driftlog_decision", model="late") or 0) >= 1


def test_ingest_tells_lag_watermark_and_delay_by_partition(busy: tuple[Settings, Holding]) -> None:
    chosen, holding = busy
    found = Scraper(holding, chosen)()
    assert value(found, "driftlog_lag_events", partition="1") == 1
    assert value(found, "driftlog_watermark_timestamp_seconds", partition="0") == 36.0
    assert value(found, "driftlog_watermark_delay_seconds", partition="0") == NOW - 36.0
    assert value(found, "driftlog_source_idle", partition="0") == 0
    told = {labels["reason"] for labels in labels_of(found, "driftlog_dead_letters_total")}
    assert told == {reason.value for reason in Reason}  # those that never came are 0, not absent


# -- what goes, and what stays ------------------------------------------------------------------


def test_gauges_go_with_their_partition_and_counters_stay(busy: tuple[Settings, Holding]) -> None:
    chosen, holding = busy
    holding.counts["monitor"]["late_idle"] += 5
    scrape = Scraper(holding, chosen)
    before = scrape()
    holding.columns, holding.verdicts = [], []
    assert holding.ingest is not None
    holding.ingest.sources.clear()
    after = scrape()
    for name in ("state", "score", "signals", "open_incidents", "reference_info", "lag_events"):
        assert labels_of(before, f"driftlog_{name}"), name
        assert not labels_of(after, f"driftlog_{name}"), name
    for (name, labels), then in before.items():
        if name.endswith("_total"):
            assert after[name, labels] >= then
    assert value(after, "driftlog_late_idle_total") == 5


# -- many, and hostile --------------------------------------------------------------------------


class AnyReference:
    """Judges whatever a partition holds by a reference without signals."""

    def __init__(self, chosen: Settings) -> None:
        self.settings = chosen
        self.partitions: list[Any] = []
        self.book = ReferenceBook()

    def in_effect(self, model: str, version: str, start_ms: int) -> ReferenceProfile:
        return bare_profile("r", 0, model, version)

    def shards(self, profile: ReferenceProfile, number: int) -> list[Any]:
        (partition,) = (one for one in self.partitions if one.number == number)
        return [SimpleNamespace(key=key) for key in partition.series]

    def thresholds(self, profile: ReferenceProfile) -> Any:
        return SimpleNamespace(signals=())

    def sensitivity(self, profile: ReferenceProfile) -> Any:
        return SimpleNamespace(smallest_sd=(), smallest=())


def holding_of(
    chosen: Settings, *partitions: list[Verdict], through_ms: int = 2 * PANE_MS
) -> Holding:
    """A worker with these last verdicts on its partitions 0, 1, ..."""
    judging: Any = AnyReference(chosen)
    columns: Any = [
        SimpleNamespace(
            number=number,
            series={
                f"{v.model}@{v.version}/{v.segment}#{v.shard}": SimpleNamespace(last=v)
                for v in verdicts
            },
            learners={},
            open_rows=0,
            closed_through_ms=through_ms,
            through_ms=through_ms,
        )
        for number, verdicts in enumerate(partitions)
    ]
    judging.partitions = columns
    return Holding(columns=columns, judging=judging)


def test_segments_beyond_the_limit_are_counted_by_state_and_the_worst_are_told() -> None:
    chosen = settings(worker__max_gauge_series=3)
    quiet = [verdict(1, [signal("x")], segment=f"quiet {i}") for i in range(10)]
    bad = [verdict(1, [signal("x", DRIFT, pane=1)], segment=f"bad {i}") for i in range(2)]
    whole = verdict(1, [signal("x")])
    found = Scraper(holding_of(chosen, [*quiet, *bad, whole]), chosen)()
    told = {labels["segment"] for labels in labels_of(found, "driftlog_state")}
    assert len(told) == 4
    assert told > {"*", "bad 0", "bad 1"}
    version = {"model": "late", "version": "1"}
    assert value(found, "driftlog_other_signals", **version, state="ok") == 9
    assert value(found, "driftlog_other_signals", **version, state="drift") is None


def test_the_log_cannot_make_more_label_sets_than_the_limit() -> None:
    chosen = settings()
    many = MAX_VERSIONS + 7
    verdicts = [verdict(1, [signal("x")], version=str(i)) for i in range(many)]
    holding = holding_of(chosen, verdicts)
    holding.ingest = ingest_of(chosen)
    for i in range(MAX_LABEL_SETS + 20):
        holding.ingest.new_columns.add(("late", f"v{i}"))
    scrape = Scraper(holding, chosen)
    found = scrape()
    assert len(labels_of(found, "driftlog_state")) == MAX_VERSIONS
    told = labels_of(found, "driftlog_new_columns_total")
    assert len(told) == MAX_LABEL_SETS
    left_out = value(found, "driftlog_untold_counts_total", metric="driftlog_new_columns_total")
    assert left_out == 21
    holding.ingest.new_columns.add(("late", "one more"), 100)
    assert labels_of(scrape(), "driftlog_new_columns_total") == told  # a counter never goes


NAMES = st.text(min_size=1, max_size=2 * LABEL_LENGTH)


@given(st.lists(st.tuples(NAMES, NAMES, NAMES, NAMES), min_size=1, max_size=5, unique=True))
def test_names_from_the_log_may_be_anything(names: list[tuple[str, str, str, str]]) -> None:
    chosen = settings()
    unique = {(m, v, s): n for m, v, s, n in names}
    verdicts = [
        verdict(1, [signal(n)], model=m, version=v, segment=s) for (m, v, s), n in unique.items()
    ]
    holding = holding_of(chosen, verdicts)
    found = Scraper(holding, chosen)()
    told = labels_of(found, "driftlog_state")
    assert len(told) == len(unique)
    for labels in told:
        assert all(len(text) <= LABEL_LENGTH for text in labels.values())
    if all(len(text) <= LABEL_LENGTH for name in names for text in name):
        assert {(d["model"], d["version"], d["segment"]) for d in told} == set(unique)


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "a\rb", "{}", ",=", "é", "\x85", "\0"])
def test_a_name_comes_back_as_it_was(name: str) -> None:
    chosen = settings()
    found = Scraper(holding_of(chosen, [verdict(1, [signal(name)], model=name)]), chosen)()
    assert [(d["model"], d["signal"]) for d in labels_of(found, "driftlog_psi")] == [(name, name)]


# -- shards, changes and silence ----------------------------------------------------------------


def test_a_series_whose_other_shard_is_elsewhere_tells_its_weights_and_no_share() -> None:
    chosen = settings()
    here = verdict(1, [signal("a", DRIFT, pane=1), signal("b")], shard=0, shards=2)
    whole = {"model": "late", "version": "1", "segment": "*"}
    found = Scraper(holding_of(chosen, [here]), chosen)()
    assert value(found, "driftlog_drift_share", **whole) is None
    assert value(found, "driftlog_judged_weight", **whole) == 2
    assert value(found, "driftlog_drifted_weight", **whole) == 1
    there = verdict(1, [signal("c"), signal("d")], shard=1, shards=2)
    found = Scraper(holding_of(chosen, [here], [there]), chosen)()
    assert value(found, "driftlog_drift_share", **whole) == 0.25


def test_a_shard_that_a_new_reference_has_moved_does_not_speak_from_its_old_partition() -> None:
    chosen = settings()
    holding = holding_of(chosen, [verdict(0, [signal("x", DRIFT)])], [verdict(1, [signal("x")])])
    judging: Any = holding.judging
    judging.shards = lambda _profile, number: [SimpleNamespace(key="late@1/*#0")] * number
    found = Scraper(holding, chosen)()
    assert [labels["signal"] for labels in labels_of(found, "driftlog_state")] == ["x"]
    whole = {"model": "late", "version": "1", "segment": "*"}
    assert value(found, "driftlog_drift_share", **whole) == 0


def test_without_anything_judged_there_is_no_share_and_never_a_green_one() -> None:
    chosen = settings()
    found = Scraper(holding_of(chosen, [verdict(1, [signal("x", INSUFFICIENT)])]), chosen)()
    assert not labels_of(found, "driftlog_drift_share")


def test_a_series_without_rows_for_a_window_is_stale_while_others_go_on() -> None:
    chosen = settings()  # a window is 12 panes
    old, new = verdict(1, [signal("x")], segment="old"), verdict(13, [signal("x")])
    found = Scraper(holding_of(chosen, [old, new], through_ms=14 * PANE_MS), chosen)()
    states = {
        d["segment"]: v for (n, k), v in found.items() if n == "driftlog_state" for d in [dict(k)]
    }
    assert states == {"old": SignalState.STALE.code, "*": SignalState.OK.code}
    old_series = {"model": "late", "version": "1", "segment": "old"}
    assert value(found, "driftlog_signals", **old_series, state="stale") == 1
    assert value(found, "driftlog_judged_weight", **old_series) == 0
    found = Scraper(holding_of(chosen, [old, new], through_ms=13 * PANE_MS), chosen)()
    assert value(found, "driftlog_signals", **old_series, state="stale") == 0


def test_a_log_that_stands_still_for_a_window_makes_all_stale_until_it_goes_on() -> None:
    chosen = settings()
    holding = holding_of(chosen, [verdict(1, [signal("x")])])
    scrape = Scraper(holding, chosen)
    whole = {"model": "late", "version": "1", "segment": "*", "signal": "x"}

    def state() -> float | None:
        return value(scrape(), "driftlog_state", **whole)

    assert state() == SignalState.OK.code
    scrape.now += 11
    assert state() == SignalState.OK.code
    scrape.now += 1
    assert state() == SignalState.STALE.code
    holding.columns[0].closed_through_ms += PANE_MS
    assert state() == SignalState.OK.code
