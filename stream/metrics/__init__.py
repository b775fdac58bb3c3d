"""What the worker tells Prometheus: a catalogue as data, and collectors that read live state."""

from stream.metrics.catalogue import CATALOGUE, Metric
from stream.metrics.collector import WorkerCollector

__all__ = ["CATALOGUE", "Metric", "WorkerCollector"]
