"""The dashboards as they are committed, and what can be said of them without a server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from grafana.files import FOLDER
from tests.architecture.imports import ROOT

__all__ = [
    "BOARDS",
    "Board",
    "addresses",
    "complaints",
    "expressions",
    "panels",
    "schema",
    "variables",
]

Board = dict[str, Any]
BOARDS: Final[dict[str, Board]] = {
    file.stem: json.loads(file.read_text(encoding="utf-8"))
    for file in sorted(FOLDER.glob("*.json"))
}
_WIDTH: Final = 24
_BUILT_IN: Final = {"__rate_interval", "__interval", "__range", "__url_time_range"}
_VARIABLE: Final = re.compile(r"\$\{?(\w+)")


def schema(name: str) -> dict[str, Any]:
    """Return one of the schemas made from Grafana's types."""
    file = ROOT / "tests" / "observability" / "schema" / f"{name}.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def panels(board: Board) -> list[dict[str, Any]]:
    """Return the panels that ask something."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def variables(board: Board) -> dict[str, dict[str, Any]]:
    """Return the variables by name."""
    return {one["name"]: one for one in board["templating"]["list"]}


def expressions(board: Board) -> Iterator[tuple[str, str]]:
    """Yield (where, PromQL) of every panel, annotation and variable."""
    for panel in panels(board):
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", target["expr"]
    for one in board["annotations"]["list"]:
        yield f"annotation {one['name']}", one["expr"]
    for one in variables(board).values():
        if one["type"] == "query":
            yield f"variable {one['name']}", one["query"]["query"]


def complaints(board: Board) -> list[str]:
    """Return what is wrong with a dashboard by itself."""
    found = []
    known = {*variables(board), *_BUILT_IN}
    for where, text in [*expressions(board), *_addresses(board)]:
        named = {name for name in _VARIABLE.findall(text) if not name.startswith(_OF_A_CELL)}
        found += [f"{where}: there is no ${name}" for name in sorted(named - known)]
    numbers = [panel["id"] for panel in board["panels"]]
    found += [f"two panels are {number}" for number in set(numbers) if numbers.count(number) > 1]
    for panel in panels(board):
        defaults = panel["fieldConfig"]["defaults"]
        if len(panel.get("description", "")) < 20:
            found.append(f"{panel['title']}: no description")
        overridden = [
            one["id"] for o in panel["fieldConfig"]["overrides"] for one in o["properties"]
        ]
        if not {"unit", "decimals", "mappings"} & {*defaults, *overridden} and not _counts(panel):
            found.append(f"{panel['title']}: neither a unit nor words for its values")
        if panel["datasource"]["uid"] != "${datasource}":
            found.append(f"{panel['title']}: a data source of its own")
        letters = [target["refId"] for target in panel["targets"]]
        if not letters or len({*letters}) < len(letters):
            found.append(f"{panel['title']}: refIds {letters}")
    return found + list(_crowded(board))


_OF_A_CELL: Final = ("__data", "__field", "__value")


def _counts(panel: dict[str, Any]) -> bool:
    """Whether the figure is a plain count of things, as its query says."""
    return all(re.match(r"(sum|count)\(", target["expr"]) for target in panel["targets"])


def _addresses(board: Board) -> Iterator[tuple[str, str]]:
    for link in board["links"]:
        yield link["title"], link.get("url", "")
    for panel in panels(board):
        config = panel["fieldConfig"]
        links = list(config["defaults"].get("links", ()))
        for one in config["overrides"]:
            for each in one["properties"]:
                links += each["value"] if each["id"] == "links" else []
        for link in links:
            yield panel["title"], link["url"]


def _crowded(board: Board) -> Iterator[str]:
    taken: dict[tuple[int, int], str] = {}
    for panel in board["panels"]:
        at = panel["gridPos"]
        if at["x"] < 0 or at["x"] + at["w"] > _WIDTH:
            yield f"{panel['title']}: leaves the grid"
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                if (x, y) in taken:
                    yield f"{panel['title']}: lies on {taken[x, y]}"
                    return
                taken[x, y] = panel["title"]


def addresses(board: Board) -> list[str]:
    """Return the address of every link."""
    return [url for _, url in _addresses(board)]
