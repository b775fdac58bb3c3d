"""The alerts topic as it is read by a person: from somewhere on, waiting for what is not there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from driftlog.errors import BrokerError, InputError
from driftlog.kafka import connection, reason, stop_consumer
from driftlog.settings import KafkaSettings

__all__ = ["AlertLog", "Begin"]

_RETRY_S: Final = 1.0
_POLL_MS: Final = 500
_QUIET_POLLS: Final = 6  # without a record, until it is asked whether the broker is there
_PROBE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Begin:
    """Where reading begins: the log's beginning, its end, or what was published at or after."""

    at_ms: int | None = None
    now: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``beginning``, ``now`` or a time in ISO 8601; without a zone it is UTC.

        >>> Begin.parse("1970-01-01T00:01").at_ms
        60000

        Raises:
            InputError: it is none of these.
        """
        if text in ("beginning", "now"):
            return cls(now=text == "now")
        try:
            time = datetime.fromisoformat(text)
            aware = time if time.tzinfo else time.replace(tzinfo=UTC)
            at_ms = round(aware.timestamp() * 1000)
        except (ValueError, OverflowError) as exc:
            raise InputError(
                f"--from is {text!r}; it may be beginning, now, or a time like 2025-03-01T12:00"
            ) from exc
        return cls(at_ms=max(0, at_ms))


class AlertLog:
    """Reads the alerts topic without a group, and creates nothing.

    Args:
        kafka: where the broker is.
        begin: where to begin.
        once: end at the end that the topic has now; else follow, and wait for a broker or a topic
            that is away.
        say: is told, in a line, what is being waited for.
    """

    def __init__(
        self, kafka: KafkaSettings, begin: Begin, *, once: bool, say: Callable[[str], None]
    ) -> None:
        self.topic = f"{kafka.prefix}alerts"
        self._kafka = kafka
        self._begin = begin
        self._once = once
        self._say = say
        self._waiting = ""

    async def records(self) -> AsyncGenerator[bytes, None]:
        """Yield the records, deletions left out.

        Raises:
            BrokerError: with ``once``, the broker or the topic is away.
        """
        await self.until_there()
        async with self._consumer() as consumer:
            ends = await self._seek(consumer)
            quiet = 0
            while not self._once or await _behind(consumer, ends):
                batches = await consumer.getmany(timeout_ms=_POLL_MS)
                for tp, records in batches.items():
                    for record in records:
                        past = self._once and record.offset >= ends[tp]
                        early = record.timestamp < (self._begin.at_ms or 0)
                        if record.value is not None and not past and not early:
                            yield record.value
                quiet = 0 if batches else quiet + 1
                if quiet >= _QUIET_POLLS and not self._once:
                    quiet = 0
                    await self._probe(consumer)

    async def until_there(self) -> None:
        """Wait for broker and topic; a reader that subscribes too early would make the topic.

        Raises:
            BrokerError: with ``once``, the broker or the topic is away.
        """
        while True:
            try:
                if await self._exists():
                    self._note("")
                    return
                missing = f"topic {self.topic} at {self._kafka.bootstrap}"
                mend = "made by 'driftlog topics create', or by the first worker"
            except (KafkaError, OSError) as exc:
                missing = f"broker at {self._kafka.bootstrap}"
                mend = await reason(connection(self._kafka), exc)
            if self._once:
                raise BrokerError(f"no {missing} ({mend})")
            self._note(f"waiting for the {missing} ({mend})")
            await asyncio.sleep(_RETRY_S)

    async def _exists(self) -> bool:
        admin = AIOKafkaAdminClient(**connection(self._kafka))
        try:
            await admin.start()
            return any(one["topic"] == self.topic for one in await admin.describe_topics())
        finally:
            await admin.close()

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[Any]:
        consumer = AIOKafkaConsumer(
            self.topic, auto_offset_reset="earliest", **connection(self._kafka)
        )
        try:
            await consumer.start()
            yield consumer
        except (KafkaError, OSError) as exc:
            raise BrokerError(
                f"reading {self.topic} at {self._kafka.bootstrap}: "
                f"{await reason(connection(self._kafka), exc)}"
            ) from exc
        finally:
            await stop_consumer(consumer)

    async def _seek(self, consumer: Any) -> dict[Any, int]:
        """Go to where reading begins; return the ends of now."""
        partitions = sorted(consumer.assignment())
        ends: dict[Any, int] = await consumer.end_offsets(partitions)
        found = {}
        if self._begin.at_ms is not None:
            found = await consumer.offsets_for_times(dict.fromkeys(partitions, self._begin.at_ms))
        for tp in partitions:
            if self._begin.now:
                consumer.seek(tp, ends[tp])
            elif found.get(tp) is not None:
                consumer.seek(tp, found[tp].offset)
            else:  # nothing later, or a broker that cannot look it up: what is earlier is left out
                await consumer.seek_to_beginning(tp)
        return ends

    async def _probe(self, consumer: Any) -> None:
        try:
            async with asyncio.timeout(_PROBE_S):
                await consumer.end_offsets(sorted(consumer.assignment()))
        except (KafkaError, OSError, TimeoutError):
            self._note(f"waiting for the broker at {self._kafka.bootstrap}, which has gone away")
        else:
            self._note("")

    def _note(self, waiting: str) -> None:
        if waiting and waiting != self._waiting:
            self._say(waiting)
        elif self._waiting and not waiting:
            self._say(f"following {self.topic} at {self._kafka.bootstrap}")
        self._waiting = waiting


async def _behind(consumer: Any, ends: dict[Any, int]) -> bool:
    return any([await consumer.position(tp) < end for tp, end in ends.items()])
