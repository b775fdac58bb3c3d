"""``driftlog worker``: runs the monitor."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Final, Literal

import click

from driftlog.logs import log_to_stderr
from driftlog.settings import load_settings
from driftlog.terminal import echo

__all__ = ["command"]

LINE_AGAIN_S: Final = 300.0  # a line of the Kafka client that comes again and again, comes so often


@click.command("worker")
@click.option("--config", type=click.Path(path_type=Path), help="Settings file (driftlog.toml).")
@click.option("--kafka", metavar="HOST:PORT", help="Broker (kafka.bootstrap).")
@click.option(
    "--only",
    type=click.Choice(["ingest", "monitor"]),
    help="Run one half alone: reading events, or judging them.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Of /metrics, /livez and /readyz (worker.port); 0: free.",
)
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
    Ctrl-C, and goes on where it was at the next start; a second Ctrl-C ends it at once. Exit codes
    and everything else about running it: docs/operations.md.
    """
    settings = load_settings(config, overrides={"kafka.bootstrap": kafka, "worker.port": port})
    log_to_stderr(log_level, "%(asctime)s %(levelname)s %(name)s: %(message)s")

    from driftlog.flood import FloodFilter
    from stream.ending import Ending
    from stream.worker import Worker

    if log_level in ("warning", "error"):
        # While a broker is away, aiokafka has five errors to tell, some hundred times a second.
        flood = FloodFilter(clock=lambda: time.monotonic() / LINE_AGAIN_S)
        flood.attach(logging.getLogger("aiokafka"))
    asyncio.run(Worker(settings, only, _say, Ending()).run())


def _say(line: str) -> None:
    echo(f"driftlog worker: {line}")
