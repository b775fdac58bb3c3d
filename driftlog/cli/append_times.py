"""The newest event of each partition: when it says it was, and when the broker took it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from driftlog.cli.finding import Finding
from driftlog.errors import BrokerError
from driftlog.kafka import connection, reason, stop_consumer
from driftlog.settings import Duration, Settings

__all__ = ["NewestEvent", "clock_finding", "event_times_finding", "newest_events"]

_LOG_APPEND_TIME: Final = 1
_CLOCK_MS: Final = 1_000  # a difference of clocks that is no jitter
_WAIT_MS: Final = 5_000  # a record that compaction or a transaction took never comes


@dataclass(frozen=True, slots=True)
class NewestEvent:
    """Times of one event, in milliseconds since 1970."""

    timestamp_ms: int
    by_broker: bool  # LogAppendTime; else the producer's word
    event_ms: int | None  # ts_ms of the record; None where it has none that we could read


async def newest_events(settings: Settings, topic: str, partitions: int) -> list[NewestEvent]:
    """Return the last event of each partition that has one.

    Raises:
        BrokerError: the broker or the topic is away.
    """
    kafka = settings.kafka
    consumer = AIOKafkaConsumer(**connection(kafka))
    assigned = [TopicPartition(topic, number) for number in range(partitions)]
    found = []
    try:
        await consumer.start()
        consumer.assign(assigned)
        starts = await consumer.beginning_offsets(assigned)
        ends = await consumer.end_offsets(assigned)
        waiting = {tp for tp in assigned if ends[tp] > starts[tp]}
        for tp in waiting:
            consumer.seek(tp, ends[tp] - 1)
        while waiting:
            batches = await consumer.getmany(*waiting, timeout_ms=_WAIT_MS)
            if not batches:
                break
            for tp, records in batches.items():
                record = records[-1]
                waiting.discard(tp)
                found.append(
                    NewestEvent(
                        record.timestamp,
                        record.timestamp_type == _LOG_APPEND_TIME,
                        _event_ms(record.value),
                    )
                )
    except (KafkaError, OSError) as exc:
        raise BrokerError(
            f"reading {topic} at {kafka.bootstrap}: {await reason(connection(kafka), exc)}"
        ) from exc
    finally:
        await stop_consumer(consumer)
    return found


def _event_ms(value: bytes | None) -> int | None:
    """Read the time of an event in our form; a foreign form has its time elsewhere."""
    try:
        event = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    ts_ms = event.get("ts_ms") if isinstance(event, dict) else None
    return ts_ms if isinstance(ts_ms, int) and not isinstance(ts_ms, bool) else None


def clock_finding(newest: Sequence[NewestEvent], now_ms: float) -> Finding:
    """Compare clocks without writing: nothing can have been appended in our future.

    Args:
        newest: the newest events.
        now_ms: this machine's clock, milliseconds since 1970.
    """
    check = "clock"
    appended = [event.timestamp_ms for event in newest if event.by_broker]
    if not appended:
        return Finding(
            check, "skipped", "no event has a time of the broker (LogAppendTime) to compare with"
        )
    ahead = max(appended) - now_ms
    if ahead > _CLOCK_MS:
        return Finding(
            check,
            "wrong",
            f"the newest event was appended {ahead / 1000:.1f} s in this machine's future",
            "let both machines keep their time by NTP",
        )
    return Finding(
        check,
        "ok",
        f"not behind the broker's (newest event appended {-ahead / 1000:.1f} s ago); whether it is "
        "ahead cannot be told without writing",
    )


def event_times_finding(newest: Sequence[NewestEvent], skew: Duration) -> Finding:
    """Compare the services' clocks with the broker's; ``skew`` is ``stream.future_skew``."""
    check = "event times"
    told = [
        event.event_ms - event.timestamp_ms
        for event in newest
        if event.by_broker and event.event_ms is not None
    ]
    if not told:
        return Finding(check, "skipped", "no readable event with a time of the broker")
    if max(told) > skew:
        return Finding(
            check,
            "wrong",
            f"the newest events are up to {max(told) / 1000:.1f} s ahead of the broker: more than "
            f"stream.future_skew ({skew}) is a dead letter",
            "let the watched services keep their time by NTP, or raise stream.future_skew",
        )
    found = f"newest events between {-max(told) / 1000:.1f} and {-min(told) / 1000:.1f} s old"
    return Finding(check, "ok", f"{found} when appended")
