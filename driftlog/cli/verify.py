"""``driftlog verify``: the log read again, and what was told of it compared."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Literal

import click

from driftlog.settings import load_settings
from driftlog.terminal import echo, echo_json

__all__ = ["command"]

_FEW = 20  # differences that are named


@click.command("verify")
@click.option(
    "--from",
    "source",
    type=click.Choice(["columns", "events"]),
    default="columns",
    show_default=True,
    help="What is read again: what the monitor read, or what the services wrote.",
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.option("--config", type=click.Path(path_type=Path), help="The workers' driftlog.toml.")
@click.option("--kafka", metavar="HOST:PORT", help="Broker, in place of the settings'.")
def command(
    source: Literal["columns", "events"], as_json: bool, config: Path | None, kafka: str | None
) -> None:
    """Judge the log a second time, and compare verdicts and alerts with the published ones.

    Writes nothing, and may run beside workers. Ends with 1 when a record is missing, differs, or
    has no ground in the log. From columns the answer is the same always; from events it is where
    driftlog_late_idle_total is 0.
    """
    import orjson

    from driftlog.cli.progress import rows_progress
    from stream.verify import verify

    settings = load_settings(config, overrides={"kafka.bootstrap": kafka})
    with rows_progress(f"reading {source} again") as advance:
        report = asyncio.run(verify(settings, source, advance))
    if as_json:
        told = {
            "same": report.same,
            "differences": [
                {
                    "kind": one.kind,
                    "name": one.name,
                    "pane_end_ms": one.pane_end_ms,
                    "what": one.what,
                }
                for one in report.differences
            ],
            "doubts": report.doubts,
        }
        echo_json(orjson.dumps(told))
    else:
        for one in report.differences[:_FEW]:
            echo(str(one))
        if len(report.differences) > _FEW:
            echo(f"... {len(report.differences) - _FEW:,} more; --json names all")
        for doubt in report.doubts:
            echo(f"but: {doubt}")
        echo(
            f"{report.same:,} verdicts and alerts are as the {source} have them, "
            f"{len(report.differences):,} are not."
        )
    if report.differences:
        sys.exit(1)
