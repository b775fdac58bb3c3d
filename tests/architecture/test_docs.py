"""The documentation says what the code has."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftlog.settings import CATALOGUE as SETTINGS
from stream.metrics.catalogue import CATALOGUE as METRICS
from tests.architecture.generated_tables import PAGES, renewed
from tests.architecture.imports import ROOT


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_table_of_a_page_is_what_the_code_has_now(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == renewed(page), "run 'make docs'"


def test_every_setting_has_its_line() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for entry in SETTINGS.values():
        section = page.partition(f"### [{entry.section}]\n")[2].partition("\n### ")[0]
        assert f"| `{entry.name}` | " in section, entry.key
        assert entry.says.replace("<", "&lt;") in section


def test_every_metric_has_its_line_and_a_name_by_the_rules() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    for name, metric in METRICS.items():
        assert f"| `{name}` | {metric.type} |" in page
        assert name.startswith("driftlog_")
        assert name.endswith("_total") == (metric.type == "counter")
        assert name.endswith("_info") == (metric.type == "info")
        assert name.endswith(f"_{metric.unit}") if metric.unit else True
        assert metric.help.endswith(".")


def test_a_setting_that_decides_nothing_is_named_on_the_page_that_says_so() -> None:
    from stream.judging import _NOT_DECIDING

    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    afresh = page.partition("## What a change does")[2]
    assert all(f"`{name}`" in afresh for name in _NOT_DECIDING)
