"""What ``/metrics`` tells at one moment."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

__all__ = ["Gauges"]


class Gauges:
    """All samples of one answer of ``/metrics``.

    Args:
        text: in Prometheus' text format.
    """

    def __init__(self, text: str) -> None:
        self._samples = [
            (sample.name, sample.labels, sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        ]

    @property
    def series(self) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
        """Name and labels of every sample."""
        return {(called, tuple(sorted(found.items()))) for called, found, _ in self._samples}

    def all(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        """Return (labels, value) of every sample of that name which has these labels."""
        return [
            (found, value)
            for called, found, value in self._samples
            if called == name and labels.items() <= found.items()
        ]

    def total(self, name: str, **labels: str) -> float:
        """Return the sum over those samples, 0 where there is none."""
        return sum(value for _, value in self.all(name, **labels))

    def one(self, name: str, **labels: str) -> float | None:
        """Return the value of the only such sample, None where there is none."""
        found = self.all(name, **labels)
        assert len(found) < 2, f"{name}{labels} is not one sample but {found}"
        return found[0][1] if found else None
