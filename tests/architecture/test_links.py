"""No page leads nowhere: links between pages, and to parts of them, are followed."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt

from tests.architecture.imports import ROOT


def _pages() -> list[Path]:
    """All pages of the project, those that are not yet committed as well."""
    told = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in told.stdout.splitlines() if (ROOT / name).is_file()]


@cache
def _read(page: Path) -> tuple[frozenset[str], tuple[str, ...]]:
    """The anchors of a page's headings, and where its links and pictures lead."""
    tokens = MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))
    seen: Counter[str] = Counter()
    anchors, links = set(), []
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            slug = _slug("".join(one.content for one in tokens[at + 1].children or ()))
            anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
        for one in token.children or ():
            target = one.attrGet("href" if one.type == "link_open" else "src")
            if one.type in ("link_open", "image"):
                links.append(str(target))
    return frozenset(anchors), tuple(links)


def _slug(heading: str) -> str:
    """As GitHub makes an anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _dead(page: Path) -> Iterator[str]:
    for link in _read(page)[1]:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        if not target.exists():
            yield f"{link}: there is no such file"
        elif parts.path and not target.is_relative_to(ROOT):
            yield f"{link} leads out of the project"
        elif parts.fragment and (target.suffix != ".md" or parts.fragment not in _read(target)[0]):
            yield f"{link}: there is no such part"


@pytest.mark.parametrize("page", _pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    assert not [*_dead(page)]


def test_a_link_that_leads_nowhere_is_seen(tmp_path: Path) -> None:
    page = ROOT / "README.md"
    wrong = tmp_path / "page.md"
    wrong.write_text(f"[a](nowhere.md) [b](#no-part) ![c](no.svg) [d]({page}#no)\n\n# Part\n")
    assert len([*_dead(wrong)]) == 4
    right = tmp_path / "other.md"
    right.write_text("# A `part`, twice\n\n# A `part`, twice\n\n[a](#a-part-twice-1)\n")
    assert not [*_dead(right)]


def test_from_the_readme_all_pages_of_the_documentation_can_be_reached() -> None:
    reached: set[Path] = set()
    wanted = [ROOT / "README.md"]
    while wanted:
        page = wanted.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        for link in _read(page)[1]:
            parts = urlsplit(link)
            target = (page.parent / unquote(parts.path)).resolve()
            if not parts.scheme and parts.path and target.exists():
                wanted += sorted(target.glob("*.md")) if target.is_dir() else [target]
    pages = {page for page in _pages() if page.is_relative_to(ROOT / "docs")}
    assert not sorted(str(page.relative_to(ROOT)) for page in pages - reached)
