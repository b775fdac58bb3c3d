"""The runbooks of ``docs/runbooks`` as safe HTML: where a fired alert leads."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from api.console import links

__all__ = ["runbook", "runbooks"]

_FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "runbooks"


@cache
def runbooks() -> tuple[str, ...]:
    """Their names, in order."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.md")))


@lru_cache(maxsize=64)  # bounded: anybody may ask for any name
def runbook(name: str) -> str | None:
    """One of them as HTML, or None where there is no such.

    Raw HTML in it is shown as text. A link to another runbook leads there; one to a page that the
    console does not have becomes its words.
    """
    if name not in runbooks():  # never a path that somebody made up
        return None
    text = (_FOLDER / f"{name}.md").read_text(encoding="utf-8")
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    for token in tokens:
        if token.children:
            token.children = _linked(token.children)
    made: str = markdown.renderer.render(tokens, markdown.options, {})
    return made


def _linked(tokens: list[Token]) -> list[Token]:
    found: list[Token] = []
    dropped = False
    for token in tokens:
        if token.type == "link_open":
            target: Any = token.attrGet("href")
            name = str(target).removesuffix(".md")
            dropped = name not in runbooks()
            if not dropped:
                token.attrSet("href", links.runbook(name))
        if not (dropped and token.type in ("link_open", "link_close")):
            found.append(token)
        if token.type == "link_close":
            dropped = False
    return found
