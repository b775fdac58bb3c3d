"""What is measured as it happens, and not read off the state: histograms with exemplars.

An exemplar carries the correlation id of one request, so that a slow verdict leads to a row of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from prometheus_client import Histogram, disable_created_metrics
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from driftlog.serving import exemplar
from stream.metrics.catalogue import CATALOGUE
from stream.output import Output

__all__ = ["Observed"]


class Observed(Collector):
    """The histograms of a worker. They outlive its parts: what was observed stays observed.

    Args:
        now: seconds since 1970.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        # Else every series is doubled by the moment it was made, which nobody reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        self._now = now
        self._delay = _histogram("driftlog_verdict_delay_seconds")
        self._batch = _histogram("driftlog_batch_rows")

    def sent(self, output: Output) -> None:
        """Take note of a record that goes out; only of verdicts there is something to measure."""
        if output.pane_end_ms is not None:
            delay = max(0.0, self._now() - output.pane_end_ms / 1000)
            self._delay.observe(delay, exemplar(output.correlation_id))

    def decoded(self, rows: int, correlation_id: str) -> None:
        """Take note of a batch: its rows, and the correlation id of one of them."""
        self._batch.observe(rows, exemplar(correlation_id))

    def collect(self) -> Iterator[Metric]:
        """Yield the histograms, as they stand now."""
        yield from [*self._delay.collect(), *self._batch.collect()]


def _histogram(name: str) -> Histogram:
    entry = CATALOGUE[name]
    return Histogram(name, entry.help, entry.labels, registry=None, buckets=entry.buckets)
