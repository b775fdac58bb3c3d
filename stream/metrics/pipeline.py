"""Gauges and counters of the pipeline itself: what came in, what was left out, how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from driftlog.records import Reason
from stream.ingest import Ingest
from stream.metrics.held import Held, Stage
from stream.metrics.samples import Labels, Samples

__all__ = ["COUNTS", "INGEST_COUNTS", "tell_folds", "tell_ingest"]

# What the folds count -> how it is told. A name that is not here would be counted in vain.
COUNTS: Final[Mapping[tuple[Stage, str], tuple[str, Labels]]] = {
    ("monitor", "late_idle"): ("driftlog_late_idle_total", ()),
    ("monitor", "before_reference"): ("driftlog_unjudged_rows_total", ("before_reference",)),
    ("monitor", "unjudged"): ("driftlog_unjudged_rows_total", ("without_reference",)),
    ("monitor", "over_max_series"): ("driftlog_unjudged_rows_total", ("over_max_series",)),
    ("monitor", "over_max_learning"): ("driftlog_unjudged_rows_total", ("over_max_learning",)),
    ("monitor", "learning_let_go"): ("driftlog_unjudged_rows_total", ("learning_let_go",)),
    ("monitor", "not_learnable"): ("driftlog_unjudged_rows_total", ("not_learnable",)),
    ("monitor", "replayed"): ("driftlog_repeated_rows_total", ("replayed",)),
    ("monitor", "doubled"): ("driftlog_repeated_rows_total", ("doubled",)),
    ("monitor", "damaged"): ("driftlog_refused_records_total", ("monitor", "damaged")),
    ("incidents", "damaged"): ("driftlog_refused_records_total", ("incidents", "damaged")),
    ("incidents", "foreign_markers"): (
        "driftlog_refused_records_total",
        ("incidents", "foreign_marker"),
    ),
    ("incidents", "replayed_verdicts"): ("driftlog_repeated_verdicts_total", ()),
    ("incidents", "conflicting_verdicts"): ("driftlog_conflicting_verdicts_total", ()),
    ("monitor", "state_discarded"): ("driftlog_state_discarded_total", ("monitor",)),
    ("incidents", "state_discarded"): ("driftlog_state_discarded_total", ("incidents",)),
}
INGEST_COUNTS: Final[Mapping[str, str]] = {
    "events": "driftlog_events_total",
    "labels": "driftlog_labels_total",
    "late": "driftlog_late_total",
    "lost": "driftlog_lost_total",
    "shadow": "driftlog_shadow_events_total",
}


def tell_folds(samples: Samples, held: Held) -> None:
    """Tell of monitor and incidents."""
    columns, verdicts = held.columns, held.verdicts
    samples.add("driftlog_series", (), sum(len(one.series) for one in columns))
    samples.add("driftlog_open_rows", (), sum(one.open_rows for one in columns))
    samples.add("driftlog_waiting_verdicts", (), sum(one.waiting for one in verdicts))
    for (stage, name), (metric, labels) in COUNTS.items():
        samples.add(metric, labels, held.counts[stage][name])
    samples.add("driftlog_assigned_partitions", ("monitor",), len(columns))
    samples.add("driftlog_assigned_partitions", ("incidents",), len(verdicts))
    for part, times in held.assignments.items():
        samples.add("driftlog_assignments_total", (part,), times)
    through: list[tuple[Labels, int]] = [
        *((("monitor", str(one.number)), one.through_ms) for one in columns),
        *((("incidents", str(one.number)), one.through_ms) for one in verdicts),
    ]
    for labels, end_ms in through:
        if end_ms:
            samples.add("driftlog_closed_through_timestamp_seconds", labels, end_ms / 1000)


def tell_ingest(samples: Samples, ingest: Ingest, now: float) -> None:
    """Tell of ingest.

    Args:
        samples: what is told.
        ingest: the half.
        now: seconds since 1970.
    """
    samples.add("driftlog_assigned_partitions", ("ingest",), len(ingest.sources))
    for count, metric in INGEST_COUNTS.items():
        samples.add(metric, (), ingest.counts[count])
    if ingest.last_loss is not None:
        samples.add("driftlog_last_loss_timestamp_seconds", (), ingest.last_loss)
    for reason in Reason:
        samples.add("driftlog_dead_letters_total", (reason.value,), ingest.dead[reason.value])
    # In the order of first appearance: a counter that is told once is told always.
    for metric, tally in (
        ("driftlog_wrong_type_cells_total", ingest.wrong_types),
        ("driftlog_new_columns_total", ingest.new_columns),
        ("driftlog_vanished_columns_total", ingest.vanished_columns),
    ):
        samples.add_bounded(metric, ((name, float(n)) for name, n in tally.of.items()))
        samples.add("driftlog_untold_counts_total", (metric,), tally.beyond)
    for number, source in sorted(ingest.sources.items()):
        label = (str(number),)
        samples.add("driftlog_source_idle", label, source.idle)
        samples.add("driftlog_lag_events", label, ingest.lag.get(number, 0))
        watermark = source.lateness.watermark_ms
        if watermark is not None:
            samples.add("driftlog_watermark_timestamp_seconds", label, watermark / 1000)
            samples.add("driftlog_watermark_delay_seconds", label, now - watermark / 1000)
