"""``driftlog topics``: makes and checks the topics."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from driftlog.settings import Settings, load_settings
from driftlog.terminal import echo, terminal

if TYPE_CHECKING:
    from driftlog.topics import TopicResult

__all__ = ["command"]

_WIDTH = 400  # of what is no terminal: nothing is folded there


@click.group("topics")
def command() -> None:
    """Create or check the topics."""


_config = click.option("--config", type=click.Path(path_type=Path), help="Settings file.")
_kafka = click.option("--kafka", metavar="HOST:PORT", help="Broker (kafka.bootstrap).")


@command.command()
@_config
@_kafka
def create(config: Path | None, kafka: str | None) -> None:
    """Create the topics that are missing; existing ones are compared and never changed."""
    _run(load_settings(config, overrides={"kafka.bootstrap": kafka}), create=True)


@command.command()
@_config
@_kafka
def check(config: Path | None, kafka: str | None) -> None:
    """Compare the topics with the settings; ends with 1 when one is missing or differs."""
    _run(load_settings(config, overrides={"kafka.bootstrap": kafka}), create=False)


def _run(settings: Settings, *, create: bool) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from driftlog.kafka import connection
    from driftlog.topics import ensure_topics
    from stream.topics import worker_topics

    security = connection(settings.kafka)
    bootstrap = security.pop("bootstrap_servers")
    specs = worker_topics(settings)
    # An events topic named in the settings is somebody else's, who makes it.
    foreign = [spec for spec in specs if spec.name == settings.kafka.events_topic]
    ours = [spec for spec in specs if spec not in foreign]

    async def ensure() -> Sequence[TopicResult]:
        arguments: dict[str, Any] = {
            "security": security,
            "replication_factor": settings.kafka.replication,
        }
        found = list(await ensure_topics(bootstrap, ours, **arguments, create=create))
        if foreign:
            found = [*await ensure_topics(bootstrap, foreign, **arguments, create=False), *found]
        return found

    results = asyncio.run(ensure())
    table = Table(box=box.SIMPLE_HEAD, title=f"topics at {bootstrap}", title_justify="left")
    for head in ("topic", "partitions", "cleanup", "timestamps", "outcome"):
        table.add_column(head, overflow="fold", justify="right" if head == "partitions" else "left")
    for spec, result in zip((*foreign, *ours), results, strict=True):
        style = "green" if result.outcome in ("created", "exists") else "red"
        cells = (spec.name, str(spec.partitions), spec.cleanup, spec.timestamp_type)
        table.add_row(*map(Text, cells), Text(_outcome(result), style=style))
    terminal(plain_width=_WIDTH).print(table)
    missing = [result.name for result in results if result.outcome == "missing"]
    if missing and create:
        echo(
            "A topic that is still missing could not be made here: the embedded broker makes its "
            "topics when it starts ('driftlog broker'), and kafka.events_topic is made by its "
            "owner.",
            err=True,
        )
    elif missing:
        echo("Missing topics are made by 'driftlog topics create'.", err=True)
    differing = [result for result in results if result.outcome == "differs"]
    if differing:
        echo("Existing topics are never changed; 'driftlog doctor' says what to do.", err=True)
    if missing or differing:
        sys.exit(1)


def _outcome(result: TopicResult) -> str:
    words: list[str] = [result.outcome]
    words += [f"{d.setting} is {d.found}, not {d.wanted}" for d in result.differences]
    if result.unchecked:
        words.append(f"the broker does not tell {' and '.join(result.unchecked)}")
    return "; ".join(words)
