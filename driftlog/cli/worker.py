"""``driftlog worker``: runs the monitor."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Literal

import click

from driftlog.settings import load_settings

__all__ = ["command"]


@click.command("worker")
@click.option("--config", type=click.Path(path_type=Path), help="Settings file (driftlog.toml).")
@click.option("--kafka", metavar="HOST:PORT", help="Broker (kafka.bootstrap).")
@click.option(
    "--only",
    type=click.Choice(["ingest", "monitor"]),
    help="Run one half alone: reading events, or judging them.",
)
@click.option("--port", type=int, help="Of /metrics, /livez and /readyz (worker.port); 0: free.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="warning",
    show_default=True,
)
def command(
    config: Path | None,
    kafka: str | None,
    only: Literal["ingest", "monitor"] | None,
    port: int | None,
    log_level: str,
) -> None:
    """Run the monitor: reads events, judges them, tells gauges and alerts.

    Start as many as you like with the same settings: they share the partitions. Ends on SIGTERM or
    Ctrl-C, and goes on where it was at the next start.
    """
    from stream.worker import Worker

    logging.basicConfig(
        level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    settings = load_settings(config, overrides={"kafka.bootstrap": kafka, "worker.port": port})

    async def run() -> None:
        await Worker(settings, only, lambda line: click.echo(f"driftlog worker: {line}")).run()

    asyncio.run(run())
