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
    port: int,
    controller_port: int,
    data: Path,
    settings: Mapping[str, str],
    listeners: Mapping[str, tuple[int, str]],
) -> str:
    """Return the text of ``server.properties``.

    Args:
        port: of the plain listener, which is always there.
        controller_port: of the controller's.
        data: folder of the log.
        settings: override what is set here.
        listeners: further ones by name, with port and security protocol.
    """
    controller = f"127.0.0.1:{controller_port}"
    more = {name: port for name, (port, _) in listeners.items()}
    addresses = {"PLAINTEXT": port, **more, "CONTROLLER": controller_port}
    protocols = {name: protocol for name, (_, protocol) in listeners.items()}
    protocols |= {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"}
    named = ",".join(f"{name}://127.0.0.1:{at}" for name, at in addresses.items())
    properties = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": named,
        "advertised.listeners": named,
        "listener.security.protocol.map": ",".join(f"{n}:{p}" for n, p in protocols.items()),
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
    lines = (
        # A value of several lines (a certificate) is one line in this format.
        (key, value.replace("\\", "\\\\").replace("\n", "\\n"))
        for key, value in (properties | dict(settings)).items()
    )
    return "".join(f"{key}={value}\n" for key, value in lines)
