"""The one way to a terminal: whatever a name holds, it shows as what it is and does nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING, Any

import click

from driftlog.printable import printable, printable_json

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["echo", "echo_json", "terminal"]


def echo(text: str = "", *, err: bool = False) -> None:
    """Print one line, with all that is no visible character escaped, a line feed as well."""
    click.echo(printable(text), err=err)


def echo_json(raw: bytes) -> None:
    """Print JSON on one line, the same JSON, with the like escaped.

    Raises:
        ValueError: it is no JSON.
    """
    click.echo(printable_json(raw))


def terminal(
    *,
    stderr: bool = False,
    to: IO[str] | None = None,
    plain_width: int | None = None,
    **options: Any,
) -> Console:
    """Return a console for tables, pictures and progress bars.

    No text is taken for markup or for a named emoji, and no control character of a text gets
    through but the line feed: what may hold one that was not meant is given through `printable`.

    Args:
        stderr: on standard error.
        to: where, in place of it.
        plain_width: columns of what is no terminal; none: 80, or as many as COLUMNS says.
        options: of rich's ``Console``.
    """
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class Terminal(Console):
        def render(
            self, renderable: RenderableType, options: ConsoleOptions | None = None
        ) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                if segment.control or segment.text.isprintable():
                    yield segment
                else:
                    lines = map(printable, segment.text.split("\n"))
                    yield Segment("\n".join(lines), segment.style)

    stream = to or (sys.stderr if stderr else sys.stdout)
    if plain_width is not None and not stream.isatty():
        options["width"] = plain_width
    if to is not None:
        options["file"] = to
    return Terminal(stderr=stderr, markup=False, highlight=False, emoji=False, **options)
