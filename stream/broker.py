"""The broker as a worker needs it: it answers, and the topics are there as they must be."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from driftlog.errors import BrokerError, DriftlogError
from driftlog.kafka import connection, reason
from driftlog.settings import Settings
from driftlog.topics import ensure_topics
from stream.topics import worker_topics

__all__ = ["check_topics", "connect", "watch_broker"]

_log = logging.getLogger(__name__)

LOOK_S: Final = 5.0  # between two questions to a broker
TOPICS_EVERY: Final = 2  # of these questions ask for the topics too
PATIENCE_S: Final = 5.0  # for an answer; later counts as away
MISSES: Final = 2  # unanswered questions in a row, before anybody is told
_AGAIN_S: Final = 1.0  # between two tries to connect


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
            f"{_or_rights(settings)}"
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


def _or_rights(settings: Settings) -> str:
    """What else hides a topic: a broker with rights does not tell of one that may not be seen."""
    kafka = settings.kafka
    if kafka.security_protocol == "PLAINTEXT":
        return ""
    return f"; or let user {kafka.sasl_username!r} see them: an ACL of the broker (Describe)"


async def watch_broker(settings: Settings, tell: Callable[[bool], None]) -> None:
    """Tell when the broker stops answering and when it answers again, until cancelled.

    The clients themselves go on by themselves, however long it takes; but they do not say so. Nor
    do they say that a topic has been deleted: they would wait for it for ever.

    Raises:
        DriftlogError: a topic is gone, or has been made anew with another number of partitions.
    """
    misses, looks, wrong = 0, 0, ""
    while True:
        try:
            async with asyncio.timeout(PATIENCE_S), _asking(settings) as admin:
                await admin.describe_cluster()
                looks += 1
                if wrong or looks % TOPICS_EVERY == 0:
                    # Twice the same: a broker that has just started may not know all of them.
                    before, wrong = wrong, _changed(settings, await admin.describe_topics())
                    if wrong and wrong == before:
                        raise DriftlogError(wrong)
            if misses >= MISSES:
                tell(True)
            misses = 0
        except (BrokerError, TimeoutError):
            misses += 1
            if misses == MISSES:
                tell(False)
        await asyncio.sleep(LOOK_S)


def _changed(settings: Settings, described: Sequence[Mapping[str, Any]]) -> str:
    """Say what is no longer as at the start; empty where all is."""
    found = {topic["topic"]: len(topic["partitions"]) for topic in described}
    specs = worker_topics(settings)
    if gone := [spec.name for spec in specs if spec.name not in found]:
        return (
            f"{', '.join(gone)} {'is' if len(gone) == 1 else 'are'} no longer there, deleted while "
            "the worker ran; 'driftlog topics create' makes topics anew, empty, and the next start "
            f"goes on with what is written from then on{_or_rights(settings)}"
        )
    resized = [
        f"topic {spec.name} now has {found[spec.name]} partitions where the settings have "
        f"{spec.partitions}"
        for spec in specs
        if found[spec.name] != spec.partitions
    ]
    if resized:
        return f"{'; '.join(resized)}; make it anew by 'driftlog topics create', or change settings"
    return ""


async def connect(start: Callable[[], Awaitable[None]]) -> None:
    """Start a client; a broker that has gone since the worker began is waited for.

    Args:
        start: of a client of aiokafka.

    Raises:
        KafkaError: the broker refuses.
    """
    while True:
        try:
            await start()
        except KafkaConnectionError as exc:
            _log.info("connecting again: %r", exc)
            await asyncio.sleep(_AGAIN_S)
        else:
            return
