"""What the worker tells Prometheus: a catalogue as data, and collectors that read live state."""

from stream.metrics.catalogue import CATALOGUE, Metric
from stream.metrics.collector import WorkerCollector
from stream.metrics.held import Held, Stage
from stream.metrics.observed import Observed

__all__ = ["CATALOGUE", "Held", "Metric", "Observed", "Stage", "WorkerCollector"]
