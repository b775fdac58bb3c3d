"""The tables in ``docs/`` that are made from the code: ``make docs`` writes them anew.

Each stands between ``<!-- table -->`` and ``<!-- end of table -->``; the words around it are
written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from driftlog.cli.settings import markdown as settings_table
from stream.metrics.catalogue import CATALOGUE
from tests.architecture.imports import ROOT
from tests.chaos.findings import markdown as chaos_markdown
from tests.chaos.rows import rows

__all__ = ["PAGES", "chaos_table", "metrics_table", "renew", "renewed"]

_BETWEEN: Final = re.compile(r"(?<=<!-- table -->\n).*(?=<!-- end of table -->)", re.DOTALL)


def metrics_table() -> str:
    """Return the metrics of a worker as a table of Markdown."""
    lines = ["| metric | type | labels | unit | what it tells |", "|---|---|---|---|---|"]
    lines += [
        f"| `{metric.name}` | {metric.type} | {', '.join(metric.labels) or 'none'} "
        f"| {metric.unit or 'none'} | {metric.help} |"
        for metric in CATALOGUE.values()
    ]
    return "\n".join(lines) + "\n"


def chaos_table() -> str:
    """Return what driftlog survives, with the figures of the last runs, as a table of Markdown."""
    return chaos_markdown(rows())


PAGES: Final[Mapping[Path, Callable[[], str]]] = {
    ROOT / "docs" / "settings.md": settings_table,
    ROOT / "docs" / "metrics.md": metrics_table,
    ROOT / "docs" / "reliability.md": chaos_table,
}


def renewed(page: Path) -> str:
    """Return the text of a page with its table as the code has it now."""
    table = PAGES[page]()
    text, found = _BETWEEN.subn(lambda _match: f"\n{table}\n", page.read_text(encoding="utf-8"))
    assert found == 1, f"{page} has no place for its table"
    return text


def renew() -> None:
    """Write all tables anew."""
    for each in PAGES:
        each.write_text(renewed(each), encoding="utf-8")


if __name__ == "__main__":
    renew()
