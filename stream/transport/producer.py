"""Sending that is not believed before the broker has acknowledged it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, cast

from faust.exceptions import ProducerSendError
from faust.transport.drivers import aiokafka as driver
from faust.transport.producer import ProducerBuffer
from faust.types import FutureMessage, HeadersArg, RecordMetadata

from stream.transport.engine import TransportError

__all__ = ["Buffer", "Producer"]

# How often a waiting flush looks whether the buffer has been stopped under it.
STATE_POLL = 0.5  # seconds


class Buffer(ProducerBuffer):
    """The messages that table writes and `send_soon` have left to be sent."""

    _sending: int = 0

    async def _send_pending(self, fut: FutureMessage) -> None:
        self._sending += 1
        try:
            await super()._send_pending(fut)
        finally:
            self._sending -= 1
            self.message_sent.set()

    async def flush(self) -> None:
        """Return when every message has been handed to the Kafka client.

        Faust's own gives up when nothing moved for 0.1 s, and does not count the message it is
        sending: a commit then ran ahead of the changelog records it depends on.

        Raises:
            ProducerSendError: the buffer was stopped or crashed with messages unsent.
        """
        while self.size or self._sending:
            if self.state != "running":
                raise ProducerSendError(
                    f"{self.size + self._sending} messages left unsent: the producer is "
                    f"{self.state}; their inputs are not acknowledged and will be read again"
                )
            self.message_sent.clear()
            try:
                await asyncio.wait_for(self.message_sent.wait(), STATE_POLL)
            except TimeoutError:
                continue

    async def on_stop(self) -> None:
        """Do not flush: the Kafka client below is gone by now, and the app has flushed before."""
        if self.size or self._sending:
            self.log.warning("Stopped with %d messages unsent", self.size + self._sending)


class Producer(driver.Producer):
    """An idempotent producer, whose every failed record ends the worker.

    Without idempotence aiokafka drops a batch that waited longer than the request timeout, and
    the next one overtakes it: a hole in a partition, which the high-water offsets of its readers
    turn into silent loss.
    """

    failure: BaseException | None = None

    def __init__(self, transport: Any, *args: Any, **kwargs: Any) -> None:
        if transport.app.conf.producer_threaded:
            raise TransportError(
                "setting 'producer_threaded' holds True; it may hold False: Faust's threaded "
                "producer neither flushes nor stops as this transport needs"
            )
        super().__init__(transport, *args, **kwargs)
        self.buffer = Buffer(loop=self.loop, beacon=self.beacon)
        self.buffer.app = self.app

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: HeadersArg | None,
        *,
        transactional_id: str | None = None,
    ) -> Awaitable[RecordMetadata]:
        """Hand a record to the Kafka client; its delivery is watched.

        Raises:
            ProducerSendError: the client refuses the record, or an earlier one was lost: nothing
                may be sent after a lost record.
        """
        self._raise_failure()
        delivery = await super().send(
            topic, key, value, partition, timestamp, headers, transactional_id=transactional_id
        )
        # Faust's own callback logs an undelivered record and goes on.
        cast("asyncio.Future[RecordMetadata]", delivery).add_done_callback(self._on_delivery)
        return delivery

    def _on_delivery(self, delivery: asyncio.Future[RecordMetadata]) -> None:
        if delivery.cancelled():
            return
        failure = delivery.exception()
        if failure is not None and self.failure is None:
            self.failure = failure
            self.add_future(self.crash(failure))

    def _raise_failure(self) -> None:
        if self.failure is not None:
            raise ProducerSendError(
                f"an earlier record was lost ({self.failure!r}): the worker must start again"
            ) from self.failure

    async def flush(self) -> None:
        """Return when the broker has acknowledged everything sent so far.

        Raises:
            ProducerSendError: a record was lost. A commit waits for this flush, so that it never
                covers what was not delivered.
        """
        await super().flush()
        self._raise_failure()
