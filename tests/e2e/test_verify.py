"""``driftlog verify``: what was told is told again to the byte, and a false word is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from msgspec.structs import replace

from driftlog.errors import SettingsError
from driftlog.kafka import connection
from driftlog.records import VERDICT, ReferenceProfile
from driftlog.settings import load_settings
from driftlog.testing.cluster import Broker
from stream.verify import verify
from tests.e2e.deployment import Deployment, deployed
from tests.e2e.event_log import writing
from tests.e2e.synthetic import SyntheticLog


async def publish(deployment: Deployment, key: str, value: bytes) -> None:
    async with AIOKafkaProducer(**connection(deployment.settings.kafka)) as producer:
        topic = f"{deployment.settings.kafka.prefix}verdicts"
        await producer.send_and_wait(topic, value, key=key.encode(), partition=0)


async def test_what_was_told_is_told_again_and_a_false_word_is_found(
    broker: Broker, tmp_path: Path, log: SyntheticLog, profiles: list[ReferenceProfile]
) -> None:
    async with deployed(broker, tmp_path, profiles) as deployment:
        async with writing(deployment.settings) as events:
            await events.write(log.records())
            await events.close(log.end_ms)
        await deployment.start()
        await deployment.closed(log.end_ms)
        told = deployment.told.decoded()
        wanted = len(told) + len(deployment.told.all_alerts())
        for source in ("columns", "events"):
            report = await verify(deployment.settings, source)
            assert (report.same, report.differences, report.doubts) == (wanted, [], []), source

        (key, end), verdict = max(told.items(), key=lambda item: item[0][1])
        false = replace(verdict, rows=verdict.rows + 1)
        await publish(deployment, key, VERDICT.encode(false))
        await publish(deployment, "m@9/*#0", VERDICT.encode(replace(verdict, version="9")))
        report = await verify(deployment.settings, "columns")
        assert report.same == wanted
        assert {(one.what, one.name, one.pane_end_ms) for one in report.differences} == {
            ("was told twice, not alike", key, end),
            ("has no ground in the log", "m@9/*#0", end),
        }

        stricter = load_settings(
            environ={
                "DRIFTLOG_KAFKA": broker.bootstrap,
                "DRIFTLOG_KAFKA_PREFIX": deployment.settings.kafka.prefix,
            }
        )
        with pytest.raises(SettingsError, match="the workers' own"):
            await verify(stricter, "columns")


async def test_a_verdict_that_nobody_told_is_missed(
    broker: Broker, tmp_path: Path, log: SyntheticLog, profiles: list[ReferenceProfile]
) -> None:
    """The log is read by one deployment's worker; another holds all its verdicts but one."""
    async with deployed(broker, tmp_path, profiles) as first:
        async with writing(first.settings) as events:
            await events.write(log.records())
            await events.close(log.end_ms)
        await first.start()
        await first.closed(log.end_ms)
        told = first.told.decoded()
        async with deployed(broker, tmp_path, profiles, KAFKA_EVENTS_TOPIC=events.topic) as second:
            left = sorted(told, key=lambda name: (name[1], name[0]))[len(told) // 2]
            for (key, end), verdict in sorted(told.items(), key=lambda item: item[0][1]):
                if (key, end) != left:
                    await publish(second, key, VERDICT.encode(verdict))
            marker = b'{"v":1,"marker":%d,"closed_through_ms":%d}'
            for partition in range(second.settings.kafka.column_partitions):
                await publish(second, f"marker {partition}", marker % (partition, log.end_ms))
            report = await verify(second.settings, "events")
        missing = [one for one in report.differences if one.kind == "verdict"]
        assert [(one.what, one.name, one.pane_end_ms) for one in missing] == [("is missing", *left)]
