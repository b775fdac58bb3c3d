"""``driftlog alerts``: the alerts topic in a terminal."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import OrderedDict
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import click

from driftlog.cli.alert_log import AlertLog, Begin
from driftlog.cli.alert_text import render
from driftlog.cli.alerts_forward import forward
from driftlog.errors import ContractError, InputError
from driftlog.logs import quiet_clients
from driftlog.records import ALERT, Alert, AlertStatus, Severity
from driftlog.settings import load_settings
from driftlog.terminal import echo, echo_json, terminal

__all__ = ["Tail", "command"]

_REMEMBERED: Final = 10_000  # alerts, to know a record that comes again
_WIDTH: Final = 120  # of what is no terminal
_INTERRUPTED: Final = 130


class Tail:
    """Prints the records that are asked for.

    A record that comes again (the log gives each at least once) is printed once.

    Args:
        statuses: those wanted, none: all.
        least: the mildest severity wanted.
        model: the only model wanted, none: all.
        as_json: one record a line, every one of them, instead of a block.
    """

    def __init__(
        self, statuses: frozenset[AlertStatus], least: Severity, model: str | None, as_json: bool
    ) -> None:
        self._statuses = statuses
        self._least = least
        self._model = model
        self._as_json = as_json
        self._shown: OrderedDict[str, int] = OrderedDict()  # alert id -> pane end
        self._console = terminal(to=sys.stdout, plain_width=_WIDTH)

    def take(self, raw: bytes, now_ms: int) -> None:
        """Print a record, unless it is not wanted; one that cannot be read is named instead."""
        try:
            alert = ALERT.decode(raw)
        except ContractError as exc:
            echo(f"driftlog: a record was left out: {exc}", err=True)
            return
        if not self._wanted(alert):
            return
        if self._as_json:
            echo_json(raw)
        elif self._is_new(alert):
            self._console.print(render(alert, now_ms))
            self._console.print()

    def _wanted(self, alert: Alert) -> bool:
        return (
            (not self._statuses or alert.status in self._statuses)
            and alert.severity.rank >= self._least.rank
            and self._model in (None, alert.model)
        )

    def _is_new(self, alert: Alert) -> bool:
        """Whether its pane lies after that of what was printed of the same alert."""
        last = self._shown.get(alert.alert_id)
        if last is not None and alert.pane_end_ms <= last:
            return False
        self._shown[alert.alert_id] = alert.pane_end_ms
        self._shown.move_to_end(alert.alert_id)
        if len(self._shown) > _REMEMBERED:
            self._shown.popitem(last=False)
        return True


@click.group("alerts")
def command() -> None:
    """Follow the alerts topic, or pass it on."""


command.add_command(forward)


@command.command()
@click.option("--from", "begin", default="now", show_default=True, metavar="WHEN")
@click.option("--once", is_flag=True, help="Read to the end and stop.")
@click.option("--json", "as_json", is_flag=True, help="One record a line, as on the topic.")
@click.option("--status", metavar="LIST", default="", help="Of firing,updated,resolved.")
@click.option(
    "--severity",
    type=click.Choice([severity.value for severity in Severity]),
    default=Severity.INFO.value,
    show_default=True,
    help="At least.",
)
@click.option("--model", metavar="NAME", help="Of this model alone.")
@click.option(
    "--kafka", "bootstrap", metavar="HOST:PORT", help="Broker, in place of the settings'."
)
@click.option("--config", type=click.Path(path_type=Path), help="A driftlog.toml.")
def tail(
    begin: str, once: bool, as_json: bool, severity: str, model: str | None, **more: Any
) -> None:
    """Print alerts as they are published: what, since when, how bad, on what evidence.

    WHEN is beginning, now, or a time in ISO 8601 (UTC unless it has a zone), at which or after
    which a record was published. Waits for a broker or topic that is away; with --once that is an
    error. Ctrl-C ends it.
    """
    settings = load_settings(more["config"], overrides={"kafka.bootstrap": more["bootstrap"]})
    printer = Tail(_statuses(more["status"]), Severity(severity), model, as_json)
    log = AlertLog(settings.kafka, Begin.parse(begin), once=once, say=_say)

    async def run() -> None:
        async with aclosing(log.records()) as records:
            async for raw in records:
                printer.take(raw, int(time.time() * 1000))

    with quiet_clients("aiokafka"):
        try:
            asyncio.run(run())
        except KeyboardInterrupt:
            sys.exit(_INTERRUPTED)


def _statuses(text: str) -> frozenset[AlertStatus]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    try:
        return frozenset(AlertStatus(name) for name in names)
    except ValueError as exc:
        raise InputError(
            f"--status is {text!r}; it may hold firing, updated and resolved, by commas"
        ) from exc


def _say(text: str) -> None:
    echo(f"driftlog alerts: {text}", err=True)
