"""SECURITY.md names tests that there are, and every secret."""

from __future__ import annotations

import ast
import re

from driftlog.settings import CATALOGUE
from tests.architecture.imports import ROOT

PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)
    assert len(named) > 20
    for file, test in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        there = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert not test or test in there, f"{file} has no {test}"
        assert any(name.startswith("test_") for name in there), file


def test_the_page_names_every_secret() -> None:
    for entry in CATALOGUE.values():
        assert not entry.secret or f"`{entry.key}`" in PAGE, entry.key
