"""``driftlog doctor``: what is wrong, and what to do."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click

from driftlog.cli.finding import Finding
from driftlog.errors import BrokerError, SettingsError
from driftlog.settings import Settings, load_settings
from driftlog.terminal import echo

__all__ = ["command"]

_MARKS = {"ok": "ok", "warning": "!", "wrong": "WRONG", "skipped": "-"}
_COLOURS = {"ok": "green", "warning": "yellow", "wrong": "red", "skipped": None}


@click.command("doctor")
@click.option("--config", type=click.Path(path_type=Path), help="Settings file (driftlog.toml).")
@click.option("--kafka", metavar="HOST:PORT", help="Broker (kafka.bootstrap).")
@click.option("--json", "as_json", is_flag=True, help="Print the findings for machines.")
def command(config: Path | None, kafka: str | None, as_json: bool) -> None:
    """Check settings, broker, topics, references, clock and workers, and say what to do.

    Writes nothing anywhere. Ends with 1 when something is wrong.
    """
    findings: list[Finding] = []

    def say(finding: Finding) -> None:
        findings.append(finding)
        if not as_json:
            mark = f"{_MARKS[finding.status]:>5}"
            click.secho(mark, fg=_COLOURS[finding.status], nl=False)
            echo(f"  {finding.check}: {finding.found}")
            if finding.mend:
                echo(f"       -> {finding.mend}")

    try:
        settings = load_settings(config, overrides={"kafka.bootstrap": kafka})
    except SettingsError as exc:
        mend = "'driftlog settings --markdown' lists what there is"
        say(Finding("settings", "wrong", str(exc), mend))
    else:
        say(Finding("settings", "ok", "readable"))
        asyncio.run(_examine(settings, say))
    count = {status: sum(one.status == status for one in findings) for status in _MARKS}
    if as_json:
        told = [asdict(finding) for finding in findings]
        click.echo(json.dumps({"ok": not count["wrong"], "findings": told}, indent=2))  # ASCII
    else:
        echo(f"{count['wrong']} wrong, {count['warning']} to know, {count['ok']} as should be")
    if count["wrong"]:
        sys.exit(1)


async def _examine(settings: Settings, say: Callable[[Finding], None]) -> None:
    from driftlog.cli.examination import examine

    try:
        async for finding in examine(settings):
            say(finding)
    except BrokerError as exc:
        say(Finding("broker", "wrong", str(exc), "see above, and the broker's log"))
