"""``driftlog deadletter``: what was no event, looked at and sent again."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from driftlog.cli.alert_log import Begin
from driftlog.errors import InputError
from driftlog.printable import printable
from driftlog.records import Reason
from driftlog.settings import Settings, load_settings
from driftlog.terminal import echo, echo_json, terminal

if TYPE_CHECKING:
    from driftlog.cli.dead_letters import Letter, Verdict

__all__ = ["command"]

_WIDTH: Final = 160  # of what is no terminal
_SHOWN: Final = 4_000  # bytes of a letter; --raw gives all
_FEW: Final = 10  # letters left behind that are named

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_options: tuple[_Decorator, ...] = (
    click.option("--config", type=click.Path(path_type=Path), help="A driftlog.toml."),
    click.option("--kafka", metavar="HOST:PORT", help="Broker, in place of the settings'."),
)
_chosen: tuple[_Decorator, ...] = (
    click.option(
        "--reason",
        type=click.Choice([reason.value for reason in Reason]),
        help="Of this reason alone.",
    ),
    click.option(
        "--from",
        "begin",
        default="beginning",
        show_default=True,
        metavar="WHEN",
        help="Put there at or after a time in ISO 8601.",
    ),
    click.option("--all", "everything", is_flag=True, help="Those sent again before as well."),
)


def _with(*options: _Decorator) -> _Decorator:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


@click.group("deadletter")
def command() -> None:
    """List, show and send again what was no event."""


@command.command("list")
@_with(*_chosen, *_options)
@click.option("--each", is_flag=True, help="A line for each, in place of one for each reason.")
@click.option("--json", "as_json", is_flag=True, help="One letter a line.")
def list_letters(each: bool, as_json: bool, **options: Any) -> None:
    """Say how many there are, why, since when, and an example of each reason."""
    settings = _settings(options)
    letters = _wanted(_read(settings), options)
    if as_json:
        for one in letters:
            echo_json(_as_json(one))
        return
    if not letters:
        echo(f"No dead letters on {settings.kafka.prefix}deadletter.")
        return
    _table(letters) if each else _summary(letters)


@command.command()
@click.argument("place", metavar="PARTITION:OFFSET")
@click.option("--raw", is_flag=True, help="The bytes as they came, and nothing else.")
@_with(*_options)
def show(place: str, raw: bool, **options: Any) -> None:
    """Show one letter whole: why it is here, where it came from, what it holds."""
    settings = _settings(options)
    (one,) = _named(_read(settings), [place])
    if raw:
        sys.stdout.buffer.write(one.raw or b"")
        return
    from driftlog.cli.dead_letters import judged

    (now,) = asyncio.run(judged(settings, [one]))
    body = (one.raw or b"")[:_SHOWN].decode(errors="backslashreplace")
    lines = {
        "letter": one.name + (", sent again" if one.replayed else ""),
        "since": _time(one.at_ms),
        "reason": f"{one.reason}: {one.detail}",
        "came from": f"{one.topic}, partition {one.source[0]}, offset {one.source[1]}",
        "key": (one.key or b"").decode(errors="backslashreplace") or "none",
        "bytes": (f"{len(one.raw):,}" if one.raw is not None else "none (a tombstone)")
        + (f"; cut, it had {one.cut}" if one.cut else ""),
        "sent again now": now.why or "would be taken",
    }
    for name, text in lines.items():
        echo(f"{name + ':':16s}{text}")
    echo(body)
    if len(one.raw or b"") > _SHOWN:
        echo(f"... {len(one.raw or b'') - _SHOWN:,} bytes more; --raw gives all")


@command.command()
@click.argument("places", metavar="[PARTITION:OFFSET]...", nargs=-1)
@_with(*_chosen, *_options)
@click.option("--late", is_flag=True, help="Also those too late to be judged.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
def replay(places: Sequence[str], late: bool, dry_run: bool, yes: bool, **options: Any) -> None:
    """Send letters to where they came from, after what was wrong has been mended.

    Without places all that --reason and --from choose. Each is first judged by the settings and
    references of now: one that would only come back is left where it is. What is sent keeps its
    bytes, key and partition, and is not sent a second time unless --all says so.
    """
    from driftlog.cli.dead_letters import judged, send_again

    settings = _settings(options)
    found = _read(settings)
    letters = _wanted(_named(found, places) if places else found, options)
    verdicts = asyncio.run(judged(settings, letters))
    ready = [one.letter for one in verdicts if not one.why or (late and one.late)]
    _left([one for one in verdicts if one.letter not in ready])
    echo(f"{len(ready):,} of {len(letters):,} letters can be sent again.")
    if not ready or dry_run:
        return
    if not yes:
        click.confirm(f"Send them to {settings.kafka.bootstrap}?", abort=True)
    asyncio.run(send_again(settings, ready))
    echo(f"{len(ready):,} sent.")


# -- choosing -------------------------------------------------------------------------------------


def _settings(options: dict[str, Any]) -> Settings:
    return load_settings(options["config"], overrides={"kafka.bootstrap": options["kafka"]})


def _read(settings: Settings) -> list[Letter]:
    from driftlog.cli.dead_letters import read_letters
    from driftlog.cli.progress import rows_progress

    with rows_progress("reading dead letters") as advance:
        return asyncio.run(read_letters(settings, advance))


def _wanted(letters: Iterable[Letter], options: dict[str, Any]) -> list[Letter]:
    begin = Begin.parse(options["begin"]).at_ms or 0
    reason = options["reason"]
    return [
        one
        for one in letters
        if one.at_ms >= begin
        and reason in (None, one.reason)
        and (options["everything"] or not one.replayed)
    ]


def _named(letters: Iterable[Letter], names: Iterable[str]) -> list[Letter]:
    by_name = {one.name: one for one in letters}
    found = []
    for name in names:
        if name not in by_name:
            raise InputError(
                f"there is no dead letter {printable(name)!r}; 'driftlog deadletter list --each' "
                "names those that there are, as PARTITION:OFFSET"
            )
        found.append(by_name[name])
    return found


# -- telling --------------------------------------------------------------------------------------


def _left(verdicts: Sequence[Verdict]) -> None:
    for one in verdicts[:_FEW]:
        echo(f"left: {one.letter.name} {one.why}")
    if len(verdicts) > _FEW:
        echo(f"left: {len(verdicts) - _FEW:,} more")


def _summary(letters: Sequence[Letter]) -> None:
    rows = []
    for reason in dict.fromkeys(one.reason for one in letters):
        some = [one for one in letters if one.reason == reason]
        last = some[-1]
        times = _time(some[0].at_ms), _time(last.at_ms)
        rows.append((reason, f"{len(some):,}", *times, last.name, last.detail))
    _print(("reason", "letters", "first", "last", "the last one", "what it says"), rows)


def _table(letters: Sequence[Letter]) -> None:
    rows = [
        (
            one.name,
            _time(one.at_ms),
            f"{one.topic} {one.source[0]}:{one.source[1]}",
            one.reason + (" (sent again)" if one.replayed else ""),
            one.detail,
        )
        for one in letters
    ]
    _print(("letter", "since", "came from", "reason", "what it says"), rows)


def _print(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for name in head:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    terminal(plain_width=_WIDTH).print(table)


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _as_json(one: Letter) -> bytes:
    import orjson

    return orjson.dumps(
        {
            "letter": one.name,
            "at_ms": one.at_ms,
            "reason": one.reason,
            "detail": one.detail,
            "topic": one.topic,
            "partition": one.source[0],
            "offset": one.source[1],
            "key": (one.key or b"").decode(errors="backslashreplace"),
            "raw": (one.raw or b"").decode(errors="backslashreplace"),
            "replayed": one.replayed,
        }
    )
