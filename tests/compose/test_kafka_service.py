"""The Kafka of compose.yaml: a broker starts with its variables, as the image reads them."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from driftlog.testing.kafka_jars import classpath
from driftlog.testing.kafka_settings import LOGGING
from tests.compose.stack import services
from tests.e2e.waiting import eventually

_NO_PROPERTIES = ("KAFKA_HEAP_OPTS",)  # for the Java machine
_END_S = 60.0


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in found]


def _properties(folder: Path, ports: dict[int, int]) -> str:
    """``server.properties`` by the rule of the image, on this machine's loopback and free ports."""
    lines = []
    for name, value in services()["kafka"]["environment"].items():
        if not name.startswith("KAFKA_") or name in _NO_PROPERTIES:
            continue
        held = value.replace("/var/lib/kafka/data", str(folder / "data"))
        held = held.replace("//kafka:", "//127.0.0.1:").replace("@kafka:", "@127.0.0.1:")
        held = held.replace("//:", "//127.0.0.1:")
        for theirs, ours in ports.items():
            held = held.replace(f":{theirs}", f":{ours}")
        lines.append(f"{name.removeprefix('KAFKA_').lower().replace('_', '.')}={held}\n")
    return "".join(lines)


@pytest.mark.kafka
async def test_a_broker_starts_and_tells_each_side_the_address_that_it_can_reach(
    tmp_path: Path,
) -> None:
    service = services()["kafka"]
    # The host's side has 9092 as well, published from 9094.
    inside, controller, host = _free_ports(3)
    text = _properties(tmp_path, {9093: controller, 9094: host, 9092: inside})
    advertised = f"advertised.listeners=INTERNAL://127.0.0.1:{inside},HOST://127.0.0.1:"
    assert f"{advertised}{inside}\n" in text
    text = text.replace(f"{advertised}{inside}\n", f"{advertised}{host}\n")
    (tmp_path / "server.properties").write_text(text)
    (tmp_path / "log4j2.properties").write_text(LOGGING)
    logging = f"-Dlog4j2.configurationFile={tmp_path / 'log4j2.properties'}"
    options = [*service["environment"]["KAFKA_HEAP_OPTS"].split(), logging, "-cp", classpath()]
    config = str(tmp_path / "server.properties")
    log = tmp_path / "kafka.log"
    with log.open("wb") as out:
        formatting = await asyncio.create_subprocess_exec(
            *("java", *options, "kafka.tools.StorageTool", "format", "--config", config),
            *("--cluster-id", service["environment"]["CLUSTER_ID"]),
            stdout=out,
            stderr=out,
        )
        assert await asyncio.wait_for(formatting.wait(), _END_S) == 0, log.read_text()
        broker = await asyncio.create_subprocess_exec(
            "java", *options, "kafka.Kafka", config, stdout=out, stderr=out
        )

    async def told(port: int) -> list[tuple[str, int]] | None:
        assert broker.returncode is None, log.read_text()
        admin = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}")
        try:
            await admin.start()
            found = await admin.describe_cluster()
            return [(one["host"], one["port"]) for one in found["brokers"]]
        except KafkaError:
            return None
        finally:
            await admin.close()

    try:
        for port in (inside, host):
            found = await eventually(partial(told, port), "a broker")
            assert found == [("127.0.0.1", port)]
    finally:
        broker.terminate()
        await asyncio.wait_for(broker.wait(), _END_S)
