"""A dashboard from its parts: variables, annotations, links, and panels laid out in rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana.links import CONSOLE, board_uid
from grafana.panels import Panel
from grafana.queries import DATASOURCE

__all__ = ["Row", "annotation", "dashboard", "variable"]

WIDTH: Final = 24  # columns of Grafana's grid
_SCHEMA: Final = 39  # of Grafana 10 and 11; later ones bring it up to theirs by themselves


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading, from left to right and then below.

    Args:
        number: id of the heading, for ever.
        title: the question that its panels answer.
        panels: in their order.
    """

    number: int
    title: str
    panels: Sequence[Panel]


def variable(
    name: str,
    query: str,
    *,
    label: str = "",
    all_of_them: bool = False,
    hidden: bool = False,
) -> dict[str, Any]:
    """Return a variable that takes its values from Prometheus.

    Args:
        name: as queries write it, behind a ``$``.
        query: such as ``label_values(up, job)``.
        label: what people read beside it; the name by default.
        all_of_them: whether several may be chosen at once, and all of them are.
        hidden: whether people do not see it.
    """
    found: dict[str, Any] = {
        "type": "query",
        "name": name,
        "label": label or name,
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,  # models come and go: look again when the time range changes
        "sort": 1,
        "multi": all_of_them,
        "includeAll": all_of_them,
        "hide": 2 if hidden else 0,
    }
    if all_of_them:
        # All is the list of what there is, by default; ``.+`` would be other jobs too.
        found |= {"current": {"text": "All", "value": "$__all"}}
    return found


def annotation(name: str, expr: str, colour: str, title: str, tags: str = "") -> dict[str, Any]:
    """Return marks on all time series: where the query has values, there something is the case.

    Args:
        name: what people switch on and off.
        expr: in PromQL.
        colour: of the mark.
        title: beside it, with ``{{label}}`` in it.
        tags: labels that are shown as tags, by commas.
    """
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "expr": expr,
        "step": "",
        "titleFormat": title,
        "textFormat": "",
        "tagKeys": tags,
    }


def dashboard(
    name: str,
    title: str,
    description: str,
    *,
    variables: Sequence[dict[str, Any]],
    annotations: Sequence[dict[str, Any]],
    rows: Sequence[Row],
    console: str = CONSOLE,
) -> dict[str, Any]:
    """Return a dashboard in Grafana's schema v1.

    Args:
        name: of the file, and in the uid.
        title: what people read.
        description: the question that it answers.
        variables: besides the data source and the console's address, in their order.
        annotations: marks on all time series.
        rows: laid out below each other.
        console: where the console answers, as a browser writes it.

    Raises:
        ValueError: a panel is wider than the grid.
    """
    source = {"type": "datasource", "name": "datasource", "label": "source", "query": "prometheus"}
    # A constant: nobody can be sent a link to this dashboard that leads on to another console.
    address = {"type": "constant", "name": "console", "query": console, "hide": 2}
    return {
        "uid": board_uid(name),
        "title": title,
        "description": description,
        "tags": ["driftlog"],
        "editable": False,
        "graphTooltip": 1,
        "schemaVersion": _SCHEMA,
        "timezone": "browser",
        "refresh": "10s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [source, address, *variables]},
        "annotations": {"list": list(annotations)},
        "links": [_others(), _console()],
        "panels": _laid_out(rows),
    }


def _others() -> dict[str, Any]:
    return {
        "type": "dashboards",
        "title": "driftlog",
        "tags": ["driftlog"],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "The other dashboards, with what is chosen here",
    }


def _console() -> dict[str, Any]:
    return {
        "type": "link",
        "title": "Console",
        "url": "${console:raw}",
        "tags": [],
        "asDropdown": False,
        "includeVars": False,
        "keepTime": False,
        "targetBlank": True,
        "icon": "external link",
        "tooltip": "What drifted, since when, how bad and what to do",
    }


def _laid_out(rows: Sequence[Row]) -> list[Panel]:
    found: list[Panel] = []
    y = 0
    for row in rows:
        found.append(
            {
                "id": row.number,
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1},
                "panels": [],
            }
        )
        y += 1
        x = tallest = 0
        for panel in row.panels:
            width, height = panel["gridPos"]["w"], panel["gridPos"]["h"]
            if width > WIDTH:
                raise ValueError(f"{panel['title']}: {width} columns, and the grid has {WIDTH}")
            if x + width > WIDTH:
                x, y, tallest = 0, y + tallest, 0
            found.append({**panel, "gridPos": {"x": x, "y": y, "w": width, "h": height}})
            x, tallest = x + width, max(tallest, height)
        y += tallest
    return found
