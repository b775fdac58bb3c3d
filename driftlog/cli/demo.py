"""``driftlog demo``: everything in one terminal."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from driftlog.logs import log_to_stderr
from driftlog.terminal import echo

if TYPE_CHECKING:
    from demo.summary import Outcome

__all__ = ["command"]


@click.command("demo")
@click.option("--serve", is_flag=True, help="Stay up afterwards, with quiet traffic.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary for machines.")
@click.option("--year", is_flag=True, help="Replay April to December: the incidents are real.")
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what was shown to an SVG file.",
)
@click.option("--seed", default=0, show_default=True, help="Of rows and injections.")
def command(serve: bool, as_json: bool, year: bool, picture: Path | None, seed: int) -> None:
    """Show it all: service, worker, replay, drift, alerts.

    Runs on an embedded broker, sends real flights over HTTP to a real model, injects drift that it
    knows of, and compares. Exit code 1 when a change was not seen, or something else was.
    """
    from demo.run import Demo
    from demo.show import Show
    from demo.stages import EXPECTED_S, YEAR_EXPECTED_S

    log_to_stderr("warning")
    # What the demo makes fail on purpose need not be told with a traceback.
    logging.getLogger("api.service").setLevel("CRITICAL")
    expected_s = YEAR_EXPECTED_S if year else EXPECTED_S
    with Show(as_json=as_json, expected_s=expected_s, picture=picture) as show:
        demo = Demo(show, seed)
        try:
            found = asyncio.run(_until_told(demo.year() if year else demo.run(serve=serve)))
        except (KeyboardInterrupt, asyncio.CancelledError):
            echo("ended by Ctrl-C; everything is stopped", err=True)
            sys.exit(130)
    sys.exit(0 if year or found.good else 1)


async def _until_told(work: Coroutine[Any, Any, Outcome]) -> Outcome:
    """Run ``work``; SIGTERM ends it as Ctrl-C does, so that no process is left behind."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task
