"""An installation's own corner of a broker that tests share."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from click.testing import CliRunner, Result

from driftlog.cli import main
from driftlog.settings import Settings, load_settings
from driftlog.testing.cluster import Broker
from stream.topic_end import read_to_end, reader


class Installation:
    """Runs the command line against a broker, under a prefix that no other test has."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.environ = {
            "DRIFTLOG_KAFKA": broker.bootstrap,
            "DRIFTLOG_KAFKA_PREFIX": f"t{uuid.uuid4().hex[:12]}.",
            "DRIFTLOG_KAFKA_EVENT_PARTITIONS": "2",
            "DRIFTLOG_KAFKA_COLUMN_PARTITIONS": "2",
            "DRIFTLOG_KAFKA_VERDICT_PARTITIONS": "1",
        }

    @property
    def settings(self) -> Settings:
        return load_settings(environ=self.environ)

    @property
    def prefix(self) -> str:
        return self.settings.kafka.prefix

    def run(self, *arguments: str, answer: str | None = None, **environ: str) -> Result:
        """Run ``driftlog`` and return what it said; anything but an exit is raised."""
        held = {**self.environ, **environ}
        done = CliRunner().invoke(main, arguments, input=answer, env=held, prog_name="driftlog")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    def send(
        self,
        topic: str,
        records: Iterable[tuple[int, bytes, bytes | None]],
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Write (partition, key, value) records, all with the same headers."""

        async def sending() -> None:
            async with AIOKafkaProducer(bootstrap_servers=self.broker.bootstrap) as producer:
                for partition, key, value in records:
                    await producer.send_and_wait(
                        topic, value, key=key, partition=partition, headers=headers
                    )

        asyncio.run(sending())

    def read(self, topic: str) -> list[tuple[int, bytes | None, bytes | None]]:
        """Return (partition, key, value) of all that a topic holds now."""

        async def reading() -> list[tuple[int, bytes | None, bytes | None]]:
            async with reader(self.settings.kafka, topic) as consumer:
                return [
                    (record.partition, record.key, record.value)
                    async for _, records in read_to_end(consumer)
                    for record in records
                ]

        return asyncio.run(reading())

    def remove(self) -> None:
        """Delete every topic under the prefix; an embedded broker forgets them by itself."""

        async def removing() -> None:
            admin: Any = AIOKafkaAdminClient(bootstrap_servers=self.broker.bootstrap)
            try:
                await admin.start()
                mine = [name for name in await admin.list_topics() if name.startswith(self.prefix)]
                if mine:
                    await admin.delete_topics(mine)
            finally:
                await admin.close()

        if self.broker.kind == "kafka":
            asyncio.run(removing())
