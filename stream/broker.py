"""The broker as a worker needs it: it answers, and the topics are there as they must be."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from driftlog.errors import BrokerError, DriftlogError
from driftlog.kafka import connection, reason
from driftlog.settings import Settings
from driftlog.topics import ensure_topics
from stream.topics import worker_topics

__all__ = ["check_topics", "watch_broker"]

_log = logging.getLogger(__name__)

LOOK_S: Final = 5.0  # between two questions to a broker
PATIENCE_S: Final = 5.0  # for an answer; later counts as away
MISSES: Final = 2  # unanswered questions in a row, before anybody is told


@asynccontextmanager
async def _asking(settings: Settings) -> AsyncIterator[Any]:
    arguments = connection(settings.kafka)
    admin: Any = AIOKafkaAdminClient(**arguments)
    try:
        await admin.start()
        yield admin
    except (KafkaError, OSError) as exc:
        raise BrokerError(await reason(arguments, exc)) from exc
    finally:
        await admin.close()


async def check_topics(settings: Settings) -> None:
    """Check that the broker answers and that every topic of a worker is as it must be.

    Raises:
        BrokerError: the broker or a topic is away, which waiting may mend.
        DriftlogError: a topic has another number of partitions, which waiting does not mend.
    """
    async with _asking(settings):
        pass
    security = connection(settings.kafka)
    bootstrap = security.pop("bootstrap_servers")
    results = await ensure_topics(
        bootstrap, worker_topics(settings), security=security, create=False
    )
    missing = [one.name for one in results if one.outcome == "missing"]
    if missing:
        raise BrokerError(
            f"topics are missing: {', '.join(missing)}; make them by 'driftlog topics create'"
        )
    wrong = [
        f"topic {one.name} has {difference.found} partitions where the settings have "
        f"{difference.wanted}"
        for one in results
        for difference in one.differences
        if difference.setting == "partitions"
    ]
    if wrong:
        raise DriftlogError(
            f"{'; '.join(wrong)}; change the settings (kafka.*_partitions) or make the topic anew"
        )
    for one in results:
        for difference in one.differences:
            _log.warning(
                "topic %s: %s is %s, not %s; 'driftlog doctor' says what follows from it",
                one.name,
                difference.setting,
                difference.found,
                difference.wanted,
            )


async def watch_broker(settings: Settings, tell: Callable[[bool], None]) -> None:
    """Tell when the broker stops answering and when it answers again, until cancelled.

    The clients themselves go on by themselves, however long it takes; but they do not say so.
    """
    misses = 0
    while True:
        try:
            async with asyncio.timeout(PATIENCE_S), _asking(settings) as admin:
                await admin.describe_cluster()
            if misses >= MISSES:
                tell(True)
            misses = 0
        except (BrokerError, TimeoutError):
            misses += 1
            if misses == MISSES:
                tell(False)
        await asyncio.sleep(LOOK_S)
