"""The dead letters on the broker: read, judged by the settings of now, sent again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from driftlog.decode import Rejection, decode_event, decode_label
from driftlog.errors import InputError
from driftlog.kafka import connection
from driftlog.mapping import FieldMapping
from driftlog.records import Event
from driftlog.settings import Settings

__all__ = ["Letter", "Place", "Verdict", "judged", "read_letters", "send_again"]

_CUT: Final = "cut"  # header of a letter of which not all is kept
_REPLAYED: Final = "replayed"  # header of a mark; it holds the place of the letter sent again

Place = tuple[int, int]  # partition and offset


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that was no event, as it lies on the dead-letter topic."""

    place: Place  # on the dead-letter topic
    at_ms: int  # when it was put there
    reason: str
    detail: str
    topic: str  # where it came from
    source: Place
    key: bytes | None
    raw: bytes | None
    replayed: bool = False
    cut: str = ""  # what it had before it was cut; empty: all of it is here

    @property
    def name(self) -> str:
        """Its place as people type it."""
        return f"{self.place[0]}:{self.place[1]}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What would become of a letter that is sent again now.

    why: why it would be no event, or too late to be judged; empty where nothing is in the way.
    """

    letter: Letter
    why: str
    late: bool = False


async def read_letters(
    settings: Settings, on_read: Callable[[int], None] = lambda _: None
) -> list[Letter]:
    """Return all letters that the topic holds now, oldest first.

    Args:
        settings: where the broker is.
        on_read: called with the number of records of each batch read.

    Raises:
        BrokerError: the broker or the topic is away; names it and the mend.
    """
    from stream.topic_end import read_to_end, reader
    from stream.topics import Topics

    found: dict[Place, Letter] = {}
    again: set[Place] = set()
    async with reader(settings.kafka, Topics.of(settings).deadletter) as consumer:
        async for _, records in read_to_end(consumer):
            on_read(len(records))
            for record in records:
                headers = {k: v.decode(errors="replace") for k, v in record.headers or ()}
                if _REPLAYED in headers:
                    again |= _places([headers[_REPLAYED]])
                else:
                    letter = _letter(record, headers)
                    found[letter.place] = letter
    letters = (replace(one, replayed=one.place in again) for one in found.values())
    return sorted(letters, key=lambda one: (one.at_ms, one.place))


def _letter(record: Any, headers: dict[str, str]) -> Letter:
    source = _places([f"{headers.get('partition', '')}:{headers.get('offset', '')}"])
    return Letter(
        place=(record.partition, record.offset),
        at_ms=record.timestamp,
        reason=headers.get("reason", "unknown"),
        detail=headers.get("detail", ""),
        topic=headers.get("topic", ""),
        source=next(iter(source), (-1, -1)),
        key=record.key,
        raw=record.value,
        cut=headers.get(_CUT, ""),
    )


def _places(texts: Iterable[str]) -> set[Place]:
    found = set()
    for text in texts:
        partition, _, offset = text.partition(":")
        if partition.isdecimal() and offset.isdecimal():
            found.add((int(partition), int(offset)))
    return found


async def judged(settings: Settings, letters: Sequence[Letter]) -> list[Verdict]:
    """Say of each letter what would become of it now, with these settings and references.

    Raises:
        BrokerError: the broker or a topic is away.
    """
    from stream.references import read_references
    from stream.span import newest_event_ms
    from stream.topics import Topics

    topics = Topics.of(settings)
    book = await read_references(settings.kafka)
    newest = await newest_event_ms(settings)
    oldest = None if newest is None else newest - settings.stream.allowed_lateness
    mapping = FieldMapping(settings.mapping)
    limit = settings.stream.max_event_bytes
    found = []
    for one in letters:
        if one.cut:
            found.append(Verdict(one, f"only its beginning is here: it had {one.cut}"))
            continue
        if one.topic == topics.labels:
            label = decode_label(one.raw, max_bytes=limit)
            found.append(Verdict(one, _why(label) if isinstance(label, Rejection) else ""))
            continue
        if one.topic != topics.events:
            found.append(
                Verdict(one, f"came from {one.topic or 'nowhere'}, which no worker reads now")
            )
            continue
        event = decode_event(
            one.raw,
            max_bytes=limit,
            mapping=mapping if mapping.active else None,
            fallback_id=f"{one.topic}-{one.source[0]}-{one.source[1]}",
        )
        if isinstance(event, Rejection):
            found.append(Verdict(one, _why(event)))
        elif settings.models.unknown == "reject" and not book.history(event.model, event.version):
            found.append(Verdict(one, f"{event.model} {event.version} has no reference"))
        else:
            found.append(_in_time(one, event, oldest))
    return found


def _in_time(letter: Letter, event: Event, oldest: int | None) -> Verdict:
    if oldest is None or event.ts_ms >= oldest:
        return Verdict(letter, "")
    behind = (oldest - event.ts_ms) / 1000
    return Verdict(letter, f"late by {behind:,.0f} s: it would be counted, not judged", late=True)


def _why(rejection: Rejection) -> str:
    return f"still {rejection.reason.value}: {rejection.detail}"


async def send_again(settings: Settings, letters: Sequence[Letter]) -> None:
    """Send letters to where they came from, under their own key, and mark each as sent again.

    A letter whose mark could not be written may be sent a second time by the next call.

    Raises:
        BrokerError: the broker refuses one; those before it have been sent.
        InputError: a letter does not say which topic and partition it came from.
    """
    from stream.topic_end import broker_errors
    from stream.topics import Topics

    marks = Topics.of(settings).deadletter
    for one in letters:
        if not one.topic or one.source[0] < 0:
            raise InputError(f"letter {one.name} does not say where it came from")
    async with broker_errors(settings.kafka, "sending dead letters of", marks):
        producer = AIOKafkaProducer(
            acks="all",
            enable_idempotence=True,
            max_request_size=16 * 1_048_576,
            **connection(settings.kafka),
        )
        try:
            await producer.start()
            for one in letters:
                await producer.send_and_wait(
                    one.topic, one.raw, key=one.key, partition=one.source[0]
                )
                await producer.send_and_wait(
                    marks, None, key=one.key, headers=[(_REPLAYED, one.name.encode())]
                )
        finally:
            await producer.stop()
