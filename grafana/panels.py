"""Panels, one function a kind: what is asked, how it looks, and a sentence on what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from grafana.queries import DATASOURCE, Query

__all__ = ["Panel", "override", "stat", "table", "timeline", "timeseries"]

Panel = dict[str, Any]
_LAST: Final = {"calcs": ["lastNotNull"], "fields": "", "values": False}


def _panel(
    kind: str,
    number: int,
    title: str,
    description: str,
    size: tuple[int, int],
    queries: Sequence[Query],
    *,
    options: Mapping[str, Any],
    custom: Mapping[str, Any],
    looks: Mapping[str, Any],
    overrides: Sequence[Mapping[str, Any]],
    transformations: Sequence[Mapping[str, Any]] = (),
) -> Panel:
    table = kind == "table"
    defaults = {**looks, "custom": dict(custom)} if custom else dict(looks)
    panel: Panel = {
        "id": number,
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "gridPos": {"w": size[0], "h": size[1], "x": 0, "y": 0},
        "targets": [query.target(place, table=table) for place, query in enumerate(queries)],
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "options": dict(options),
    }
    if transformations:
        panel["transformations"] = list(transformations)
    return panel


def stat(
    number: int,
    title: str,
    description: str,
    query: Query,
    *,
    size: tuple[int, int] = (4, 4),
    **looks: Any,
) -> Panel:
    """Return one figure, coloured by its thresholds or its words.

    Args:
        number: id of the panel, for ever: links hold it.
        title: of the panel.
        description: a sentence on what it says.
        query: an instant one.
        size: width and height on the grid of 24 columns.
        looks: unit, thresholds, mappings, decimals, links as Grafana's ``fieldConfig`` has them.
    """
    options = {
        "colorMode": "background",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": _LAST,
        "showPercentChange": False,
        "textMode": "value_and_name" if query.legend else "value",
        "wideLayout": True,
    }
    looks = {"color": {"mode": "thresholds"}, "noValue": "no data", **looks}
    return _panel(
        *("stat", number, title, description, size, [query]),
        options=options,
        custom={},
        looks=looks,
        overrides=(),
    )


def timeseries(
    number: int,
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    size: tuple[int, int] = (12, 8),
    limit: bool = False,
    bars: bool = False,
    stacked: bool = False,
    overrides: Sequence[Mapping[str, Any]] = (),
    **looks: Any,
) -> Panel:
    """Return courses over time.

    Args:
        number: id of the panel, for ever.
        title: of the panel.
        description: a sentence on what it says.
        queries: range queries.
        size: width and height.
        limit: draw the thresholds as dashed lines.
        bars: a bar for each value, for counts a day.
        stacked: one on top of the other, where their sum means something.
        overrides: looks of some series.
        looks: unit, thresholds, links and so on.
    """
    custom = {
        "drawStyle": "bars" if bars else "line",
        "fillOpacity": 60 if bars else 10 if stacked else 0,
        "lineWidth": 1,
        "showPoints": "never",
        # Where nobody told of it there is a gap, and no line that guesses.
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "normal" if stacked else "none"},
        "thresholdsStyle": {"mode": "dashed" if limit else "off"},
    }
    options = {
        "legend": {
            "calcs": ["lastNotNull", "max"],
            "displayMode": "table",
            "placement": "bottom",
            "showLegend": True,
            "sortBy": "Last *",
            "sortDesc": True,
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    looks = {"color": {"mode": "palette-classic"}, **looks}
    return _panel(
        *("timeseries", number, title, description, size, queries),
        options=options,
        custom=custom,
        looks=looks,
        overrides=overrides,
    )


def timeline(
    number: int,
    title: str,
    description: str,
    query: Query,
    *,
    size: tuple[int, int] = (24, 8),
    **looks: Any,
) -> Panel:
    """Return a lane for each series, coloured by its state; a gap where nothing was told."""
    options = {
        "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "mergeValues": True,
        "perPage": 20,
        "rowHeight": 0.85,
        "showValue": "auto",
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return _panel(
        *("state-timeline", number, title, description, size, [query]),
        options=options,
        custom={"fillOpacity": 70, "lineWidth": 0},
        looks={"color": {"mode": "thresholds"}, **looks},
        overrides=(),
    )


def table(
    number: int,
    title: str,
    description: str,
    queries: Sequence[Query],
    columns: Sequence[str],
    *,
    size: tuple[int, int] = (24, 8),
    worst: str = "",
    overrides: Sequence[Mapping[str, Any]] = (),
    **looks: Any,
) -> Panel:
    """Return a row for each set of labels, with a column for each query.

    Args:
        number: id of the panel, for ever.
        title: of the panel.
        description: a sentence on what it says.
        queries: instant ones; what they have in common makes a row.
        columns: names of the columns in their order: the labels, and a name for each query.
        size: width and height.
        worst: the column by which it is sorted, the highest first.
        overrides: looks of some columns.
        looks: of all of them.
    """
    labels = list(columns[: len(columns) - len(queries)])
    names = list(columns[len(labels) :])
    # As Grafana names the values of one query, and of several.
    values = [f"Value #{chr(ord('A') + place)}" for place in range(len(names))]
    values = values if len(values) > 1 else ["Value"]
    organized = {
        "excludeByName": {"Time": True},
        "indexByName": {name: place for place, name in enumerate([*labels, *values])},
        "renameByName": dict(zip(values, names, strict=True)),
    }
    options: dict[str, Any] = {"cellHeight": "sm", "frameIndex": 0, "showHeader": True}
    if worst:
        options["sortBy"] = [{"displayName": worst, "desc": True}]
    return _panel(
        *("table", number, title, description, size, queries),
        options=options,
        custom={
            "align": "auto",
            "cellOptions": {"type": "auto"},
            "filterable": True,
            "inspect": False,
        },
        looks=looks,
        overrides=overrides,
        transformations=[
            {"id": "merge", "options": {}},
            {"id": "organize", "options": organized},
        ],
    )


def override(name: str, **properties: Any) -> dict[str, Any]:
    """Return the looks of one column or series by its name.

    Args:
        name: of the column or series; ``/…/`` is a regular expression.
        properties: such as ``unit``; what belongs to the kind of panel begins with ``custom_``.
    """
    matcher = "byRegexp" if name.startswith("/") else "byName"
    return {
        "matcher": {"id": matcher, "options": name},
        "properties": [
            {"id": key.replace("custom_", "custom."), "value": value}
            for key, value in properties.items()
        ],
    }
