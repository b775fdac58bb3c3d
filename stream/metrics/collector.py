"""Reads the live state when Prometheus asks.

What is not held is not told: nothing has to be removed, a partition takes its gauges along. What
has been counted stays: a counter that fell would look like a restart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from driftlog import __version__
from driftlog.settings import Settings
from stream.metrics.held import Held
from stream.metrics.judged import tell_configured, tell_incidents, tell_learning, tell_series
from stream.metrics.pipeline import tell_folds, tell_ingest
from stream.metrics.samples import Samples
from stream.metrics.series import Silence

__all__ = ["WorkerCollector"]


class WorkerCollector(Collector):
    """All metrics of a worker, by the catalogue.

    Args:
        held: what there is to tell of.
        settings: ``stream`` and ``worker.max_gauge_series`` are read.
        now: seconds since 1970.
    """

    def __init__(
        self, held: Held, settings: Settings, now: Callable[[], float] = time.time
    ) -> None:
        self._held = held
        self._now = now
        window_ms = settings.stream.window_panes * settings.stream.pane
        self._silence = Silence(window_ms / 1000)

    def describe(self) -> Iterable[Metric]:
        """Name nothing beforehand: registering must not read the state."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Return every metric of the catalogue, as things stand now.

        The state is read before this returns; the families may be taken later, and elsewhere.
        """
        samples, held, now = Samples(), self._held, self._now()
        if held.judging is not None:
            tell_series(samples, held.columns, held.judging, self._silence, now)
            tell_learning(samples, held.columns, held.judging)
            tell_configured(samples, held.columns, held.judging, now)
        tell_incidents(samples, held.verdicts)
        tell_folds(samples, held)
        if held.ingest is not None:
            tell_ingest(samples, held.ingest, now)
        samples.add("driftlog_build_info", (__version__,), 1.0)
        samples.add("driftlog_ready", (), float(held.ready))
        samples.add("driftlog_tasks", (), held.tasks)
        return chain(samples.families(), [*held.observed.collect()])
