"""The reference profile of a model version, built from its events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final

import msgspec
import numpy as np

from driftlog.errors import ProfileError
from driftlog.records import (
    REFERENCE,
    Event,
    Origin,
    ReferenceProfile,
    SignalProfile,
    rounded,
)
from driftlog.settings import ModelSettings
from stream.profiling.calendar import Calendar, calendar_of, rate_by_hour
from stream.profiling.cells import Kind
from stream.profiling.columns import Column, Columns, Gathering, columns_of
from stream.profiling.contents import repeated_share
from stream.profiling.exclusion import is_free_text, why_excluded
from stream.profiling.joint import joint_signal
from stream.profiling.season import seasonality
from stream.profiling.signals import signal_profile
from stream.profiling.texts import text_profiles
from stream.profiling.types import Numbers, Texts, guess_type, read_as, type_by_hand
from stream.rows import MISSING, CategoryColumn

__all__ = ["MIN_ROWS", "Gathering", "build_profile", "profile_of_events", "reference_id"]

MIN_ROWS: Final = 30  # fewer say nothing that a bin or a spread could be made of
_SEGMENTS: Final = 1_000  # named; more only if models.top_segments wants them


@np.errstate(over="ignore", divide="ignore", invalid="ignore")  # 1e308 is a value too
def build_profile(
    columns: Columns,
    *,
    model: str,
    version: str,
    origin: Origin,
    models: ModelSettings,
    source: str = "",
    timed: bool = True,
    effective_from_ms: int = 0,
) -> ReferenceProfile:
    """Freeze what is usual. The same rows and arguments give the same profile, id included.

    Inputs are watched unless ``models.include`` and ``models.exclude`` say otherwise, or
    `why_excluded` finds that they name their row instead of describing it; one that
    ``models.include`` or ``models.types`` names is never left out by itself. Types are guessed
    (`guess_type`) unless ``models.types`` names them, by input or by output signal; cells of other
    types are then converted. An input of free text becomes the four signals of `text_profiles`.

    Where inputs go together a last signal, ``joint``, says how usual their combination is
    (`stream.profiling.joint`).

    Args:
        columns: the rows, by `Gathering`.
        model: name of the model.
        version: its version.
        origin: how the rows came.
        models: which inputs to watch, and as what.
        source: where the rows came from, for people; part of the content.
        timed: whether event times are times; else the rate is unknown, written 0.
        effective_from_ms: panes that start at or after it are judged by the profile.

    Raises:
        ProfileError: fewer than `MIN_ROWS` rows, or nothing among them that can be watched.
    """
    rows = len(columns)
    if rows < MIN_ROWS:
        raise ProfileError(
            f"a reference of {model} {version} needs {MIN_ROWS} rows or more, not {rows}; some "
            "thousands are better"
        )
    calendar = calendar_of(
        columns.ts_ms, models.timezone, timed=timed, signals=len(columns.columns)
    )
    signals: list[SignalProfile] = []
    excluded: dict[str, str] = {}
    cells: dict[str, Numbers | Texts] = {}
    for column in columns.columns:
        found = _signals(column, columns, models, calendar)
        if isinstance(found, str):
            excluded[column.name] = found
            continue
        frozen, values = found
        signals += frozen
        if column.role == "input" and frozen[0].text is None:
            cells[column.signal] = values
    if all(one.role == "service" for one in signals):
        why = "; ".join(f"{name}: {reason}" for name, reason in excluded.items())
        raise ProfileError(
            f"nothing in the {rows} rows of {model} {version} can be watched ({why or 'no inputs'})"
            "; name inputs in models.include"
        )
    # What is made of one text goes together always: of other inputs that says nothing.
    alone = [one for one in signals if one.text is None]
    joint = joint_signal(alone, rows, cells, calendar, columns.ts_ms)
    if joint is not None:
        signals.append(joint)
    first, last = int(columns.ts_ms[0]), int(columns.ts_ms[-1])
    profile = ReferenceProfile(
        model=model,
        version=version,
        reference_id="",
        origin=origin,
        effective_from_ms=0,
        rows=rows,
        span_ms=(first, last),
        rate=rounded(1000 * (rows - 1) / (last - first)) if timed and last > first else 0.0,
        signals=tuple(signals),
        segments=_shares(columns.segments, rows, max(_SEGMENTS, models.top_segments)),
        excluded=excluded,
        source=source,
        seasonality=seasonality(signals, calendar),
        timezone=calendar.timezone,
        rate_by_hour=rate_by_hour(columns.ts_ms, calendar),
        repeated=repeated_share(signals[: models.shard_signals], cells),
    )
    return msgspec.structs.replace(
        profile, reference_id=reference_id(profile), effective_from_ms=effective_from_ms
    )


def profile_of_events(
    events: Iterable[Event],
    *,
    model: str,
    version: str,
    origin: Origin,
    models: ModelSettings,
    source: str = "",
    timed: bool = True,
    effective_from_ms: int = 0,
) -> ReferenceProfile:
    """Return `build_profile` of these events, all of one model version and in any order."""
    return build_profile(
        columns_of(events),
        model=model,
        version=version,
        origin=origin,
        models=models,
        source=source,
        timed=timed,
        effective_from_ms=effective_from_ms,
    )


def reference_id(profile: ReferenceProfile) -> str:
    """12 hex digits of BLAKE2 over the content, which is all but id and effective time."""
    content = msgspec.structs.replace(profile, reference_id="", effective_from_ms=0)
    return blake2b(REFERENCE.encode(content), digest_size=6).hexdigest()


def _signals(
    column: Column, columns: Columns, models: ModelSettings, calendar: Calendar
) -> tuple[Sequence[SignalProfile], Numbers | Texts] | str:
    """The profiles of what a column gives, one of all but free text, and its cells; or why none."""
    by_hand = models.types.get(column.name)
    kind = type_by_hand(by_hand) if by_hand else guess_type(column.cells)
    if column.role == "input":
        if column.name in models.exclude:
            return "named in models.exclude"
        if models.include and column.name not in models.include:
            return "not named in models.include"
        chosen = by_hand is not None or column.name in models.include
        reason = None if chosen else why_excluded(column.name, column.cells, kind)
        if reason is not None:
            return reason
    if not (column.cells.kind != Kind.MISSING).any():
        return "holds nothing but nulls"
    if kind is None:
        return "holds lists or objects, which no signal can be made of"
    values = read_as(column.cells, kind, converted=by_hand is not None)
    held = values.codes > MISSING if isinstance(values, CategoryColumn) else np.isfinite(values)
    if not held.any():
        return f"holds nothing that can be read as a {kind}"
    if column.role == "input" and isinstance(values, CategoryColumn):
        guessed = by_hand is None and is_free_text(column.cells)
        if by_hand == "text" or guessed:
            texts = _texts(column, values, columns, calendar)
            return texts if isinstance(texts, str) else (texts, values)
    frozen = signal_profile(
        column.signal, column.role, kind, values, calendar=calendar, ts_ms=columns.ts_ms
    )
    return (frozen,), values


def _texts(
    column: Column, texts: Texts, columns: Columns, calendar: Calendar
) -> Sequence[SignalProfile] | str:
    found = text_profiles(column.name, texts, columns.key, calendar, columns.ts_ms)
    taken = {one.signal for one in columns.columns} & {one.signal for one in found}
    if taken:
        return f"free text, whose signals would be called like another input ({min(taken)})"
    return found


def _shares(segments: dict[str, int], rows: int, most: int) -> dict[str, float]:
    largest = sorted(segments.items(), key=lambda item: (-item[1], item[0]))[:most]
    return {name: rounded(count / rows) for name, count in largest}
