"""A reference profile put into effect: from when on, and under which id."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import msgspec

from driftlog.errors import InputError
from driftlog.records import ReferenceProfile
from driftlog.settings import Settings
from stream.book import ReferenceBook
from stream.profile import reference_id
from stream.references import publish_reference, read_references
from stream.span import newest_event_ms

__all__ = ["MOMENTS", "adopt", "moment_ms", "renewed"]

MOMENTS = "start, next, now, an ISO 8601 time, or milliseconds since 1970"


async def adopt(
    settings: Settings, profile: ReferenceProfile, when: str | None
) -> ReferenceProfile:
    """Publish a profile and return it as it stands on the topic.

    Args:
        settings: where the topics are.
        profile: as built.
        when: see `moment_ms`; None: ``start`` for the first reference of a model version, else
            ``next``.

    Raises:
        InputError: ``when`` is none of `MOMENTS`.
        BrokerError: the broker or a topic is away.
    """
    book = await read_references(settings.kafka)
    history = book.history(profile.model, profile.version)
    if when is None:
        when = "next" if history else "start"
        if history and history[-1].reference_id == profile.reference_id:
            return history[-1]
    at_ms = await moment_ms(settings, when)
    if when == "next":
        # Of two that begin with the same pane the id would decide, not who came last.
        taken = {one.effective_from_ms for one in history}
        while at_ms in taken:
            at_ms += int(settings.stream.pane)
    chosen = renewed(book, profile, at_ms)
    await publish_reference(settings.kafka, chosen)
    return chosen


async def moment_ms(settings: Settings, when: str) -> int:
    """Return a moment of event time in milliseconds.

    ``start`` is the beginning of time; ``next`` the first pane after the newest event on the log,
    which is right for replays of the past too; ``now`` the clock's.

    Raises:
        InputError: it is none of `MOMENTS`.
        BrokerError: for ``next``, the broker or the topic of events is away.
    """
    if when == "start":
        return 0
    if when == "now":
        return int(time.time() * 1000)
    if when == "next":
        newest = await newest_event_ms(settings)
        if newest is None:
            return int(time.time() * 1000)
        pane = int(settings.stream.pane)
        return newest - newest % pane + pane
    try:
        if when.lstrip("-").isdecimal():
            found = int(when)
        else:
            moment = datetime.fromisoformat(when)
            zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            found = round(zoned.timestamp() * 1000)
    except ValueError:
        found = -1
    if found < 0:
        raise InputError(f"{when!r} is no time; it may be {MOMENTS}")
    return found


def renewed(book: ReferenceBook, profile: ReferenceProfile, at_ms: int) -> ReferenceProfile:
    """Return the profile with its time; with another id where the book has it for another time.

    A profile on the topic is never changed, since old logs are read again by it. One that comes
    back into effect, after others, is therefore a record of its own.
    """
    history = book.history(profile.model, profile.version)
    timed = msgspec.structs.replace(profile, effective_from_ms=at_ms)
    if all(one.reference_id != profile.reference_id or one == timed for one in history):
        return timed
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    again = msgspec.structs.replace(timed, source=f"{profile.source}; again from {moment}")
    return msgspec.structs.replace(again, reference_id=reference_id(again))
