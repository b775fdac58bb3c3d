"""A log of millions of events, unevenly spread over partitions, that is written in a minute.

The bytes of an event are those of `producers.load` with its own ids and time put in front, so that
five million of them cost seconds and no memory. A drift lies in a stretch of it, so that verdicts
and alerts have something to tell.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
import orjson
from aiokafka import AIOKafkaProducer
from msgspec.structs import replace

from driftlog.kafka import COMPRESSION, connection
from driftlog.records import EVENT, Event, ReferenceProfile
from driftlog.records.tick import tick
from driftlog.settings import ModelSettings, Settings
from producers.load import EVENT_BYTES, events
from stream.profile import profile_of_events

__all__ = ["MODEL", "START_MS", "BulkLog", "Line"]

MODEL: Final = "load"
START_MS: Final = 1_732_100_000_000  # the start of a pane
_DRAWN: Final = 8_192  # events drawn; those behind them differ in ids and times
_JITTER_MS: Final = 1_000  # how far an event may come out of order
_BLOCK: Final = 65_536
_FLUSH: Final = 64  # batches on their way at once
_SHIFT: Final = 0.6  # sd, of num00
_SHIFTED: Final = (0.5, 0.625)  # the stretch of the log


@dataclass(frozen=True, slots=True)
class Line:
    """One record: its partition and its bytes."""

    partition: int
    value: bytes


class BulkLog:
    """The log in the order of writing; the same arguments make the same bytes.

    Args:
        count: events in it.
        shares: of the events, by partition.
        rate: events in a second of event time.
        start_ms: time of the first one.
    """

    def __init__(
        self, count: int, shares: Sequence[float], rate: float, start_ms: int = START_MS
    ) -> None:
        self.count = count
        self.shares = np.asarray(shares) / np.sum(shares)
        self.rate = rate
        self.start_ms = start_ms
        self._quiet = _tails(0.0)
        self._shifted = _tails(_SHIFT)

    @property
    def end_ms(self) -> int:
        """When nothing more comes: the end of a pane of ten seconds."""
        last = self.time_ms(self.count) + _JITTER_MS
        return last - last % 10_000 + 10_000

    def time_ms(self, number: int) -> int:
        """When an event happened, less its jitter."""
        return self.start_ms + int(number * 1000 / self.rate)

    def lines(self) -> Iterator[Line]:
        """Yield all records."""
        chance = np.random.default_rng(11)
        begin, end = (int(self.count * share) for share in _SHIFTED)
        for first in range(0, self.count, _BLOCK):
            many = min(_BLOCK, self.count - first)
            partitions = chance.choice(len(self.shares), many, p=self.shares).tolist()
            jitter = chance.integers(0, _JITTER_MS, many)
            exact = np.arange(first, first + many) * 1000 / self.rate
            times = (self.start_ms + exact.astype(np.int64) + jitter).tolist()
            for i, (partition, ts_ms) in enumerate(zip(partitions, times, strict=True)):
                number = first + i
                tails = self._shifted if begin <= number < end else self._quiet
                yield Line(partition, _value(number, ts_ms, tails[number % _DRAWN]))

    async def write(self, settings: Settings, pace: float | None = None) -> None:
        """Write all of it, and a tick in every partition behind it.

        Args:
            settings: say where.
            pace: events a second of the clock; none: as fast as the broker takes them.

        Raises:
            KafkaError: the broker does not take them.
        """
        kafka = settings.kafka
        producer: Any = AIOKafkaProducer(
            **connection(kafka),
            enable_idempotence=True,
            acks="all",
            compression_type=COMPRESSION,  # as the capture client does
            max_batch_size=262_144,
        )
        await producer.start()
        try:
            await self._write(producer, f"{kafka.prefix}events", pace)
            for partition in range(kafka.event_partitions):
                await producer.send_and_wait(
                    f"{kafka.prefix}events", tick(self.end_ms), partition=partition
                )
        finally:
            await producer.stop()

    async def _write(self, producer: Any, topic: str, pace: float | None) -> None:
        waiting: set[asyncio.Future[Any]] = set()
        began, written = time.monotonic(), 0
        rows = _BLOCK if pace is None else max(1, int(pace / 10))
        lines = self.lines()
        while block := list(islice(lines, rows)):
            if pace is not None:
                await asyncio.sleep(max(0.0, began + written / pace - time.monotonic()))
            written += len(block)
            values: dict[int, list[bytes]] = {}
            for line in block:
                values.setdefault(line.partition, []).append(line.value)
            for partition, held in values.items():
                at = 0
                while at < len(held):
                    batch, now_ms = producer.create_batch(), int(time.time() * 1000)
                    while at < len(held) and batch.append(
                        key=None, value=held[at], timestamp=now_ms
                    ):
                        at += 1
                    waiting.add(await producer.send_batch(batch, topic, partition=partition))
                    if len(waiting) >= _FLUSH:
                        done, waiting = await asyncio.wait(
                            waiting, return_when=asyncio.FIRST_COMPLETED
                        )
                        for future in done:
                            future.result()
        await asyncio.gather(*waiting)

    def reference(self) -> ReferenceProfile:
        """Return what is usual: learned from other events of the same kind and rate."""
        return profile_of_events(
            list(events(20_000, seed=1, step_ms=1000 / self.rate)),
            model=MODEL,
            version="1",
            origin="file",
            models=ModelSettings(),
        )


def _tails(shift: float) -> list[bytes]:
    """What stands behind ids and time, padded so that the whole has the usual size."""
    return [_tail(event, shift) for event in events(_DRAWN, seed=2)]


def _tail(event: Event, shift: float) -> bytes:
    if shift:
        number = event.inputs["num00"]
        assert isinstance(number, float)
        event = replace(event, inputs={**event.inputs, "num00": number + shift})
    held = orjson.loads(EVENT.encode(event))
    for name in ("v", "event_id", "correlation_id", "ts_ms"):
        del held[name]
    return orjson.dumps(held)[1:].ljust(EVENT_BYTES - len(_value(0, START_MS, b"")))


def _value(number: int, ts_ms: int, tail: bytes) -> bytes:
    return b'{"v":1,"event_id":"bulk-%012d","correlation_id":"req-%012d","ts_ms":%d,%b' % (
        number,
        number,
        ts_ms,
        tail,
    )
