"""``driftlog state``: the stored state of the worker."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import click

from driftlog.errors import DriftlogError, InputError
from driftlog.settings import Settings, load_settings
from driftlog.terminal import echo

__all__ = ["command"]

_REREAD = {
    "nothing": "workers go on where they were, with empty windows",
    "columns": "workers judge all columns again that the topic still holds",
    "events": "workers read all events again that the topic still holds",
}


@click.group("state")
def command() -> None:
    """Reset the stored state of the worker."""


@command.command("reset")
@click.option("--model", metavar="MODEL@VERSION", help="Forget this model version alone.")
@click.option(
    "--reread",
    type=click.Choice(list(_REREAD)),
    default="nothing",
    show_default=True,
    help="What of the log is read again afterwards.",
)
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.option("--config", type=click.Path(path_type=Path), help="Settings file (driftlog.toml).")
@click.option("--kafka", metavar="HOST:PORT", help="Broker (kafka.bootstrap).")
def reset(
    model: str | None,
    reread: Literal["nothing", "columns", "events"],
    yes: bool,
    config: Path | None,
    kafka: str | None,
) -> None:
    """Forget windows, detectors and open incidents; stop all workers first.

    Events, verdicts, alerts and references stay. An alert that is firing keeps that as its last
    word, since its incident is forgotten. See docs/settings.md for when this is needed.
    """
    if model is not None and reread != "nothing":
        raise InputError(
            f"--reread {reread} needs all state reset, not {model} alone: rows read again would be "
            "dropped by the panes that the other models have closed"
        )
    settings = load_settings(config, overrides={"kafka.bootstrap": kafka})
    asyncio.run(_reset(settings, model, reread, yes))


async def _reset(settings: Settings, model: str | None, reread: str, yes: bool) -> None:
    from driftlog.cli.groups import describe_groups
    from driftlog.cli.stored_state import existing_topics, forget, of_model, rewind, stored_records
    from driftlog.topics import changelog_name
    from stream.book import parse_reference_key
    from stream.topics import INCIDENTS_TABLE, MONITOR_TABLE, Topics

    kafka, topics = settings.kafka, Topics.of(settings)
    groups = (topics.app_id, topics.ingest_group)

    async def refuse_while_alive() -> None:
        found = await describe_groups(kafka, groups)
        if found is None:
            raise DriftlogError(
                f"the broker at {kafka.bootstrap} does not tell whether workers are alive; an "
                "embedded broker forgets its state when it ends: start it again"
            )
        alive = [f"{group.name} ({len(group.members)})" for group in found if group.members]
        if alive:
            raise DriftlogError(
                f"workers are alive in {', '.join(alive)}: stop them first, or they write their "
                "state again; one that was killed counts until its session has timed out"
            )

    await refuse_while_alive()
    there = await existing_topics(kafka)
    tables = [changelog_name(groups[0], MONITOR_TABLE)]
    if model is None:
        tables.append(changelog_name(groups[0], INCIDENTS_TABLE))
    found = [one for name in tables if name in there for one in await stored_records(kafka, name)]
    if model is not None:
        name, version, _ = parse_reference_key(model)
        found = list(of_model(found, name, version))
    echo(f"At {kafka.bootstrap}, of {model or 'all models'}:")
    for table in tables:
        sizes = [one.size for one in found if one.topic == table]
        echo(f"  {table}: {len(sizes):,} records of {sum(sizes):,} bytes are forgotten")
    echo(f"  afterwards {_REREAD[reread]}")
    if not yes:
        click.confirm("Do it?", abort=True)
    await refuse_while_alive()  # the question may have taken a while
    await forget(kafka, found)
    if reread != "nothing":
        group, topic = {
            "columns": (groups[0], topics.columns),
            "events": (groups[1], topics.events),
        }[reread]
        again = await rewind(kafka, group, topic, there.get(topic, 0))
        echo(f"{group} reads {again:,} records of {topic} again")
    echo(f"{len(found):,} records forgotten")
