"""The topic of reference profiles: read to its end, followed, written."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from driftlog.errors import ContractError, ProfileError
from driftlog.kafka import COMPRESSION, connection
from driftlog.records import REFERENCE, ReferenceProfile
from driftlog.settings import KafkaSettings
from stream.book import ReferenceBook, reference_key
from stream.topic_end import broker_errors, read_to_end, reader

__all__ = ["References", "publish_reference", "read_references", "references_topic"]

_log = logging.getLogger(__name__)
_POLL_MS: Final = 500
_MAX_BYTES: Final = 16 * 1_048_576  # before compression; the topic takes 4 MiB after it


def references_topic(kafka: KafkaSettings) -> str:
    """Name of the topic."""
    return f"{kafka.prefix}references"


class References:
    """Follows the topic and holds the book of all profiles on it.

    ``async with References(kafka) as references`` has read the topic to the end it had at the
    start; `follow` then goes on until it is cancelled. A record that cannot be read is logged and
    kept in ``damaged``; the others count.

    Args:
        kafka: where the broker is.
        on_change: called with every new book, the first one too.
    """

    def __init__(
        self, kafka: KafkaSettings, on_change: Callable[[ReferenceBook], None] | None = None
    ) -> None:
        self._kafka = kafka
        self._on_change = on_change
        self._consumer: Any = None
        self._open = AsyncExitStack()
        self._held: dict[str, ReferenceProfile] = {}
        self.book = ReferenceBook()
        self.damaged: dict[str, str] = {}  # key -> what is wrong

    async def __aenter__(self) -> Self:
        """Read the topic to its end.

        Raises:
            BrokerError: the broker or the topic is away; names it and the mend.
        """
        async with AsyncExitStack() as stack:
            topic = references_topic(self._kafka)
            consumer = await stack.enter_async_context(reader(self._kafka, topic))
            async for _, records in read_to_end(consumer):
                self._take(records)
            self._consumer = consumer
            self._open = stack.pop_all()
        self._renew()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._consumer = None
        await self._open.aclose()

    async def follow(self) -> None:
        """Take what is published from now on, until cancelled.

        Raises:
            BrokerError: the broker refuses to be read (it may come and go: that is waited for).
        """
        if self._consumer is None:
            raise RuntimeError("follow() is called inside 'async with References(...)'")
        async with broker_errors(self._kafka, "following", references_topic(self._kafka)):
            while True:
                batches = await self._consumer.getmany(timeout_ms=_POLL_MS)
                for records in batches.values():
                    self._take(records)
                if batches:
                    self._renew()

    def _take(self, records: list[Any]) -> None:
        for record in records:
            self._take_one(record)

    def _take_one(self, record: Any) -> None:
        key = (record.key or b"").decode(errors="replace")
        self.damaged.pop(key, None)
        if record.value is None:
            self._held.pop(key, None)
            return
        try:
            self._held[key] = REFERENCE.decode(record.value)
        except ContractError as exc:
            self.damaged[key] = str(exc)
            _log.warning("reference %s at offset %d left out: %s", key, record.offset, exc)

    def _renew(self) -> None:
        self.book = ReferenceBook(self._held.values())
        if self._on_change is not None:
            self._on_change(self.book)


async def read_references(kafka: KafkaSettings) -> ReferenceBook:
    """Return the book of all profiles that are on the topic now.

    Raises:
        BrokerError: the broker or the topic is away.
    """
    async with References(kafka) as references:
        return references.book


async def publish_reference(kafka: KafkaSettings, profile: ReferenceProfile) -> None:
    """Write a profile to the topic; when this returns, the broker has it.

    Raises:
        BrokerError: the broker or the topic is away.
        ProfileError: the profile is larger than the topic takes.
    """
    topic = references_topic(kafka)
    value = REFERENCE.encode(profile)
    async with broker_errors(kafka, "writing", topic):
        producer = AIOKafkaProducer(
            acks="all",
            enable_idempotence=True,
            compression_type=COMPRESSION,
            max_request_size=_MAX_BYTES,
            **connection(kafka),
        )
        try:
            await producer.start()
            await producer.send_and_wait(topic, value, key=reference_key(profile).encode())
        except MessageSizeTooLargeError as exc:
            raise ProfileError(
                f"the reference of {profile.model} {profile.version} has {len(value):,} bytes for "
                f"{len(profile.signals)} signals, more than {topic} takes; watch fewer inputs "
                "(models.include) or raise the topic's max.message.bytes"
            ) from exc
        finally:
            await producer.stop()
