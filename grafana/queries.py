"""PromQL in pieces: whose metric, with which labels, and what a data source is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from stream.metrics.catalogue import CATALOGUE

__all__ = [
    "DATASOURCE",
    "MODEL",
    "SERIES",
    "SIGNAL",
    "VERSION",
    "Query",
    "metric",
    "selected",
]

DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}

# What a dashboard's variables select, by how much is chosen.
MODEL: Final = 'job="$job", model="$model"'
VERSION: Final = f'{MODEL}, version="$version"'
SERIES: Final = f'{VERSION}, segment="$segment"'
SIGNAL: Final = f'{SERIES}, signal="$signal"'


@dataclass(frozen=True, slots=True)
class Query:
    """One question to Prometheus.

    Args:
        expr: in PromQL.
        legend: text of a series, with ``{{label}}`` in it; empty for a table.
        instant: ask for the last value alone, not for the course.
        exemplar: show exemplars too; of histograms.
    """

    expr: str
    legend: str = ""
    instant: bool = False
    exemplar: bool = False

    def target(self, place: int, *, table: bool) -> dict[str, Any]:
        """Return the query as a panel holds it; the first is A, the second B."""
        found: dict[str, Any] = {
            "refId": chr(ord("A") + place),
            "datasource": DATASOURCE,
            "expr": self.expr,
            "format": "table" if table else "time_series",
            "instant": self.instant,
            "range": not self.instant,
        }
        if self.legend:
            found["legendFormat"] = self.legend
        if self.exemplar:
            found["exemplar"] = True
        return found


def metric(name: str, *labels: str) -> str:
    """Return a selector of one of the worker's metrics.

    Args:
        name: as the catalogue has it, a histogram with its suffix.
        labels: matchers, such as ``job="$job"``.

    Raises:
        KeyError: the catalogue has no such metric.
    """
    known = re.sub(r"(?<=.)_(bucket|sum|count)$", "", name) if name not in CATALOGUE else name
    if known not in CATALOGUE:
        raise KeyError(f"{name}: no metric of stream/metrics/catalogue.py")
    return selected(name, *labels)


def selected(name: str, *labels: str) -> str:
    """Return a selector of any series: recorded by a rule, or told by somebody else."""
    return f"{name}{{{', '.join(labels)}}}"
