"""What a person accepts as usual from now on: a span of the log, perhaps that of an alert."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer

from driftlog.errors import ContractError, InputError
from driftlog.kafka import connection
from driftlog.records import ACTION, ALERT, Action, Alert, Origin, ReferenceProfile
from driftlog.settings import Settings
from stream.adoption import adopt, moment_ms
from stream.profile import profile_of_events
from stream.routing import model_version
from stream.span import newest_event_ms, read_span
from stream.topic_end import broker_errors, read_to_end, reader
from stream.topics import Topics

__all__ = ["accept_span", "alert_span", "find_alert", "profile_of_span", "record_action"]


async def profile_of_span(
    settings: Settings,
    model: str,
    version: str,
    span_ms: tuple[int, int],
    *,
    origin: Origin = "span",
    on_read: Callable[[int], None] = lambda _rows: None,
) -> ReferenceProfile:
    """Return the profile of the events with from <= event time < to.

    Raises:
        InputError: the span is empty or ends before it begins.
        BrokerError: the broker or the topic is away.
        ProfileError: there are too few events, or nothing that can be watched.
    """
    if span_ms[0] >= span_ms[1]:
        raise InputError(f"the span from {_iso(span_ms[0])} to {_iso(span_ms[1])} holds no time")
    events = await read_span(settings, model, version, span_ms, on_read)
    source = f"{Topics.of(settings).events} from {_iso(span_ms[0])} to {_iso(span_ms[1])}"
    return profile_of_events(
        events, model=model, version=version, origin=origin, models=settings.models, source=source
    )


async def find_alert(settings: Settings, alert_id: str) -> Alert:
    """Return the newest record of an alert.

    Raises:
        InputError: there is no such alert.
        BrokerError: the broker or the topic is away.
    """
    topic = Topics.of(settings).alerts
    found = None
    async with reader(settings.kafka, topic) as consumer:
        async for _, records in read_to_end(consumer):
            for record in records:
                if record.key == alert_id.encode() and record.value is not None:
                    found = record.value
    if found is None:
        raise InputError(f"there is no alert {alert_id!r} on {topic}; 'driftlog alerts' shows them")
    try:
        return ALERT.decode(found)
    except ContractError as exc:
        raise InputError(f"alert {alert_id!r} on {topic} cannot be read: {exc}") from exc


async def alert_span(settings: Settings, alert: Alert) -> tuple[int, int]:
    """Return the span of what is new since an alert's onset: to its end, or to the newest event.

    Raises:
        BrokerError: the broker or the topic is away.
    """
    end = alert.resolved_ms
    if end is None:
        newest = await newest_event_ms(settings)
        end = alert.pane_end_ms if newest is None else newest + 1
    return alert.onset.ts_ms, end


async def accept_span(
    settings: Settings,
    model: str,
    version: str,
    span: tuple[int | None, int | None],
    alert_id: str | None,
    when: str,
    by: str,
    *,
    note: str = "",
    on_read: Callable[[int], None] = lambda _rows: None,
) -> tuple[ReferenceProfile, Action]:
    """Make what the log shows in a span the new usual, and write down who did so.

    Args:
        settings: where the topics are.
        model: of the reference.
        version: of the model.
        span: begin and end, milliseconds; where one is None, that of the alert.
        alert_id: the span since the onset of this alert; None: the span has both ends.
        when: see `stream.adoption.moment_ms`.
        by: who accepts it.
        note: in that person's words.
        on_read: told how many rows have been read.

    Returns:
        The reference as it stands on the topic, and what was written to the actions.

    Raises:
        InputError: there is no such alert, it is of another model, or ``when`` is no time.
        BrokerError: the broker or a topic is away.
        ProfileError: there are too few events, or nothing that can be watched.
    """
    await moment_ms(settings, when)  # a time that is none is said before the log is read
    start, end = span
    if alert_id is not None:
        alert = await find_alert(settings, alert_id)
        if alert.model != model or version not in alert.versions:
            raise InputError(
                f"alert {alert_id} is of {alert.model} {', '.join(alert.versions)}, "
                f"not of {model_version(model, version)}"
            )
        onset, last = await alert_span(settings, alert)
        start, end = onset if start is None else start, last if end is None else end
    built = await profile_of_span(
        settings, model, version, (start or 0, end or 0), origin="accepted", on_read=on_read
    )
    profile = await adopt(settings, built, when)
    action = Action(
        action="accept_reference",
        model=model,
        by=by,
        at_ms=int(time.time() * 1000),
        alert_id=alert_id,
        version=version,
        reference_id=profile.reference_id,
        effective_from_ms=profile.effective_from_ms,
        note=note,
    )
    await record_action(settings, action)
    return profile, action


async def record_action(settings: Settings, action: Action) -> None:
    """Write what a person did to the topic of actions.

    Raises:
        BrokerError: the broker or the topic is away.
    """
    topic = Topics.of(settings).actions
    async with broker_errors(settings.kafka, "writing", topic):
        producer = AIOKafkaProducer(
            acks="all", enable_idempotence=True, **connection(settings.kafka)
        )
        try:
            await producer.start()
            await producer.send_and_wait(topic, ACTION.encode(action), key=action.model.encode())
        finally:
            await producer.stop()


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
