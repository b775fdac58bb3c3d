"""The settings of a single Apache Kafka node for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

__all__ = ["LOGGING", "server_properties"]

LOGGING: Final = """\
appender.stdout.type = Console
appender.stdout.name = stdout
appender.stdout.layout.type = PatternLayout
appender.stdout.layout.pattern = %d{HH:mm:ss,SSS} %p %c{1}: %m%n
rootLogger.level = WARN
rootLogger.appenderRef.stdout.ref = stdout
"""


def server_properties(
    port: int, controller_port: int, data: Path, settings: Mapping[str, str]
) -> str:
    """Return the text of ``server.properties``; ``settings`` override what is set here."""
    client = f"PLAINTEXT://127.0.0.1:{port}"
    controller = f"127.0.0.1:{controller_port}"
    properties = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": f"{client},CONTROLLER://{controller}",
        "advertised.listeners": f"{client},CONTROLLER://{controller}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.bootstrap.servers": controller,
        "log.dirs": str(data),
        # Topics have the partitions and settings that we give them, or they do not exist.
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        # Tests of members that vanish do not wait for production's 6 seconds.
        "group.min.session.timeout.ms": "500",
        # One node: one replica. One partition each, since creating fifty takes seconds.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        # A killed broker can come back only when its old session is over.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # The default buffer, 128 MiB, would be a quarter of a small heap.
        "log.cleaner.dedupe.buffer.size": "16777216",
    }
    return "".join(f"{key}={value}\n" for key, value in (properties | dict(settings)).items())
