"""What the check of live dashboards finds, with answers made up: it must be able to complain."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.observability.board_check import BoardCheck
from tests.observability.boards import BOARDS, Board, panels
from tests.observability.prometheus_process import Sample

LABELS = {"model": "late", "version": "1", "signal": "x", "layer": "data", "alertname": "a"}
LABELS |= {"severity": "page", "job": "driftlog"}


class Answering:
    """Stands in for a Prometheus that has an answer to everything."""

    def __init__(self, *, value: float = 1.0, values: tuple[str, ...] = ("late",)) -> None:
        self.asked: list[str] = []
        self._value = value
        self._values = values

    async def now(self, expr: str) -> list[Sample]:
        self.asked.append(expr)
        if "wrong" in expr:
            raise ValueError("parse error")
        return [] if "nothing_of" in expr else [Sample(LABELS, [(0.0, self._value)])]

    async def over(self, expr: str, start: float, end: float, step: float) -> list[Sample]:
        return await self.now(expr)

    async def label_values(self, series: str, label: str) -> list[str]:
        return list(self._values)


def check(server: Any) -> BoardCheck:
    return BoardCheck(server, 0.0, {})


async def complaints(change: str, to: str, of: str = "expr") -> list[str]:
    board: Board = copy.deepcopy(BOARDS["fleet"])
    target = panels(board)[6]["targets"][0]
    assert change in target[of]
    target[of] = target[of].replace(change, to)
    return await check(Answering()).complaints(board)


async def test_a_dashboard_that_is_answered_is_well() -> None:
    server = Answering()
    assert await check(server).complaints(BOARDS["fleet"]) == []
    assert len(server.asked) > 15
    assert not [expr for expr in server.asked if "$" in expr]


@pytest.mark.parametrize(
    ("to", "of", "said"),
    [
        ("wrong", "expr", "parse error"),
        ("nothing_of_it", "expr", "no data"),
        ("$unknown", "expr", "not filled in"),
        ("{{layr}}", "legendFormat", "no series has the label layr"),
    ],
)
async def test_a_question_that_is_not_answered_is_found(to: str, of: str, said: str) -> None:
    change = "{{layer}}" if of == "legendFormat" else "layer:driftlog_alerts:worst"
    (found,) = await complaints(change, to, of)
    assert found.startswith("driftlog / Fleet: Four layers A: ")
    assert said in found


async def test_not_a_number_is_no_answer() -> None:
    found = await check(Answering(value=float("nan"))).complaints(BOARDS["fleet"])
    assert len(found) > 15
    assert all("no number" in one for one in found)


async def test_a_variable_without_a_value_is_found() -> None:
    found = await check(Answering(values=())).complaints(BOARDS["fleet"])
    assert "driftlog / Fleet: $job has no value" in found
