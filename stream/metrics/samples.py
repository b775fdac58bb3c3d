"""The samples of one scrape, by metric of the catalogue, with a bound on what the log may add."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from stream.metrics.catalogue import CATALOGUE

__all__ = ["LABEL_LENGTH", "MAX_LABEL_SETS", "Labels", "Samples"]

# How many models come in, and under what names, is up to the log: neither may break a scrape.
MAX_LABEL_SETS: Final = 2_000  # of one metric
LABEL_LENGTH: Final = 200  # characters

Labels = Sequence[str]


class Samples:
    """What is told in one scrape: every metric of the catalogue, be it without samples.

    All but the histograms, which are not read off the state.
    """

    def __init__(self) -> None:
        self._of: dict[str, list[tuple[Labels, float]]] = {
            name: [] for name, entry in CATALOGUE.items() if entry.type != "histogram"
        }

    def add(self, name: str, labels: Labels, value: float) -> None:
        """Tell one sample; labels in the order of the catalogue.

        Raises:
            KeyError: the catalogue has no such metric.
        """
        self._of[name].append((labels, value))

    def add_bounded(
        self, name: str, found: Iterable[tuple[Labels, float]], limit: int = MAX_LABEL_SETS
    ) -> None:
        """Tell the first ``limit`` samples and count the rest.

        The order must be one that lasts where a counter is told: one that comes and goes is no
        counter.
        """
        left_out = 0
        for place, (labels, value) in enumerate(found):
            if place < limit:
                self.add(name, labels, value)
            else:
                left_out += 1
        self.add("driftlog_untold_label_sets", (name,), left_out)

    def families(self) -> Iterator[Metric]:
        """Yield every metric, in the order of the catalogue."""
        for name, samples in self._of.items():
            yield _family(name, samples)


def _family(name: str, samples: Iterable[tuple[Labels, float]]) -> Metric:
    entry = CATALOGUE[name]
    family: CounterMetricFamily | GaugeMetricFamily
    if entry.type == "info":
        info = InfoMetricFamily(name.removesuffix("_info"), entry.help)
        for labels, _ in samples:
            info.add_metric((), dict(zip(entry.labels, map(_short, labels), strict=True)))
        return info
    if entry.type == "counter":
        family = CounterMetricFamily(name.removesuffix("_total"), entry.help, labels=entry.labels)
    else:
        family = GaugeMetricFamily(name, entry.help, labels=entry.labels)
    for labels, value in samples:
        family.add_metric([_short(label) for label in labels], value)
    return family


def _short(label: str) -> str:
    """A label of bounded length; what is cut off still tells two labels apart."""
    if len(label) <= LABEL_LENGTH:
        return label
    digest = blake2b(label.encode(), digest_size=6).hexdigest()
    return f"{label[: LABEL_LENGTH - len(digest) - 1]}~{digest}"
