"""Gauges of what is judged: series, signals, references, incidents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from driftlog.records import Decision, Severity, SignalState
from stream.judging import Judging
from stream.metrics.samples import Labels, Samples
from stream.metrics.series import HeldSeries, Silence, held_series
from stream.partition import ColumnsPartition
from stream.verdicts import VerdictsPartition

__all__ = ["tell_configured", "tell_incidents", "tell_learning", "tell_series"]

MAX_VERSIONS: Final = 200  # model versions with gauges a signal


def tell_series(
    samples: Samples,
    partitions: Sequence[ColumnsPartition],
    judging: Judging,
    silence: Silence,
    now: float,
) -> None:
    """Tell of the series: those of all rows with a gauge a signal, segments the worst first.

    Args:
        samples: what is told.
        partitions: of ``columns``, held here.
        judging: knows references and settings.
        silence: remembers between scrapes which partitions stand still.
        now: seconds of a clock.
    """
    found = held_series(partitions, judging, silence.observe(partitions, now))
    whole = sorted((one for one in found if one.whole), key=lambda one: one.rank)
    parts = sorted((one for one in found if not one.whole), key=lambda one: one.rank)
    most = judging.settings.worker.max_gauge_series
    for series in whole[:MAX_VERSIONS] + parts[:most]:
        _tell_signals(samples, series)
        _tell_shares(samples, series)
    _tell_others(samples, whole[MAX_VERSIONS:] + parts[most:])
    _tell_references(samples, whole, partitions, judging)


def _tell_signals(samples: Samples, series: HeldSeries) -> None:
    for signal, state in series.signals:
        labels = (*series.labels, signal.signal)
        for detector, score in signal.scores.items():
            samples.add("driftlog_score", (*labels, detector), score.score)
            samples.add("driftlog_threshold", (*labels, detector), score.threshold)
        samples.add("driftlog_psi", labels, signal.psi)
        samples.add("driftlog_effect_sd", labels, signal.effect_sd)
        samples.add("driftlog_rows", labels, signal.rows)
        samples.add("driftlog_state", labels, state.code)
    for name, judged_ms in series.judged_ms:
        samples.add(
            "driftlog_evaluation_timestamp_seconds", (*series.labels, name), judged_ms / 1000
        )


def _tell_shares(samples: Samples, series: HeldSeries) -> None:
    states, labels = series.states, series.labels
    for state in SignalState:
        samples.add("driftlog_signals", (*labels, state.value), states[state])
    judged, drifted = series.judged_weight, series.drifted_weight
    samples.add("driftlog_judged_weight", labels, judged)
    samples.add("driftlog_drifted_weight", labels, drifted)
    if series.complete and judged > 0:  # no data is never green
        samples.add("driftlog_drift_share", labels, drifted / judged)
    samples.add(
        "driftlog_last_evaluation_timestamp_seconds", labels, series.judged_through_ms / 1000
    )


def _tell_others(samples: Samples, others: Iterable[HeldSeries]) -> None:
    counts: Counter[Labels] = Counter()
    for series in others:
        for state, many in series.states.items():
            counts[series.model, series.version, state.value] += many
    samples.add_bounded("driftlog_other_signals", sorted(counts.items()))


def _tell_references(
    samples: Samples,
    whole: Sequence[HeldSeries],
    partitions: Sequence[ColumnsPartition],
    judging: Judging,
) -> None:
    """Tell by what the versions are judged; one reference a version, the one in effect."""
    through = max((partition.closed_through_ms for partition in partitions), default=0)
    infos: list[tuple[Labels, float]] = []
    shifts: dict[str, list[tuple[Labels, float]]] = {
        "driftlog_smallest_shift_sd": [],
        "driftlog_smallest_shift": [],
    }
    for series in sorted(whole, key=lambda one: one.labels):
        profile = judging.in_effect(series.model, series.version, through)
        if profile is None:
            continue
        infos.append(((series.model, series.version, profile.reference_id), 1.0))
        seen = judging.sensitivity(profile)
        held = {signal.signal for signal, _ in series.signals}
        for one, sd, own in zip(profile.signals, seen.smallest_sd, seen.smallest, strict=True):
            if one.signal in held and np.isfinite(sd):
                labels = (series.model, series.version, one.signal)
                shifts["driftlog_smallest_shift_sd"].append((labels, float(sd)))
                shifts["driftlog_smallest_shift"].append((labels, float(own)))
    samples.add_bounded("driftlog_reference_info", infos)
    for metric, values in shifts.items():
        samples.add_bounded(metric, values)


def tell_configured(
    samples: Samples, partitions: Sequence[ColumnsPartition], judging: Judging, now: float
) -> None:
    """Tell what is to be judged, by whomever: a signal that nobody holds is missing by this alone.

    Args:
        samples: what is told.
        partitions: of ``columns``, held here; their event time says which references are in effect.
        judging: knows the references.
        now: seconds since 1970, by which they are in effect for a worker without partitions.
    """
    through = max((one.closed_through_ms for one in partitions), default=0) or int(now * 1000)
    signals = []
    for model, version in judging.book.versions():
        profile = judging.in_effect(model, version, through)
        if profile is not None:
            signals += [((model, version, one.signal), 1.0) for one in profile.signals]
    samples.add_bounded("driftlog_configured_signal", signals)


def tell_learning(
    samples: Samples, partitions: Sequence[ColumnsPartition], judging: Judging
) -> None:
    """Tell how far the versions without a reference have come; those nearest to it first."""
    rows = {
        (learner.model, learner.version): len(learner.raw)
        for partition in partitions
        for learner in list(partition.learners.values())
    }
    nearest = sorted(rows.items(), key=lambda item: (-item[1], item[0]))
    samples.add_bounded("driftlog_learning_rows", ((name, float(n)) for name, n in nearest))
    samples.add("driftlog_learning_target_rows", (), judging.settings.models.learn_rows)


def tell_incidents(samples: Samples, partitions: Sequence[VerdictsPartition]) -> None:
    """Tell of each model what is open, and what follows from it."""
    models = {
        model: state.open
        for partition in partitions
        for model, state in list(partition.models.items())
    }
    worst = sorted(models.items(), key=lambda item: (-len(item[1]), item[0]))
    ranks = list(Decision)
    samples.add_bounded(
        "driftlog_decision",
        (
            ((model,), float(max((ranks.index(one.decision) for one in incidents), default=0)))
            for model, incidents in worst
        ),
    )
    counts = [
        ((model, severity.value), float(sum(one.severity is severity for one in incidents)))
        for model, incidents in worst
        for severity in Severity
    ]
    samples.add_bounded("driftlog_open_incidents", counts)
    waiting = [oldest for one in partitions if (oldest := one.oldest_waiting_ms) is not None]
    if waiting:
        samples.add("driftlog_oldest_unapplied_pane_timestamp_seconds", (), min(waiting) / 1000)
