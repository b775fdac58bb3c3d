"""``driftlog calibrate``: what the alarm budget comes to, what can be seen, if it is kept."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from driftlog.errors import InputError, MissingExtraError
from driftlog.settings import Settings, load_settings
from driftlog.terminal import echo_json

if TYPE_CHECKING:
    from driftlog.records import ReferenceProfile
    from stream.calibration_check import Check
    from stream.sample import Sample

__all__ = ["command"]

_COLUMNS = ("time", "segment", "prediction", "confidence", "label", "latency", "status")


@click.command("calibrate")
@click.option(
    "--reference", metavar="FILE|MODEL@VERSION", help="A profile; none: made of the --rows."
)
@click.option(
    "--rows",
    "rows_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Quiet rows: the budget is tried on them, through the production code.",
)
@click.option("--time", metavar="COL", help="Event time: timestamps, or numbers as seconds.")
@click.option("--segment", metavar="COL", help="Segment of a row.")
@click.option("--prediction", metavar="COL", help="What the model answered.")
@click.option("--confidence", metavar="COL", help="How sure it was.")
@click.option("--label", metavar="COL", help="The truth; never an input.")
@click.option("--latency", metavar="COL", help="Milliseconds that the answer took.")
@click.option("--status", metavar="COL", help="ok, or how the request failed.")
@click.option("--include", metavar="A,B", help="Watch these inputs alone.")
@click.option("--exclude", metavar="A,B", help="Do not watch these inputs.")
@click.option(
    "--type", "types", multiple=True, metavar="COL=TYPE", help="number, category, boolean, text."
)
@click.option("--budget", metavar="N", help="False incidents a month (detection.alarm_budget).")
@click.option("--rate", metavar="N", help="Events a second (detection.expected_rate).")
@click.option("--pane", metavar="SPAN", help="Slice of time judged at once (stream.pane).")
@click.option(
    "--run",
    "wanted",
    type=click.IntRange(1_000, 100_000_000),
    default=200_000,
    show_default=True,
    metavar="N",
    help="Rows that the budget is tried on.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the resampling.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.option("--kafka", "bootstrap", metavar="HOST:PORT", help="Broker, not the settings'.")
@click.option("--config", type=click.Path(path_type=Path), help="A driftlog.toml.")
def command(
    reference: str | None,
    rows_file: Path | None,
    wanted: int,
    seed: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Show the thresholds that the alarm budget comes to, and the smallest shift they let through.

    With --rows the budget is tried: quiet rows, drawn in blocks, run through the very code of the
    service at budgets large enough to count false incidents, and at your own.
    """
    if importlib.util.find_spec("stream") is None:
        raise MissingExtraError("driftlog calibrate")
    if reference is None and rows_file is None:
        raise click.UsageError("name --reference, --rows, or both")
    from driftlog.cli.calibrate_report import as_plain, print_calibration
    from stream.joint import without_joint
    from stream.judges import check_signals
    from stream.sensitivity import sensitivity
    from stream.thresholds import thresholds

    settings = _settings(options)
    profile, sample = _inputs(reference, rows_file, settings, options)
    if not settings.detection.joint:
        profile = without_joint(profile)
    check_signals(settings.detection, profile.signals)
    limits = thresholds(profile, settings)
    seen = sensitivity(profile, limits, settings)
    check = None
    if sample is not None:
        check = _checked(profile, sample, settings, wanted, seed, hidden=as_json)
    if as_json:
        echo_json(orjson.dumps(as_plain(profile, limits, seen, settings, check)))
    else:
        print_calibration(
            profile, limits, seen, settings, check, own_rows=reference is None, blocks=sample
        )


def _settings(options: dict[str, Any]) -> Settings:
    import msgspec

    from driftlog.cli.reference_inputs import chosen_models

    settings = load_settings(
        options["config"],
        overrides={
            "kafka.bootstrap": options["bootstrap"],
            "detection.alarm_budget": options["budget"],
            "detection.expected_rate": options["rate"],
            "stream.pane": options["pane"],
        },
    )
    return msgspec.structs.replace(settings, models=chosen_models(settings.models, options))


def _inputs(
    reference: str | None, rows_file: Path | None, settings: Settings, options: dict[str, Any]
) -> tuple[ReferenceProfile, Sample | None]:
    """The profile, and the rows to try it on."""
    from stream.sample import sample_of_columns

    profile = None if reference is None else _profile(reference, settings)
    if rows_file is None:
        if profile is None:
            raise InputError("there is neither a reference nor rows to make one of; add --rows")
        return profile, None
    columns, timed = _columns(rows_file, options)
    own = profile is None
    if profile is None:
        from stream.profile import build_profile

        profile = build_profile(
            columns,
            model=rows_file.stem,
            version="1",
            origin="file",
            models=settings.models,
            source=rows_file.name,
            timed=timed,
        )
    return profile, sample_of_columns(columns, profile, settings.models, own=own)


def _profile(target: str, settings: Settings) -> ReferenceProfile:
    from driftlog.cli.reference_file import read_profile

    if Path(target).is_file() or "@" not in target:
        return read_profile(Path(target))
    from stream.book import parse_reference_key
    from stream.references import read_references

    model, version, wanted = parse_reference_key(target)
    book = asyncio.run(read_references(settings.kafka))
    found = [
        one for one in book.history(model, version) if not wanted or one.reference_id == wanted
    ]
    if not found:
        there = ", ".join(f"{m}@{v}" for m, v in book.versions()) or "none at all"
        raise InputError(f"there is no reference {target}; there are {there}")
    return found[-1]


def _columns(file: Path, options: dict[str, Any]) -> tuple[Any, bool]:
    """The rows of a file as columns, and whether their event times are times."""
    from itertools import islice

    from driftlog.cli.progress import rows_progress
    from driftlog.files import FileSpec, file_rows
    from stream.profile import Gathering

    timed = options["time"] is not None
    gathering = Gathering()
    rows = file_rows(file, FileSpec(**{name: options[name] for name in _COLUMNS}))
    with rows_progress(f"reading {file.name}") as advance:
        while batch := list(islice(rows, 4096)):
            timed = timed or any(row.event.ts_ms != 1000 * row.number for row in batch)
            gathering.add(row.event for row in batch)
            advance(len(batch))
    return gathering.columns(), timed


def _checked(
    profile: ReferenceProfile,
    sample: Sample,
    settings: Settings,
    wanted: int,
    seed: int,
    *,
    hidden: bool,
) -> Check:
    from driftlog.cli.progress import rows_progress
    from stream.calibration_check import check_budget

    def run(advance: Callable[[int], None]) -> Check:
        return check_budget(profile, sample, settings, rows=wanted, seed=seed, advance=advance)

    if hidden:
        return run(lambda _: None)
    with rows_progress("trying the budget, three times") as advance:
        return run(advance)
