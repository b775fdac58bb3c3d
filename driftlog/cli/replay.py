"""``driftlog replay``: a file as live traffic."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from driftlog.errors import MissingExtraError
from driftlog.files import FileSpec
from driftlog.flood import FloodFilter
from driftlog.settings import Duration, load_settings

__all__ = ["command"]

_COLUMNS = tuple(field.name for field in fields(FileSpec))
_LINE_AGAIN_S = 60.0  # a line of the Kafka client that comes again and again, comes so often
_FAILED = 1  # exit code when rows have failed, as for any other error


class _Speed(click.ParamType):
    name = "FACTOR|max"

    def convert(self, value: Any, param: Any, ctx: Any) -> float | None:
        if value == "max":
            return None
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r}; it may be a number above 0, or max", param, ctx)


class _Span(click.ParamType):
    name = "DURATION"

    def convert(self, value: Any, param: Any, ctx: Any) -> Duration:
        try:
            return Duration.parse(value)
        except ValueError as exc:
            self.fail(f"{value!r}; it may be {exc}", param, ctx)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", default="model", show_default=True, help="Name of the model.")
@click.option("--version", default="1", show_default=True, help="Version of the model.")
@click.option("--time", metavar="COL", help="Event time: timestamps, or numbers as seconds.")
@click.option("--segment", metavar="COL", help="Segment of a row.")
@click.option("--prediction", metavar="COL", help="What the model answered.")
@click.option("--confidence", metavar="COL", help="How sure it was.")
@click.option("--label", metavar="COL", help="The truth; sent as a label, never as an input.")
@click.option("--latency", metavar="COL", help="Milliseconds that the answer took.")
@click.option("--status", metavar="COL", help="ok, or how the request failed.")
@click.option("--correlation-id", metavar="COL", help="Id of the request; else the row's own.")
@click.option("--version-column", metavar="COL", help="Version of each row, for several.")
@click.option("--exclude", metavar="COL", multiple=True, help="Leave a column out; repeatable.")
@click.option(
    "--to", "target", default="kafka", show_default=True, help="kafka, or a service's URL."
)
@click.option("--topic", help="Events topic, in place of the settings'.")
@click.option("--labels-topic", help="Labels topic, in place of the settings'.")
@click.option(
    "--kafka", "bootstrap", metavar="HOST:PORT", help="Broker, in place of the settings'."
)
@click.option("--config", type=click.Path(path_type=Path), help="A driftlog.toml.")
@click.option("--concurrency", type=int, default=16, show_default=True, help="HTTP requests.")
@click.option("--batch", type=int, default=1, show_default=True, help="Rows in an HTTP request.")
@click.option("--speed", type=_Speed(), default="1", show_default=True, help="Of event time.")
@click.option("--rate", type=float, help="Events a second, in place of the speed.")
@click.option("--limit", type=click.IntRange(min=1), help="Rows, at most (of a pass).")
@click.option("--loop", is_flag=True, help="Begin anew at the end, until Ctrl-C.")
@click.option("--keep-time", is_flag=True, help="Keep the file's times; needs a topic of its own.")
@click.option("--close", is_flag=True, help="Close the last panes at the end.")
@click.option("--label-delay", type=_Span(), default="0s", help="How late labels come.")
@click.option("--scenario", default="none", show_default=True, help="A preset, or a YAML file.")
@click.option("--seed", type=int, help="Of the scenario; default: the file's, or 0.")
@click.option("--truth", type=click.Path(path_type=Path), help="Write what was injected.")
@click.option("--resume", type=click.Path(path_type=Path), help="Journal to go on from.")
@click.option("--quiet", is_flag=True, help="No progress, only the summary.")
def command(file: Path, **options: Any) -> None:
    """Send FILE (CSV, Parquet, JSON lines) as live traffic, with drift if you like.

    Events go to the log directly, or as requests through a service, which answers and logs them.
    The first event is of now unless --keep-time; Ctrl-C ends it with a summary, and exit code 130.
    """
    try:
        from producers.job import Job
    except ModuleNotFoundError as exc:
        raise MissingExtraError("driftlog replay") from exc
    FloodFilter(clock=lambda: time.monotonic() / _LINE_AGAIN_S).attach(
        logging.getLogger("aiokafka")
    )
    settings = load_settings(
        options.pop("config"), overrides={"kafka.bootstrap": options.pop("bootstrap")}
    )
    spec = FileSpec(**{name: options.pop(name) for name in _COLUMNS})
    job = Job(file=file, spec=spec, settings=settings, say=click.echo, **options)
    ended = asyncio.run(job.run())
    if ended.by is not None:
        raise SystemExit(128 + ended.by)  # as a shell says it: not all of the file was sent
    if ended.failed:
        raise SystemExit(_FAILED)
