"""``driftlog reference``: what is usual, built, shown and put into effect."""

from __future__ import annotations

import asyncio
import getpass
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from driftlog.cli.progress import rows_progress
from driftlog.cli.reference_file import read_profile, write_profile
from driftlog.cli.reference_inputs import TYPES, check_names, chosen_models, rows_slice
from driftlog.errors import InputError, MissingExtraError
from driftlog.files import FileSpec
from driftlog.records import REFERENCE, ReferenceProfile
from driftlog.settings import ModelSettings, Settings, load_settings
from driftlog.terminal import echo, echo_json

__all__ = ["command"]

_Decorated = Callable[..., Any]
_WHEN = "start, next (pane after the newest event), now, a time or milliseconds."


def _reach(function: _Decorated) -> _Decorated:
    """Options of where the settings and the broker are."""
    for option in (
        click.option(
            "--kafka", "bootstrap", metavar="HOST:PORT", help="Broker, not the settings'."
        ),
        click.option("--config", type=click.Path(path_type=Path), help="A driftlog.toml."),
    ):
        function = option(function)
    return function


@click.group(name="reference")
def command() -> None:
    """Build, show, set or accept a reference profile: what is usual for a model version."""
    if importlib.util.find_spec("stream") is None:
        raise MissingExtraError("driftlog reference")


@command.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--span", nargs=2, metavar="FROM TO", help="Of the log, in place of FILE.")
@click.option("--model", help="Name of the model.")
@click.option("--version", help="Version of the model.")
@click.option("--time", metavar="COL", help="Event time: timestamps, or numbers as seconds.")
@click.option("--segment", metavar="COL", help="Segment of a row.")
@click.option("--prediction", metavar="COL", help="What the model answered.")
@click.option("--confidence", metavar="COL", help="How sure it was.")
@click.option("--label", metavar="COL", help="The truth; never an input.")
@click.option("--latency", metavar="COL", help="Milliseconds that the answer took.")
@click.option("--status", metavar="COL", help="ok, or how the request failed.")
@click.option("--version-column", metavar="COL", help="Version of each row, for several.")
@click.option("--include", metavar="A,B", help="Watch these inputs alone.")
@click.option("--exclude", metavar="A,B", help="Do not watch these inputs.")
@click.option("--type", "types", multiple=True, metavar="COL=TYPE", help=f"{', '.join(TYPES)}.")
@click.option("--rows", metavar="A:B", help="Rows A to before B of the file, from 0.")
@click.option("--out", metavar="FILE", help="Where to write it; - is standard output.")
@click.option("--publish", is_flag=True, help="Put it into effect as well.")
@click.option("--effective-from", "when", metavar="WHEN", help=f"With --publish: {_WHEN}")
@_reach
def build(
    file: Path | None,
    span: tuple[str, str] | None,
    out: str | None,
    publish: bool,
    when: str | None,
    **options: Any,
) -> None:
    """Build a profile from FILE (CSV, Parquet, JSON lines) or from a span of the log.

    It is written to MODEL@VERSION.reference.json unless --out or --publish says otherwise.
    """
    if (file is None) == (span is None):
        raise click.UsageError("name either FILE or --span FROM TO")
    settings = _settings(options)
    models = chosen_models(settings.models, options)
    settings = msgspec.structs.replace(settings, models=models)
    if file is not None:
        profile = _from_file(file, models, options)
    else:
        profile = asyncio.run(_from_span(settings, options, span or ("", "")))
    check_names(profile, options)
    if publish:
        profile = asyncio.run(_adopted(settings, profile, when))
    if out is not None or not publish:
        write_profile(profile, out)
    _say(profile, publish)


@command.command()
@click.argument("target", required=False)
@click.option("--json", "as_json", is_flag=True, help="As it stands on the topic.")
@_reach
def show(target: str | None, as_json: bool, **options: Any) -> None:
    """Show a profile: of a FILE, or the newest of MODEL@VERSION (@ID); without, list them all."""
    from driftlog.cli.reference_table import print_book, print_profile

    if target is not None and (Path(target).is_file() or "@" not in target):
        profile = read_profile(Path(target))
    else:
        from stream.book import parse_reference_key
        from stream.references import read_references

        wanted = parse_reference_key(target) if target else None
        book = asyncio.run(read_references(_settings(options).kafka))
        if wanted is None:
            print_book(book)
            return
        model, version, reference = wanted
        found = [
            one
            for one in book.history(model, version)
            if not reference or one.reference_id == reference
        ]
        if not found:
            there = ", ".join(f"{m}@{v}" for m, v in book.versions()) or "none at all"
            raise InputError(f"there is no reference {target}; there are {there}")
        profile = found[-1]
    if as_json:
        echo_json(REFERENCE.encode(profile))
    else:
        print_profile(profile)


@command.command(name="set")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--effective-from", "when", metavar="WHEN", help=_WHEN)
@_reach
def set_(file: Path, when: str | None, **options: Any) -> None:
    """Put the profile in FILE into effect.

    By default the first one of a model version holds from the start, a further one from the next
    pane. The ones before stay on the topic, so that old logs can be read again.
    """
    profile = read_profile(file)
    _say(asyncio.run(_adopted(_settings(options), profile, when)), published=True)


@command.command()
@click.argument("target", metavar="MODEL@VERSION")
@click.option("--from-ms", type=int, help="Begin of the span, milliseconds since 1970.")
@click.option("--to-ms", type=int, help="End of the span.")
@click.option("--alert", "alert_id", metavar="ID", help="The span since the onset of an alert.")
@click.option("--effective-from", "when", metavar="WHEN", default="next", help=_WHEN)
@click.option("--by", default=getpass.getuser, help="Who accepts it; default: you.")
@_reach
def accept(
    target: str,
    from_ms: int | None,
    to_ms: int | None,
    alert_id: str | None,
    when: str,
    by: str,
    **options: Any,
) -> None:
    """Accept what the log shows in a span as the new usual, and put it into effect."""
    if alert_id is None and (from_ms is None or to_ms is None):
        raise click.UsageError("name --from-ms and --to-ms, or --alert ID")
    settings = _settings(options)
    profile = asyncio.run(_accepted(settings, target, (from_ms, to_ms), alert_id, when, by))
    _say(profile, published=True)


async def _accepted(
    settings: Settings,
    target: str,
    span: tuple[int | None, int | None],
    alert_id: str | None,
    when: str,
    by: str,
) -> ReferenceProfile:
    from stream.acceptance import accept_span
    from stream.book import parse_reference_key

    model, version, _ = parse_reference_key(target)
    with rows_progress("reading the log") as advance:
        profile, _ = await accept_span(
            settings, model, version, span, alert_id, when, by, on_read=advance
        )
    return profile


async def _adopted(
    settings: Settings, profile: ReferenceProfile, when: str | None
) -> ReferenceProfile:
    from stream.adoption import adopt

    return await adopt(settings, profile, when)


def _from_file(file: Path, models: ModelSettings, options: dict[str, Any]) -> ReferenceProfile:
    from stream.profile_file import profile_of_file

    names = ("time", "segment", "prediction", "confidence", "label", "latency", "status")
    columns = {name: options[name] for name in (*names, "version_column")}
    named = {name: options[name] for name in ("model", "version") if options[name]}
    with rows_progress(f"reading {file.name}") as advance:
        return profile_of_file(
            file,
            FileSpec(**columns, **named),
            models,
            model=options["model"],
            version=options["version"],
            rows=rows_slice(options["rows"]),
            on_rows=advance,
        )


async def _from_span(
    settings: Settings, options: dict[str, Any], span: tuple[str, str]
) -> ReferenceProfile:
    from stream.acceptance import profile_of_span
    from stream.adoption import moment_ms

    model, version = options["model"], options["version"]
    if not model or not version:
        raise click.UsageError("a span of the log needs --model and --version")
    start, end = [await moment_ms(settings, moment) for moment in span]
    with rows_progress("reading the log") as advance:
        return await profile_of_span(settings, model, version, (start, end), on_read=advance)


def _settings(options: dict[str, Any]) -> Settings:
    return load_settings(options["config"], overrides={"kafka.bootstrap": options["bootstrap"]})


def _say(profile: ReferenceProfile, published: bool) -> None:
    for column, why in profile.excluded.items():
        echo(f"not watched: {column}: {why}", err=True)
    if profile.seasonality:
        echo(f"seasons: {profile.seasonality}", err=True)
    echo(
        f"reference {profile.reference_id} of {profile.model} {profile.version}: "
        f"{profile.rows:,} rows, {len(profile.signals)} signals"
        + (f"; in effect from event time {profile.effective_from_ms} ms" if published else ""),
        err=True,
    )
