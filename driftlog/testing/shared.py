"""One Apache Kafka for all processes of a test run."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from driftlog.errors import BrokerError
from driftlog.testing.apache import ApacheKafka
from driftlog.testing.cluster import KafkaCluster
from driftlog.testing.kafka_jars import locked

__all__ = ["shared_kafka"]

# Tests write records with clocks of long ago, to topics that say nothing of retention.
_SETTINGS: Final = {"log.retention.ms": "-1"}
# The process that started the broker must not end it: others still use it.
_STARTED: Final[list[ApacheKafka]] = []


def shared_kafka(run: Path, owner: int) -> KafkaCluster:
    """Return the run's broker, started by the first process that asks.

    Args:
        run: a folder that the run's processes share and no other run uses.
        owner: the process id of the run as a whole; the broker ends with it, even if killed.

    Raises:
        BrokerError: it could not be started, by this process or by the one that tried before.
    """
    run.mkdir(parents=True, exist_ok=True)
    address, failure = run / "bootstrap", run / "failure"
    with locked(run / "lock"):
        if failure.exists():
            raise BrokerError(failure.read_text())
        if not address.exists():
            kafka = ApacheKafka(owner=owner, settings=_SETTINGS)
            try:
                kafka.start()
            except BrokerError as exc:
                failure.write_text(str(exc))
                raise
            _STARTED.append(kafka)
            address.write_text(kafka.bootstrap)
    return KafkaCluster(address.read_text())
