"""``driftlog scan``: drift in a file, by the same pipeline as the service, without a broker."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
import orjson

from driftlog.errors import InputError, MissingExtraError, SettingsError
from driftlog.files import FileSpec
from driftlog.records import ALERT, ReferenceProfile, Severity
from driftlog.settings import Settings, load_settings
from driftlog.terminal import echo, echo_json, terminal

if TYPE_CHECKING:
    from driftlog.cli.scan_file import LogFile
    from driftlog.cli.scan_means import PaneMeans
    from driftlog.cli.scan_tally import Tally

__all__ = ["command"]

_COLUMNS = (
    *("time", "version_column", "segment", "prediction", "confidence", "label", "latency"),
    *("status", "correlation_id"),
)


@click.command("scan")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--time", metavar="COL", help="Event time: timestamps, or numbers as seconds.")
@click.option(
    "--reference",
    required=True,
    metavar="FILE|N",
    help="What is usual: a profile (.json), a data file, or the first N rows.",
)
@click.option("--prediction", metavar="COL", help="What the model answered.")
@click.option("--confidence", metavar="COL", help="How sure it was.")
@click.option("--model", help="Name of the model.")
@click.option("--version", help="Version of the model.")
@click.option("--version-column", metavar="COL", help="Version of each row, for several.")
@click.option("--segment", metavar="COL", help="Segment of a row; see --top-segments.")
@click.option(
    "--top-segments", type=int, metavar="K", help="Judge the K largest segments by themselves too."
)
@click.option("--latency", metavar="COL", help="Milliseconds that the answer took.")
@click.option("--status", metavar="COL", help="ok, or how the request failed.")
@click.option("--label", metavar="COL", help="The truth; never an input.")
@click.option("--correlation-id", metavar="COL", help="Id of the request; else the row's own.")
@click.option("--include", metavar="A,B", help="Watch these inputs alone.")
@click.option("--exclude", metavar="A,B", help="Do not watch these inputs.")
@click.option(
    "--type", "types", multiple=True, metavar="COL=TYPE", help="number, category, boolean, text."
)
@click.option("--rows", metavar="A:B", help="Rows A to before B of the file, from 0.")
@click.option("--pane", metavar="SPAN", help="Slice of time judged at once; default: by the file.")
@click.option("--window", type=int, metavar="N", help="Panes in the sliding window.")
@click.option("--close", is_flag=True, help="Judge the last panes too, as if the log had ended.")
@click.option(
    "--fail-on",
    type=click.Choice([str(one) for one in Severity]),
    help="Exit with 4 if an alert is as bad as this, or worse.",
)
@click.option("--json", "as_json", is_flag=True, help="An alert a line, then a summary.")
@click.option("--config", type=click.Path(path_type=Path), help="A driftlog.toml.")
def command(
    file: Path, reference: str, rows: str | None, close: bool, as_json: bool, **options: Any
) -> None:
    """Look for drift in FILE (CSV, Parquet, JSON lines), without a broker.

    The rows go, in order of time, through the same steps as in the worker: the same events give
    the same alerts. A file whose lines are events needs no column options.

    \b
    Exit codes: 0 scanned, 4 an alert as bad as --fail-on, 2 an option or the file is no good.
    """
    if importlib.util.find_spec("stream") is None:
        raise MissingExtraError("driftlog scan")
    from driftlog.cli.reference_inputs import rows_slice
    from driftlog.cli.scan_file import Times, fitting_pane, open_log
    from driftlog.cli.scan_tally import Tally

    usual = _Usual(reference, options)
    log = open_log(file, usual.spec, rows_slice(rows))
    usual.check_rows(log, file)
    settings = usual.settings(str(fitting_pane(log)))
    when = Times(log.kind, day=settings.stream.pane % 86_400_000 == 0)
    if not options["pane"] and not as_json:
        echo(
            f"pane {when.span(settings.stream.pane)}, chosen by the file; --pane sets another",
            err=True,
        )
    fail_on = Severity(options["fail_on"]) if options["fail_on"] else None
    tally = Tally(settings, fail_on)
    with _progress(file.name, log.rows, hidden=as_json) as advance:
        profile = usual.profile(settings)
        means = _run(log, settings, profile, tally, usual, close, as_json, advance)
    if not tally.references:
        raise InputError(
            f"{file} ended before its first {reference} rows made whole panes of "
            f"{settings.stream.pane}; learn from fewer, take a smaller --pane, or add --close"
        )
    if as_json:
        echo_json(orjson.dumps({"summary": tally.summary()}))
    else:
        from driftlog.cli.scan_report import Report

        Report(terminal(), settings, when).print(tally, means.traces)
        if fail_on is not None:
            echo(f"--fail-on {fail_on}: {tally.exit_reason}", err=True)
    if tally.exit_code:
        raise SystemExit(tally.exit_code)


class _Usual:
    """What ``--reference`` names: a built profile, a file to build one of, or a number of rows."""

    def __init__(self, reference: str, options: dict[str, Any]) -> None:
        from driftlog.cli.reference_file import read_profile

        self.options = options
        self.rows = int(reference) if reference.isdecimal() else None
        path = None if self.rows is not None else Path(reference)
        self._built = path is not None and path.suffix.lower() == ".json"
        self._read: ReferenceProfile | None = None
        self._path = path
        if path is not None and not path.is_file():
            raise InputError(
                f"--reference {reference} is no file; it may be a profile ('driftlog reference "
                "build' writes one), a data file, or a number of rows"
            )
        if self._built and path is not None:
            for name in ("include", "exclude", "types"):
                if options[name]:
                    flag = "type" if name == "types" else name
                    raise InputError(
                        f"--{flag} shapes a reference, and {path} is one already; build it anew "
                        "with 'driftlog reference build'"
                    )
            self._read = read_profile(path)
        given = {name: options[name] for name in ("model", "version") if options[name]}
        if self._read is not None:
            given = {"model": self._read.model, "version": self._read.version} | given
        self.spec = FileSpec(**{name: options[name] for name in _COLUMNS}, **given)

    def check_rows(self, log: LogFile, file: Path) -> None:
        """Refuse to learn from all that there is, since nothing would be left to judge."""
        if self.rows is not None and self.rows >= log.rows:
            raise InputError(
                f"--reference {self.rows} rows, but {file} has {log.rows}; learn from fewer"
            )

    def settings(self, pane: str) -> Settings:
        """Return the settings with what the options change; ``pane`` where nobody names one."""
        from driftlog.cli.reference_inputs import chosen_models

        named = load_settings(self.options["config"])
        overrides = {
            "stream.pane": self.options["pane"] or pane,
            "stream.window_panes": self.options["window"],
            "models.top_segments": self.options["top_segments"],
            "models.learn_rows": self.rows,
            "models.unknown": "reject" if self.rows is None else "learn",
        }
        try:
            settings = load_settings(self.options["config"], overrides=overrides)
        except SettingsError as exc:
            option = {
                "stream.pane": "--pane",
                "stream.window_panes": "--window",
                "models.top_segments": "--top-segments",
                "models.learn_rows": "--reference",
            }.get(exc.key)
            if option is None:
                raise
            raise InputError(f"{option} holds {exc.held!r}; it may hold {exc.may_hold}") from exc
        models = chosen_models(settings.models, self.options)
        if named.models.segments and self.options["top_segments"]:
            models = msgspec.structs.replace(models, segments=())
        return msgspec.structs.replace(settings, models=models)

    def profile(self, settings: Settings) -> ReferenceProfile | None:
        """Return the profile, none where it is to be learned.

        Raises:
            InputError, ProfileError: the data file cannot be used, or has too few rows.
        """
        from stream.profile_file import profile_of_file

        found = self._read
        if found is not None:
            # A file's rows have the model's name from the command line, the profile its own.
            named = {name: self.options[name] for name in ("model", "version")}
            found = msgspec.structs.replace(found, **{k: v for k, v in named.items() if v})
        elif self._path is not None:
            found = profile_of_file(
                self._path,
                self.spec,
                settings.models,
                model=self.options["model"],
                version=self.options["version"],
            )
            self.check(found)
        return None if found is None else msgspec.structs.replace(found, effective_from_ms=0)

    def check(self, profile: ReferenceProfile) -> None:
        """Refuse names of inputs that there are not."""
        from driftlog.cli.reference_inputs import check_names

        check_names(profile, self.options)


def _run(
    log: LogFile,
    settings: Settings,
    profile: ReferenceProfile | None,
    tally: Tally,
    usual: _Usual,
    close: bool,
    as_json: bool,
    advance: Callable[[int], None],
) -> PaneMeans:
    from driftlog.cli.scan_means import PaneMeans
    from stream.book import ReferenceBook
    from stream.judges import check_signals
    from stream.pipeline import Pipeline, Told
    from stream.routing import segments_of

    means = PaneMeans(settings.stream.pane, lambda found: segments_of(found, settings.models))
    book = ReferenceBook() if profile is None else ReferenceBook([profile])
    pipeline = Pipeline(settings, book, None if as_json else means)
    if profile is not None:
        check_signals(settings.detection, profile.signals)
        tally.references[profile.model, profile.version] = profile

    def take(told: Told) -> None:
        for learned in told.references:
            usual.check(learned)
            check_signals(settings.detection, learned.signals)
            tally.references[learned.model, learned.version] = learned
        for dead in told.dead:
            tally.dead[str(dead.reason)] += 1
            if tally.first_dead is None:
                tally.first_dead = ((dead.key or b"").decode(), dead.detail)
        tally.late += told.late
        tally.take_verdicts(told.verdicts)
        for alert in told.alerts:
            tally.take_alert(alert)
            if as_json:
                echo_json(ALERT.encode(alert))

    for batch in log.batches():
        tally.rows += len(batch)
        take(pipeline.feed(batch))
        advance(len(batch))
    if close:
        take(pipeline.close())
    return means


@contextmanager
def _progress(name: str, rows: int, *, hidden: bool) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, gone at the end; none with ``hidden`` or without a terminal."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = terminal(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    off = hidden or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=off) as bar:
        task = bar.add_task(name, total=rows)
        yield lambda count: bar.advance(task, count)
