"""``driftlog alerts forward``: alerts carried to where people are told."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import click

from driftlog.errors import InputError
from driftlog.logs import quiet_clients
from driftlog.records import Severity
from driftlog.settings import Settings, load_settings
from driftlog.terminal import echo

__all__ = ["forward"]


@click.command()
@click.option("--alertmanager", metavar="URL", help="In place of the settings'.")
@click.option("--webhook", metavar="URL", help="In place of the settings'; posts the record.")
@click.option("--slack", metavar="URL", help="In place of the settings'; posts a message.")
@click.option(
    "--severity",
    type=click.Choice([severity.value for severity in Severity]),
    default=Severity.WARNING.value,
    show_default=True,
    help="At least.",
)
@click.option("--model", metavar="NAME", help="Of this model alone.")
@click.option(
    "--from",
    "begin",
    type=click.Choice(["now", "beginning"]),
    default="now",
    show_default=True,
    help="Where webhook and Slack begin the first time.",
)
@click.option("--kafka", metavar="HOST:PORT", help="Broker, in place of the settings'.")
@click.option("--config", type=click.Path(path_type=Path), help="A driftlog.toml.")
def forward(severity: str, model: str | None, begin: str, **more: Any) -> None:
    """Pass alerts on to an Alertmanager, a webhook, and Slack, until told to end.

    Each receiver gets every record once and in order, the end of an incident too; one that is away
    is waited for and holds up no other. An Alertmanager is told again each minute of what is open.
    What is silenced in the console is kept from webhook and Slack; an Alertmanager has silences of
    its own.
    Addresses that are secret are best set by DRIFTLOG_FORWARD_WEBHOOK and DRIFTLOG_FORWARD_SLACK.
    """
    names = ("alertmanager", "webhook", "slack")
    settings = load_settings(
        more["config"],
        overrides={"kafka.bootstrap": more["kafka"]}
        | {f"forward.{name}": more[name] for name in names},
    )
    if not any(getattr(settings.forward, name) for name in names):
        raise InputError(
            "nobody to tell: give --alertmanager, --webhook or --slack, or set forward.* "
            "(such as DRIFTLOG_FORWARD_ALERTMANAGER=http://127.0.0.1:9093)"
        )
    # What the clients wait for is said in our words, and the HTTP client would log addresses.
    with quiet_clients("aiokafka", "httpx"):
        asyncio.run(_run(settings, Severity(severity), model, beginning=begin == "beginning"))


async def _run(settings: Settings, least: Severity, model: str | None, *, beginning: bool) -> None:
    from driftlog.cli.alert_log import AlertLog, Begin
    from stream.notifying.carrier import Carrier, Wanted
    from stream.notifying.notices import slack, webhook
    from stream.notifying.post import Post

    told = settings.forward
    carrier = Carrier(settings.kafka, Wanted(least, model), _say, told.console)
    async with AsyncExitStack() as stack:

        def post(name: str, url: str) -> Post:
            made = Post(name, url, _say)
            stack.push_async_callback(made.close)
            return made

        events = partial(carrier.to_webhook, beginning=beginning)
        runs: list[Callable[[], Coroutine[Any, Any, None]]] = []
        if told.alertmanager:
            url = f"{told.alertmanager.rstrip('/')}/api/v2/alerts"
            runs.append(partial(carrier.to_alertmanager, post("alertmanager", url)))
        if told.webhook:
            runs.append(partial(events, post("webhook", told.webhook), webhook))
        if told.slack:
            runs.append(partial(events, post("slack", told.slack), slack))
        if told.webhook or told.slack:
            runs.append(carrier.follow_silences)
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)

        async def carry() -> None:
            await AlertLog(settings.kafka, Begin(), once=False, say=_say).until_there()
            _say("passing alerts on")
            async with asyncio.TaskGroup() as group:
                for run in runs:
                    group.create_task(run())

        work = asyncio.create_task(carry())
        waits = asyncio.create_task(ended.wait())
        await asyncio.wait({work, waits}, return_when=asyncio.FIRST_COMPLETED)
        waits.cancel()
        work.cancel()
        try:
            await work
        except asyncio.CancelledError:
            return
        except ExceptionGroup as group:
            raise group.exceptions[0] from None


def _say(text: str) -> None:
    echo(f"driftlog alerts forward: {text}", err=True)
