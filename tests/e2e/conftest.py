"""Fixtures of the end-to-end suite."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from driftlog.records import ReferenceProfile
from driftlog.testing.cluster import Broker
from tests.e2e.deployment import deployed
from tests.e2e.event_log import writing
from tests.e2e.synthetic import SyntheticLog, references
from tests.e2e.told import Told

Undisturbed = Callable[[Broker], Awaitable[Told]]


@pytest.fixture(scope="session")
def profiles() -> list[ReferenceProfile]:
    """References of the synthetic log's model versions."""
    return references()


@pytest.fixture(scope="session")
def log() -> SyntheticLog:
    """The synthetic log that most tests read."""
    return SyntheticLog()


@pytest.fixture(scope="session")
def undisturbed(
    log: SyntheticLog,
    profiles: list[ReferenceProfile],
    tmp_path_factory: pytest.TempPathFactory,
) -> Undisturbed:
    """What one worker tells of the log, start to end, on a kind of broker; run once for each."""
    held: dict[str, Told] = {}

    async def told(broker: Broker) -> Told:
        if broker.kind not in held:
            folder = tmp_path_factory.mktemp("undisturbed")
            async with deployed(broker, folder, profiles) as deployment:
                async with writing(deployment.settings) as events:
                    await events.write(log.records())
                    await events.close(log.end_ms)
                await deployment.start()
                await deployment.closed(log.end_ms)
                held[broker.kind] = deployment.told
        return held[broker.kind]

    return told
