"""``driftlog api``: the example inference service."""

from __future__ import annotations

import click

__all__ = ["command"]


# Options and help are the service's own: it is loaded when the command runs, not when it is listed.
@click.command("api", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Serve the example model over HTTP; see --help."""
    from api.__main__ import main

    main.main(list(arguments), prog_name="driftlog api", standalone_mode=False)
