"""``driftlog settings``: every setting, its value, and where it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from driftlog.settings import CATALOGUE, Entry, Settings, held_settings, load_settings
from driftlog.settings.schema import without_password
from driftlog.terminal import echo

__all__ = ["command", "markdown"]

_HEADS = ("setting", "value", "default", "from", "what it does")


@click.command("settings")
@click.option("--config", type=click.Path(path_type=Path), help="Settings file (driftlog.toml).")
@click.option("--markdown", "as_markdown", is_flag=True, help="The table of the documentation.")
def command(config: Path | None, as_markdown: bool) -> None:
    """List every setting: its value, its default, where it comes from and what it does.

    A setting comes from its DRIFTLOG_ variable, else from the file, else it has its default.
    """
    if as_markdown:
        click.echo(markdown(), nl=False)
        return
    settings, held = load_settings(config), held_settings(config)
    rows = [
        (
            key,
            _shown(entry, _value(settings, entry)),
            _shown(entry, entry.default),
            held[key].origin if key in held else "default",
            entry.says,
        )
        for key, entry in CATALOGUE.items()
    ]
    # Plain text: this command is for a client-only installation too, which has no table library.
    widths = [max(map(len, column)) for column in zip(_HEADS, *rows, strict=True)][:-1]
    for row in (_HEADS, *rows):
        *cells, says = row
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        echo("  ".join((*padded, says)).rstrip())


def markdown() -> str:
    """Return all settings as tables of Markdown, one a section."""
    lines = []
    section = ""
    for entry in CATALOGUE.values():
        if entry.section != section:
            section = entry.section
            about = (type(getattr(Settings(), section)).__doc__ or "").strip().splitlines()[0]
            lines += ["", f"### [{section}]", "", about, ""]
            lines += ["| key | default | may hold | what it does |", "|---|---|---|---|"]
        cells = (f"`{entry.name}`", _code(_shown(entry, entry.default)), entry.may_hold, entry.says)
        lines.append(f"| {' | '.join(map(_plain, cells))} |")
    return "\n".join(lines[1:]) + "\n"


def _value(settings: Settings, entry: Entry) -> Any:
    return getattr(getattr(settings, entry.section), entry.name)


def _shown(entry: Entry, value: Any) -> str:
    """Write a value as an environment variable would hold it; a secret never."""
    if entry.secret and value:
        return "(secret)"
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return ",".join(f"{key}={held}" for key, held in value.items()) or "none"
    return without_password(str(value)) if value != "" else "none"


def _code(text: str) -> str:
    return text if text == "none" else f"`{text}`"


def _plain(cell: str) -> str:
    return cell.replace("|", "\\|").replace("<", "&lt;")
