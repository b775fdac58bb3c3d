"""``driftlog broker``: an event log in memory, for trying things out where no Kafka is."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

from driftlog.settings import load_settings
from driftlog.terminal import echo

__all__ = ["command"]


@click.command("broker")
@click.option("--config", type=click.Path(path_type=Path), help="Settings file (driftlog.toml).")
def command(config: Path | None) -> None:
    """Run an embedded broker with all topics, until Ctrl-C.

    It speaks Kafka's protocol and keeps everything in memory: at most 5 MB a partition, then the
    oldest goes; one worker; gone when it ends. For trying things out, never for production.
    """
    from driftlog.testing.embedded import EmbeddedBroker
    from stream.topics import worker_topics

    settings = load_settings(config)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with EmbeddedBroker() as broker:
        broker.create_topics(worker_topics(settings))
        echo("driftlog broker: in memory, for trying things out. In the other terminals say:")
        echo(f"export DRIFTLOG_KAFKA={broker.bootstrap}")
        ended.wait()
