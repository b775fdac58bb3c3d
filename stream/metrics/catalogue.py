"""Every metric: name, type, labels, unit, help. Docs, dashboards, rules and tests share it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["CATALOGUE", "Metric"]

_SERIES: Final = ("model", "version", "segment")
_SIGNAL: Final = (*_SERIES, "signal")
_VERSION: Final = ("model", "version")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. A counter's ``_total`` is part of its name here."""

    name: str
    type: Literal["gauge", "counter", "info", "histogram"]
    labels: tuple[str, ...]
    unit: str  # base unit, empty where there is none
    help: str
    buckets: tuple[float, ...] = ()  # upper bounds of a histogram, in its unit


_ALL: Final = (
    Metric(
        "driftlog_score",
        "gauge",
        (*_SIGNAL, "detector"),
        "",
        "Statistic of a detector at the last closed pane; beyond driftlog_threshold is an alarm.",
    ),
    Metric(
        "driftlog_threshold",
        "gauge",
        (*_SIGNAL, "detector"),
        "",
        "Threshold of a detector, in the unit of its score.",
    ),
    Metric(
        "driftlog_psi",
        "gauge",
        _SIGNAL,
        "",
        "Population stability index of the window, or of the rows since a change where larger.",
    ),
    Metric(
        "driftlog_effect_sd",
        "gauge",
        _SIGNAL,
        "",
        "Shift of the mean in standard deviations of the reference.",
    ),
    Metric("driftlog_rows", "gauge", _SIGNAL, "", "Rows in the window."),
    Metric(
        "driftlog_state",
        "gauge",
        _SIGNAL,
        "",
        "State: 0 learning, 1 insufficient, 2 ok, 3 minor, 4 pending, 5 drift, 6 stale (no rows in "
        "a window). A version that learns has no signals yet: see driftlog_learning_rows.",
    ),
    Metric(
        "driftlog_last_evaluation_timestamp_seconds",
        "gauge",
        _SERIES,
        "seconds",
        "Event time of the end of the last pane in which all signals of the series held here were "
        "judged.",
    ),
    Metric(
        "driftlog_evaluation_timestamp_seconds",
        "gauge",
        _SIGNAL,
        "seconds",
        "Event time of the end of the last pane in which the signal was judged. Where two workers "
        "tell of one signal, as for a moment when it moves, the later one is right.",
    ),
    Metric(
        "driftlog_configured_signal",
        "gauge",
        (*_VERSION, "signal"),
        "",
        "1 for each signal of the references in effect, told by every worker, whoever judges it: "
        "what is missing among the judged is seen by it.",
    ),
    Metric(
        "driftlog_drift_share",
        "gauge",
        _SERIES,
        "",
        "Weighted share of judged signals that have drifted, 0 to 1. A series whose shards are on "
        "several workers has none: divide the sums of the two weights.",
    ),
    Metric(
        "driftlog_judged_weight",
        "gauge",
        _SERIES,
        "",
        "Weight of the signals held here that are judged; sum it over workers.",
    ),
    Metric(
        "driftlog_drifted_weight",
        "gauge",
        _SERIES,
        "",
        "Weight of those of them that have drifted; sum it over workers.",
    ),
    Metric(
        "driftlog_signals",
        "gauge",
        (*_SERIES, "state"),
        "",
        "Signals by state, of the series that have gauges a signal; sum it over workers.",
    ),
    Metric(
        "driftlog_other_signals",
        "gauge",
        (*_VERSION, "state"),
        "",
        "Signals by state, of the series beyond worker.max_gauge_series; sum it over workers.",
    ),
    Metric(
        "driftlog_untold_label_sets",
        "gauge",
        ("metric",),
        "",
        "Label sets left out of a metric because the log holds too many models and versions.",
    ),
    Metric(
        "driftlog_smallest_shift_sd",
        "gauge",
        (*_VERSION, "signal"),
        "",
        "Smallest lasting shift of the mean that is significant within a window, at the traffic "
        "that was counted on, in standard deviations of the reference.",
    ),
    Metric(
        "driftlog_smallest_shift",
        "gauge",
        (*_VERSION, "signal"),
        "",
        "The same in the signal's own unit; of a boolean in shares, of a category in nats of "
        "surprise.",
    ),
    Metric(
        "driftlog_decision",
        "gauge",
        ("model",),
        "",
        "Worst decision of the open incidents: 0 none or NO_ACTION, 1 INVESTIGATE, 2 RETRAIN.",
    ),
    Metric(
        "driftlog_open_incidents",
        "gauge",
        ("model", "severity"),
        "",
        "Incidents that are open.",
    ),
    Metric(
        "driftlog_reference_info",
        "info",
        ("model", "version", "reference_id"),
        "",
        "The reference a model version is judged by.",
    ),
    Metric(
        "driftlog_learning_rows",
        "gauge",
        _VERSION,
        "",
        "Rows learned so far of a model version that has no reference yet.",
    ),
    Metric(
        "driftlog_learning_target_rows",
        "gauge",
        (),
        "",
        "Rows a reference is learned from (models.learn_rows).",
    ),
    Metric("driftlog_series", "gauge", (), "", "Series shards held by this worker."),
    Metric("driftlog_open_rows", "gauge", (), "", "Rows held for panes that are still open."),
    Metric(
        "driftlog_waiting_verdicts",
        "gauge",
        (),
        "",
        "Verdicts held for panes that not all partitions of columns have closed.",
    ),
    Metric(
        "driftlog_untold_counts_total",
        "counter",
        ("metric",),
        "",
        "What a metric would have counted under names it has no room for.",
    ),
    Metric(
        "driftlog_oldest_unapplied_pane_timestamp_seconds",
        "gauge",
        (),
        "seconds",
        "Event time of the oldest pane with verdicts that no incident has taken into account yet.",
    ),
    Metric(
        "driftlog_closed_through_timestamp_seconds",
        "gauge",
        ("stage", "partition"),
        "seconds",
        "Event time through which a partition of columns is judged (stage monitor), or one of "
        "verdicts is applied to the incidents (stage incidents).",
    ),
    Metric(
        "driftlog_verdict_delay_seconds",
        "histogram",
        (),
        "seconds",
        "From the end of a pane, in event time, to the sending of a verdict on it: the allowed "
        "lateness, and what reading and judging take. Of a log that is read again it is the age "
        "of the log.",
        buckets=(0.5, 1, 2.5, 5, 10, 15, 20, 30, 45, 60, 120, 300, 900, 3600),
    ),
    Metric(
        "driftlog_batch_rows",
        "histogram",
        (),
        "",
        "Rows that came out of one batch of events, decoded at once: few of them mean that events "
        "are read as they come, many that there is a backlog.",
        buckets=(1, 4, 16, 64, 256, 1024, 4096, 16384),
    ),
    Metric("driftlog_events_total", "counter", (), "", "Events read."),
    Metric(
        "driftlog_shadow_events_total",
        "counter",
        (),
        "",
        "Events of a shadow model, which are counted and not judged.",
    ),
    Metric("driftlog_labels_total", "counter", (), "", "Labels read."),
    Metric("driftlog_late_total", "counter", (), "", "Events later than the allowed lateness."),
    Metric(
        "driftlog_late_idle_total",
        "counter",
        (),
        "",
        "Rows for a pane that was closed because their source partition had fallen idle.",
    ),
    Metric("driftlog_dead_letters_total", "counter", ("reason",), "", "Events rejected."),
    Metric(
        "driftlog_lost_total", "counter", (), "", "Events gone from the log before they were read."
    ),
    Metric(
        "driftlog_last_loss_timestamp_seconds",
        "gauge",
        (),
        "seconds",
        "When this worker last found events gone. A worker that finds it as it starts tells a "
        "counter that does not rise; absent while nothing was lost.",
    ),
    Metric(
        "driftlog_wrong_type_cells_total",
        "counter",
        ("model", "version", "signal"),
        "",
        "Cells of a wrong type.",
    ),
    Metric(
        "driftlog_new_columns_total",
        "counter",
        _VERSION,
        "",
        "Sampled events with an input that the reference does not know.",
    ),
    Metric(
        "driftlog_vanished_columns_total",
        "counter",
        _VERSION,
        "",
        "Sampled events without an input that the reference has.",
    ),
    Metric(
        "driftlog_unjudged_rows_total",
        "counter",
        ("why",),
        "",
        "Rows that reached the monitor and were not judged: before the reference takes effect, "
        "after it was taken away, of a series beyond stream.max_series, of a version beyond "
        "models.max_learning, let go while it learned (models.learn_bytes), or of which no "
        "reference can be learned.",
    ),
    Metric(
        "driftlog_repeated_rows_total",
        "counter",
        ("why",),
        "",
        "Rows read again and dropped: of panes judged before a restart, or sent twice.",
    ),
    Metric(
        "driftlog_refused_records_total",
        "counter",
        ("stage", "why"),
        "",
        "Records of driftlog's own topics that could not be taken.",
    ),
    Metric(
        "driftlog_repeated_verdicts_total",
        "counter",
        (),
        "",
        "Verdicts read again of panes that are applied already.",
    ),
    Metric(
        "driftlog_conflicting_verdicts_total",
        "counter",
        (),
        "",
        "Two different verdicts for one pane: workers run with different settings or versions.",
    ),
    Metric(
        "driftlog_state_discarded_total",
        "counter",
        ("stage",),
        "",
        "Stored states that could not be used; what they held started afresh.",
    ),
    Metric(
        "driftlog_lag_events", "gauge", ("partition",), "", "Events not yet read of a partition."
    ),
    Metric(
        "driftlog_watermark_timestamp_seconds",
        "gauge",
        ("partition",),
        "seconds",
        "Event time up to which a source partition has been read.",
    ),
    Metric(
        "driftlog_watermark_delay_seconds",
        "gauge",
        ("partition",),
        "seconds",
        "How far the watermark of a source partition is behind the clock.",
    ),
    Metric(
        "driftlog_source_idle",
        "gauge",
        ("partition",),
        "",
        "1 while a source partition has been read to its end and holds nobody up.",
    ),
    Metric("driftlog_assigned_partitions", "gauge", ("stage",), "", "Partitions held."),
    Metric(
        "driftlog_assignments_total",
        "counter",
        ("stage",),
        "",
        "Times that partitions were given to this worker: at its start, and at each rebalance.",
    ),
    Metric("driftlog_tasks", "gauge", (), "", "Tasks of the worker's event loop."),
    Metric(
        "driftlog_ready",
        "gauge",
        (),
        "",
        "1 when the worker has been let into its groups, and the state of what it holds is there.",
    ),
    Metric("driftlog_build_info", "info", ("version",), "", "Version of driftlog."),
)

CATALOGUE: Final[dict[str, Metric]] = {metric.name: metric for metric in _ALL}
