"""A reference made of the rows that a model version has shown, whatever is in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from driftlog.errors import ProfileError
from driftlog.records import EVENT, REFERENCE, Event, ReferenceProfile
from driftlog.settings import ModelSettings
from stream.learning import Learner
from stream.profile import profile_of_events

__all__ = ["MOST_BYTES", "learned_profile"]

MOST_BYTES: Final = 3_500_000  # of its record: the topic of references takes 4 MiB


def learned_profile(
    learner: Learner, models: ModelSettings, effective_from_ms: int
) -> ReferenceProfile:
    """Return the reference of the first ``learn_rows`` rows.

    What names its inputs have, and how many, is up to the log. The ``max_inputs`` that most rows
    have are watched; what is beyond them is told in ``source``, and counted as new columns.

    Raises:
        ProfileError: nothing in the rows can be watched, or the record would be too large.
    """
    events = [EVENT.decode(raw) for raw in learner.raw[: models.learn_rows]]
    rows = Counter(name for event in events for name in event.inputs if _wanted(name, models))
    source = f"the first {len(events):,} events"
    if len(rows) > models.max_inputs:
        source += f", {models.max_inputs:,} of their {len(rows):,} inputs (models.max_inputs)"
        commonest = sorted(rows, key=lambda name: (-rows[name], name))[: models.max_inputs]
        events = _with_inputs(events, frozenset(commonest))
    profile = profile_of_events(
        events,
        model=learner.model,
        version=learner.version,
        origin="learned",
        models=models,
        effective_from_ms=effective_from_ms,
        source=source,
    )
    size = len(REFERENCE.encode(profile))
    if size > MOST_BYTES:
        raise ProfileError(
            f"the reference of {learner.model} {learner.version} would have {size:,} bytes, more "
            f"than {MOST_BYTES:,}; name fewer inputs in models.include"
        )
    return profile


def _wanted(name: str, models: ModelSettings) -> bool:
    return name not in models.exclude and (not models.include or name in models.include)


def _with_inputs(events: Sequence[Event], names: frozenset[str]) -> list[Event]:
    return [
        msgspec.structs.replace(
            event, inputs={name: value for name, value in event.inputs.items() if name in names}
        )
        for event in events
    ]
