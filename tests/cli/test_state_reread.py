"""After ``driftlog state reset --reread``, workers tell once more what they told, byte for byte."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from driftlog.cli import main
from driftlog.testing.cluster import KafkaCluster
from tests.e2e.deployment import deployed
from tests.e2e.event_log import writing
from tests.e2e.synthetic import SyntheticLog, references


@pytest.mark.kafka
@pytest.mark.parametrize("reread", ["columns", "events"])
async def test_the_log_read_again_gives_the_same_verdicts_and_alerts(
    driftlog_kafka: KafkaCluster, tmp_path: Path, reread: str
) -> None:
    log = SyntheticLog()
    async with deployed(driftlog_kafka, tmp_path, references()) as deployment:
        told = deployment.told
        async with writing(deployment.settings) as events:
            await events.write(log.records())
            await events.close(log.end_ms)
        first = await deployment.start()
        await deployment.closed(log.end_ms)
        assert await deployment.end(first) == 0
        verdicts, alerts, repeated = dict(told.verdicts), dict(told.alerts), told.repeated
        assert len(verdicts) > 100
        assert alerts
        kafka = deployment.settings.kafka
        reset = await asyncio.to_thread(
            CliRunner().invoke,
            main,
            ["state", "reset", "--reread", reread, "--yes"],
            env={"DRIFTLOG_KAFKA": kafka.bootstrap, "DRIFTLOG_KAFKA_PREFIX": kafka.prefix},
        )
        assert reset.exit_code == 0, reset.output
        second = await deployment.start()
        again = repeated + len(verdicts)
        await told.until(lambda: told.repeated >= again, "every verdict told again")
        await deployment.closed(log.end_ms)
        # That a second record equals the first, Told asserts of each as it comes.
        assert told.verdicts == verdicts
        assert told.alerts == alerts
        # Nor is anything late that was not: the running maximum of the first reading is gone too.
        late = (await second.gauges()).total("driftlog_late_total")
        assert late == (len(log.late()) if reread == "events" else 0)
