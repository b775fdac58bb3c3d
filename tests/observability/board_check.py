"""Every question of a dashboard put to a real Prometheus: is it answered, and as it is drawn?"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from typing import Any, Final

from tests.observability.boards import Board, panels, variables
from tests.observability.prometheus_process import Prometheus, Sample

__all__ = ["BoardCheck"]

_LABEL_VALUES: Final = re.compile(r"label_values\((?P<series>.+), (?P<label>\w+)\)", re.DOTALL)
_LEGEND: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_STEP_S: Final = 2.0
Answers = dict[tuple[str, str], list[Sample]]


class BoardCheck:
    """Asks as Grafana would: variables first, in their order, then panels and annotations.

    Args:
        server: that is asked.
        start: from when on, in seconds since 1970.
        wanted: what somebody would choose, by variable; else the first value there is.
    """

    def __init__(self, server: Prometheus, start: float, wanted: Mapping[str, str]) -> None:
        self.answers: Answers = {}  # (title of the panel, refId) -> what was answered last
        self.chosen: dict[str, str] = {}
        self._server = server
        self._start = start
        self._wanted = wanted

    async def complaints(self, board: Board) -> list[str]:
        """Return what is wrong now: no answer, no number, or labels that are not there."""
        found = await self._choose(board)
        for panel in panels(board):
            for target in panel["targets"]:
                where = f"{board['title']}: {panel['title']} {target['refId']}"
                found += [f"{where}: {one}" for one in await self._target(panel, target)]
        for one in board["annotations"]["list"]:
            where = f"{board['title']}: annotation {one['name']}"
            labels = _LEGEND.findall(one["titleFormat"]) + _split(one["tagKeys"])
            asked, problems = await self._asked(one["expr"], instant=False)
            found += [f"{where}: {problem}" for problem in problems or _missing(asked, labels)]
        return found

    async def _choose(self, board: Board) -> list[str]:
        found = []
        self.chosen = {}
        for name, one in variables(board).items():
            if one["type"] != "query":
                self.chosen[name] = str(one["query"])
                continue
            match = _LABEL_VALUES.fullmatch(one["query"]["query"])
            assert match, one["query"]["query"]
            values = await self._server.label_values(self.expanded(match["series"]), match["label"])
            if not values:
                found.append(f"{board['title']}: ${name} has no value")
                self.chosen[name] = "nothing"
            elif one["multi"]:
                # A regular expression inside a text of PromQL, and so escaped twice.
                each = (re.escape(value).replace("\\", "\\\\") for value in values)
                self.chosen[name] = f"({'|'.join(each)})"
            else:
                wanted = self._wanted.get(name, "")
                self.chosen[name] = wanted if wanted in values else values[0]
        return found

    async def _target(self, panel: dict[str, Any], target: dict[str, Any]) -> list[str]:
        asked, problems = await self._asked(target["expr"], instant=target["instant"])
        self.answers[panel["title"], target["refId"]] = asked
        if problems:
            return problems
        labels = _LEGEND.findall(target.get("legendFormat", ""))
        if panel["type"] == "table":
            organized = panel["transformations"][1]["options"]
            labels += [one for one in organized["indexByName"] if not one.startswith("Value")]
        return _missing(asked, labels)

    async def _asked(self, expr: str, *, instant: bool) -> tuple[list[Sample], list[str]]:
        text = self.expanded(expr)
        left = re.findall(r"\$\{?\w+", text)
        if left:
            return [], [f"{left[0]} is not filled in"]
        try:
            if instant:
                asked = await self._server.now(text)
            else:
                asked = await self._server.over(text, self._start, time.time(), _STEP_S)
        except ValueError as exc:
            return [], [f"{exc} in {text}"]
        if not asked:
            return [], [f"no data for {text}"]
        if all(math.isnan(value) for one in asked for _, value in one.values):
            return asked, [f"no number for {text}"]
        return asked, []

    def expanded(self, text: str) -> str:
        """Return PromQL with what is chosen in the place of the variables."""
        spent = max(10, math.ceil(time.time() - self._start))
        known = {"__rate_interval": "10s", "__range": f"{spent}s"} | self.chosen
        return re.sub(r"\$(\w+)", lambda match: known.get(match[1], match[0]), text)


def _missing(asked: list[Sample], labels: list[str]) -> list[str]:
    told = [one.labels for one in asked]
    return [
        f"no series has the label {label}"
        for label in dict.fromkeys(labels)
        if not any(label in one for one in told)
    ]


def _split(text: str) -> list[str]:
    return [one for one in text.split(",") if one]
