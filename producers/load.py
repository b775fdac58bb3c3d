"""Synthetic load for benchmarks: events of a known size and shape, and a fast way to the log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from aiokafka import AIOKafkaProducer

from driftlog.kafka import connection
from driftlog.records import EVENT, Event, Outputs
from driftlog.settings import KafkaSettings

__all__ = ["EVENT_BYTES", "events", "produce", "records"]

EVENT_BYTES = 810  # of each record's value
_BATCH_BYTES = 256 * 1024
_BATCH_ROWS = 512
_LEVELS = ("alpha", "bravo", "charlie", "delta", "echo")
_NUMBERS = tuple(f"num{i:02d}" for i in range(16))
_STRINGS = tuple(f"text_{i}" for i in range(4))
_CHUNK = 4096  # rows drawn at once; part of what a seed means
_START_MS = 1_732_100_000_000


def events(
    count: int, seed: int = 0, *, start_ms: int = _START_MS, step_ms: float = 1.0
) -> Iterator[Event]:
    """Yield events of 16 numbers (standard normal) and 4 strings (five even levels).

    The same seed gives the same events. ``step_ms`` lies between event times.
    """
    chance = np.random.default_rng(seed)
    for first in range(0, count, _CHUNK):
        rows = min(_CHUNK, count - first)
        numbers = chance.standard_normal((rows, len(_NUMBERS))).tolist()
        levels = chance.integers(0, len(_LEVELS), (rows, len(_STRINGS) + 1)).tolist()
        scores = chance.random(rows).round(6).tolist()
        latencies = chance.exponential(3.0, rows).round(3).tolist()
        for i in range(rows):
            texts = [_LEVELS[level] for level in levels[i]]
            number, yes = first + i, scores[i]
            no = round(1 - yes, 6)
            inputs: dict[str, Any] = dict(zip(_NUMBERS, numbers[i], strict=True))
            inputs.update(zip(_STRINGS, texts[1:], strict=True))
            yield Event(
                event_id=f"load-{seed}-{number:012d}",
                correlation_id=f"req-{seed}-{number:012d}",
                ts_ms=start_ms + int(number * step_ms),
                model="load",
                version="1",
                inputs=inputs,
                segment=texts[0],
                outputs=Outputs(
                    prediction="yes" if yes > no else "no",
                    confidence=max(yes, no),
                    scores={"yes": yes, "no": no},
                ),
                latency_ms=latencies[i],
            )


def records(made: Iterable[Event]) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value, padded with JSON's white space to 810 bytes where they are shorter."""
    for event in made:
        yield event.correlation_id.encode(), EVENT.encode(event).ljust(EVENT_BYTES)


async def produce(
    kafka: KafkaSettings,
    topic: str,
    made: Iterable[tuple[bytes, bytes]],
    *,
    rate: float | None = None,
) -> int:
    """Write records, whole batches at a time, to the partitions in turn; return how many.

    Batches go round the partitions instead of by key, which spares hashing each key: a load for
    the reader, not an example for a writer. With ``rate`` (events a second) batches are sized to
    a tenth of a second.

    Raises:
        KafkaError: the broker does not take them.
    """
    producer = AIOKafkaProducer(
        **connection(kafka), enable_idempotence=True, acks="all", max_batch_size=_BATCH_BYTES
    )
    await producer.start()
    count, began = 0, time.monotonic()
    rows = _BATCH_ROWS if rate is None else max(1, min(_BATCH_ROWS, int(rate / 10)))
    waiting: set[asyncio.Future[Any]] = set()
    source = iter(made)
    try:
        partitions = sorted(await producer.partitions_for(topic))
        turn = 0
        while chunk := list(islice(source, rows)):
            if rate is not None:
                await asyncio.sleep(max(0.0, began + count / rate - time.monotonic()))
            while chunk:
                batch, now_ms = producer.create_batch(), int(time.time() * 1000)
                taken = 0
                for key, value in chunk:
                    if batch.append(key=key, value=value, timestamp=now_ms) is None:
                        break
                    taken += 1
                partition = partitions[turn % len(partitions)]
                waiting.add(await producer.send_batch(batch, topic, partition=partition))
                turn, count, chunk = turn + 1, count + taken, chunk[taken:]
            done = {future for future in waiting if future.done()}
            waiting -= done
            for future in done:
                future.result()
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()
    return count
