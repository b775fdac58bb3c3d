"""``driftlog console``: what the log says, in a browser."""

from __future__ import annotations

import asyncio
import signal
from functools import partial
from pathlib import Path

import click

from driftlog.logs import log_to_stderr, quiet_clients
from driftlog.records import Action
from driftlog.settings import Settings, load_settings
from driftlog.terminal import echo

__all__ = ["command"]


@click.command("console")
@click.option("--config", type=click.Path(path_type=Path), help="Settings file (driftlog.toml).")
@click.option("--kafka", metavar="HOST:PORT", help="Broker (kafka.bootstrap).")
@click.option("--host", help="Address to listen on (console.host).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port (console.port); 0: free.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="warning",
    show_default=True,
)
def command(
    config: Path | None, kafka: str | None, host: str | None, port: int | None, log_level: str
) -> None:
    """Show models, signals, incidents and the pipeline in a browser.

    It follows the log and asks no worker, so that it may run anywhere, any number of times. Who may
    look, and act, say the settings http.*; an address other than the loopback needs http.tokens, or
    http.username and http.password. Ends on SIGTERM or Ctrl-C.
    """
    settings = load_settings(
        config,
        overrides={"kafka.bootstrap": kafka, "console.host": host, "console.port": port},
    )
    log_to_stderr(log_level, "%(asctime)s %(levelname)s %(name)s: %(message)s")
    # What the client waits for is said in our words.
    with quiet_clients("aiokafka"):
        asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from api.console.app import create_console
    from api.console.hub import Hub
    from driftlog.serving import Policy, running

    hub = Hub(settings, partial(_accept, settings))
    policy = Policy.of(settings.http, settings.console.host, "console.host")
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with running(create_console(hub, policy), settings.console.port, policy) as url:
        echo(f"driftlog console: on {url}")
        await ended.wait()
        # A server stops when its last answer is over, and a stream is over when it is told so.
        hub.streaming.end()


async def _accept(
    settings: Settings, model: str, version: str, alert_id: str, by: str, note: str
) -> Action:
    """Build a reference in a thread with an event loop of its own: it takes its time."""
    from stream.acceptance import accept_span

    def work() -> Action:
        _, action = asyncio.run(
            accept_span(settings, model, version, (None, None), alert_id, "next", by, note=note)
        )
        return action

    return await asyncio.to_thread(work)
