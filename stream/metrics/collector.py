"""Reads the live state when Prometheus asks.

What is not held is not told: nothing has to be removed, a partition takes its gauges along.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from driftlog import __version__
from driftlog.records import Decision, Severity, SignalState, Verdict
from stream.ingest import Ingest
from stream.metrics.catalogue import CATALOGUE
from stream.partition import ColumnsPartition
from stream.routing import ALL
from stream.verdicts import VerdictsPartition

__all__ = ["Held", "WorkerCollector"]

_STALE_PANES = 3  # windows of silence in event time, as panes, after which a state is stale
_UNJUDGED = ("before_reference", "unjudged", "over_max_series", "replayed", "doubled", "damaged")
Sample = tuple[Sequence[str], float]


class Held(Protocol):
    """What a worker holds now."""

    @property
    def columns(self) -> Sequence[ColumnsPartition]:
        """Partitions of ``columns``."""

    @property
    def verdicts(self) -> Sequence[VerdictsPartition]:
        """Partitions of ``verdicts``."""

    @property
    def ingest(self) -> Ingest | None:
        """The ingest half, none with ``--only monitor``."""

    @property
    def ready(self) -> bool:
        """Whether partitions are held and their state is there."""


class WorkerCollector(Collector):
    """All metrics of a worker, by the catalogue.

    Args:
        held: what there is to tell of.
        max_gauge_series: segment series with gauges a signal, the worst first; the series of all
            rows always have them.
        now: seconds since 1970.
    """

    def __init__(
        self, held: Held, max_gauge_series: int, now: Callable[[], float] = time.time
    ) -> None:
        self._held = held
        self._max = max_gauge_series
        self._now = now

    def describe(self) -> Iterable[Metric]:
        """Name nothing beforehand: registering must not read the state."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of the catalogue."""
        told: dict[str, list[Sample]] = {name: [] for name in CATALOGUE}
        self._tell_series(told)
        self._tell_incidents(told)
        self._tell_pipeline(told)
        told["driftlog_build_info"].append(((__version__,), 1.0))
        told["driftlog_ready"].append(((), float(self._held.ready)))
        for name, samples in told.items():
            yield _family(name, samples)

    # -- signals ------------------------------------------------------------------------------

    def _tell_series(self, told: dict[str, list[Sample]]) -> None:
        found = [
            (partition, state.last)
            for partition in self._held.columns
            for state in list(partition.series.values())
            if state.last is not None
        ]
        for partition in self._held.columns:
            for learner in list(partition.learners.values()):
                told["driftlog_learning_rows"].append(
                    ((learner.model, learner.version), float(len(learner.raw)))
                )
        whole = [(p, v) for p, v in found if v.segment == ALL]
        rest = sorted((item for item in found if item[1].segment != ALL), key=_worst_first)
        for partition, verdict in whole + rest[: self._max]:
            self._tell_signals(told, verdict, _is_stale(partition, verdict))
        for _, verdict in found:
            _tell_summary(told, verdict)
        for labels in sorted({(v.model, v.version, v.reference_id) for _, v in whole}):
            told["driftlog_reference_info"].append((labels, 1.0))

    def _tell_signals(self, told: dict[str, list[Sample]], verdict: Verdict, stale: bool) -> None:
        series = (verdict.model, verdict.version, verdict.segment)
        for signal in verdict.signals:
            labels = (*series, signal.signal)
            for detector, score in signal.scores.items():
                told["driftlog_score"].append(((*labels, detector), score.score))
                told["driftlog_threshold"].append(((*labels, detector), score.threshold))
            state = SignalState.STALE if stale else signal.state
            told["driftlog_psi"].append((labels, signal.psi))
            told["driftlog_effect_sd"].append((labels, signal.effect_sd))
            told["driftlog_rows"].append((labels, float(signal.rows)))
            told["driftlog_state"].append((labels, float(state.code)))

    # -- incidents ----------------------------------------------------------------------------

    def _tell_incidents(self, told: dict[str, list[Sample]]) -> None:
        waiting = []
        for partition in self._held.verdicts:
            if (oldest := partition.oldest_waiting_ms) is not None:
                waiting.append(oldest / 1000)
            for model, state in sorted(partition.models.items()):
                counts = Counter(incident.severity for incident in state.open)
                for severity in Severity:
                    told["driftlog_open_incidents"].append(
                        ((model, severity.value), float(counts[severity]))
                    )
                ranks = [list(Decision).index(incident.decision) for incident in state.open]
                told["driftlog_decision"].append(((model,), float(max(ranks, default=0))))
        if waiting:
            told["driftlog_oldest_unapplied_pane_timestamp_seconds"].append(((), min(waiting)))

    # -- pipeline -----------------------------------------------------------------------------

    def _tell_pipeline(self, told: dict[str, list[Sample]]) -> None:
        columns, verdicts, ingest = self._held.columns, self._held.verdicts, self._held.ingest
        told["driftlog_series"].append(((), float(sum(len(p.series) for p in columns))))
        told["driftlog_open_rows"].append(((), float(sum(p.open_rows for p in columns))))
        counts: Counter[str] = Counter()
        for held in (*(p.counts for p in columns), *(p.counts for p in verdicts)):
            counts.update(held)
        told["driftlog_late_idle_total"].append(((), float(counts["late_idle"])))
        told["driftlog_state_discarded_total"].append(((), float(counts["state_discarded"])))
        for why in _UNJUDGED:
            told["driftlog_unjudged_rows_total"].append(((why,), float(counts[why])))
        for stage, many in (("monitor", len(columns)), ("incidents", len(verdicts))):
            told["driftlog_assigned_partitions"].append(((stage,), float(many)))
        if ingest is None:
            return
        told["driftlog_assigned_partitions"].append((("ingest",), float(len(ingest.sources))))
        for name in ("events", "labels", "late", "lost"):
            told[f"driftlog_{name}_total"].append(((), float(ingest.counts[name])))
        for reason, count in sorted(ingest.dead.items()):
            told["driftlog_dead_letters_total"].append(((reason,), float(count)))
        for labels, count in sorted(ingest.wrong_types.items()):
            told["driftlog_wrong_type_cells_total"].append((labels, float(count)))
        for kind in ("new", "vanished"):
            seen = ingest.new_columns if kind == "new" else ingest.vanished_columns
            for version, count in sorted(seen.items()):
                told[f"driftlog_{kind}_columns_total"].append((version, float(count)))
        for number, source in sorted(ingest.sources.items()):
            label = (str(number),)
            told["driftlog_lag_events"].append((label, float(ingest.lag.get(number, 0))))
            if (watermark := source.lateness.watermark_ms) is not None:
                told["driftlog_watermark_timestamp_seconds"].append((label, watermark / 1000))
                delay = self._now() - watermark / 1000
                told["driftlog_watermark_delay_seconds"].append((label, delay))


def _tell_summary(told: dict[str, list[Sample]], verdict: Verdict) -> None:
    series = (verdict.model, verdict.version, verdict.segment)
    if verdict.shard:
        return  # the first shard speaks for the series
    states = Counter(signal.state for signal in verdict.signals)
    judged = [
        s
        for s in verdict.signals
        if s.state not in (SignalState.LEARNING, SignalState.INSUFFICIENT)
    ]
    weight = sum(s.weight for s in judged)
    drifted = sum(s.weight for s in judged if s.state is SignalState.DRIFT)
    for state in SignalState:
        told["driftlog_signals"].append(((*series, state.value), float(states[state])))
    told["driftlog_drift_share"].append((series, drifted / weight if weight else 0.0))
    told["driftlog_last_evaluation_timestamp_seconds"].append((series, verdict.pane_end_ms / 1000))


def _worst_first(item: tuple[ColumnsPartition, Verdict]) -> tuple[int, float, str]:
    verdict = item[1]
    drifted = sum(s.state is SignalState.DRIFT for s in verdict.signals)
    ratios = [
        s.score / s.threshold
        for signal in verdict.signals
        for s in signal.scores.values()
        if s.threshold > 0
    ]
    return (-drifted, -max(ratios, default=0.0), verdict.segment)


def _is_stale(partition: ColumnsPartition, verdict: Verdict) -> bool:
    """Whether the series has been silent while others went on, in event time."""
    pane = verdict.pane_end_ms - verdict.pane_ms
    return partition.closed_through_ms - verdict.pane_end_ms > _STALE_PANES * pane


def _family(name: str, samples: list[Sample]) -> Metric:
    entry = CATALOGUE[name]
    if entry.type == "counter":
        counter = CounterMetricFamily(name.removesuffix("_total"), entry.help, labels=entry.labels)
        for labels, value in samples:
            counter.add_metric(labels, value)
        return counter
    if entry.type == "info":
        info = InfoMetricFamily(name.removesuffix("_info"), entry.help)
        for labels, _ in samples:
            info.add_metric((), dict(zip(entry.labels, labels, strict=True)))
        return info
    gauge = GaugeMetricFamily(name, entry.help, labels=entry.labels)
    for labels, value in samples:
        gauge.add_metric(labels, value)
    return gauge
