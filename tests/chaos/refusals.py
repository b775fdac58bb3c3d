"""A broker that refuses: each time the thing and the mend are named, and after it all goes on."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient

from driftlog.testing.apache import ApacheKafka
from stream.topics import worker_topics
from tests.chaos.capture_word import found, logging_ten, told_of_capture
from tests.chaos.rights import Rights
from tests.chaos.row import Report, Row
from tests.chaos.small_disk import small_disk
from tests.cli.started_worker import StartedWorker, started_worker
from tests.e2e.deployment import Deployment, deployed
from tests.e2e.event_log import writing
from tests.e2e.secured_kafka import NOBODY, PASSWORD, SecuredKafka, secured_kafka
from tests.e2e.synthetic import START_MS, SyntheticLog, references
from tests.e2e.waiting import eventually

__all__ = ["ROW"]

_PATIENCE: Final = 300.0
_DISK_MB: Final = 160


async def run(report: Report, *, short: bool) -> None:
    """Let brokers refuse in all ways; there is no shorter form."""
    with tempfile.TemporaryDirectory(prefix="driftlog-chaos-") as temporary:
        folder = Path(temporary)
        with secured_kafka(folder) as secured:
            log = SyntheticLog(panes=24)
            async with deployed(secured.plain, folder, references()) as deployment:
                at = _Place(report, secured, deployment, log)
                await at.wrong_password()
                await at.rights()
                await at.deleted_topic()
        with small_disk(_DISK_MB) as disk:
            settings = {"log.dirs": str(disk.folder / "data"), "log.segment.bytes": "4194304"}
            with ApacheKafka(settings=settings) as broker:
                async with deployed(broker, folder, references()) as deployment:
                    await _full_disk(report, broker, disk, deployment)


class _Place:
    """A broker that wants a password, and a worker's settings on it."""

    def __init__(
        self, report: Report, secured: SecuredKafka, deployment: Deployment, log: SyntheticLog
    ) -> None:
        self.report = report
        self.secured = secured
        self.deployment = deployment
        self.log = log
        self.prefix = deployment.settings.kafka.prefix
        self.granted = Rights(secured.plain.bootstrap, NOBODY, self.prefix)

    def environment(self, password: str = PASSWORD) -> dict[str, str]:
        """Of a worker, as the user who has no rights by itself."""
        user = self.secured.environ("SCRAM-SHA-512", user=NOBODY, password=password)
        return {**self.deployment.environment, **user}

    async def wrong_password(self) -> None:
        """The worker waits, the service goes on; both name user and settings."""
        report, wrong = self.report, self.environment(password="wrong")
        with _worker(wrong) as worker:
            line = await asyncio.to_thread(worker.says, "waiting: ")
            _names(report, "wrong password", line, NOBODY, "kafka.sasl_password")
            report.hold("Traceback" not in worker.output, "no traceback")
            worker.signal()
            code = await asyncio.to_thread(worker.ended)
            report.hold(code == 0, f"told to end while it waits, it ends with 0 ({code})")
            report.hold("wrong" not in worker.output, "the password is not told")
        with told_of_capture() as told:
            capture = logging_ten(wrong)
            await eventually(found(told, NOBODY), "a word of the service", _PATIENCE)
            _names(report, "wrong password, service", told[0], NOBODY, "kafka.sasl_password")
            await capture.aclose(0)
            counts = capture.counts
            report.hold(counts.dropped == 10, "what was logged is counted as dropped at the end")

    async def rights(self) -> None:
        """Missing at the start, they are waited for; taken later, they end the worker with 1."""
        report, verdicts = self.report, f"{self.prefix}verdicts"
        with _worker(self.environment()) as worker:
            line = await asyncio.to_thread(worker.says, "waiting: ")
            _names(report, "no right to see the topics", line, verdicts, NOBODY, "ACL")
            await asyncio.to_thread(self.granted.grant)
            await asyncio.to_thread(worker.ready)
            report.hold(True, "once granted, the worker goes on by itself")
            await self._written(0, 8)
            await self._judged(5)
            await asyncio.to_thread(self.granted.forbid_writing, verdicts)
            await self._written(8, 12)
            code = await asyncio.to_thread(worker.ended)
            report.hold(code == 1, f"a right that is taken away ends the worker with 1 ({code})")
            _names(report, "right taken away", worker.lines[-1], NOBODY, verdicts, "ACL")
        await asyncio.to_thread(self.granted.allow_writing, verdicts)

    async def deleted_topic(self) -> None:
        """It ends the worker with 1; the next start waits, and goes on once it is made anew."""
        report, columns = self.report, f"{self.prefix}columns"
        with _worker(self.environment()) as worker:
            await asyncio.to_thread(worker.ready)
            await self._judged(9)
            report.hold(True, "with the right back, the next start goes on")
            await _delete(self.secured.plain.bootstrap, columns)
            code = await asyncio.to_thread(worker.ended)
            report.hold(code == 1, f"a topic that is deleted ends the worker with 1 ({code})")
            _names(report, "topic deleted", worker.lines[-1], columns, "driftlog topics create")
        with _worker(self.environment()) as worker:
            line = await asyncio.to_thread(worker.says, "waiting: ")
            _names(report, "topic missing", line, columns, "driftlog topics create")
            specs = worker_topics(self.deployment.settings)
            await asyncio.to_thread(
                self.secured.create_topics, [one for one in specs if one.name == columns]
            )
            await asyncio.to_thread(worker.ready)
            await self._written(12, None)
            await self._judged(20)
            report.hold(True, "made anew, the worker goes on with what is written from then on")
            worker.signal()
            code = await asyncio.to_thread(worker.ended)
            report.hold(code == 0, f"told to end, it ends with 0 ({code})")
        await self._deleted_under_the_service()

    async def _deleted_under_the_service(self) -> None:
        report, events = self.report, f"{self.prefix}events"
        with told_of_capture() as told:
            capture = logging_ten({**self.environment(), "DRIFTLOG_CAPTURE_BUFFER": "100"})
            report.hold(await capture.aflush(_PATIENCE), "the service sends")
            await _delete(self.secured.plain.bootstrap, events)
            for number in range(200):
                capture.log({"distance": number})
            await eventually(found(told, events), "a word of the service", _PATIENCE)
            line = next(one for one in told if events in one)
            _names(report, "topic deleted under a service", line, events, "topic")
            specs = worker_topics(self.deployment.settings)
            await asyncio.to_thread(
                self.secured.create_topics, [one for one in specs if one.name == events]
            )
            report.hold(await capture.aflush(_PATIENCE), "made anew, the buffer is sent")
            counts = capture.counts
            report.hold(
                counts.sent + counts.dropped == 210 and counts.dropped >= 100,
                f"each event was sent or is counted as dropped ({counts})",
            )
            await capture.aclose()

    async def _written(self, first_pane: int, last_pane: int | None) -> None:
        async with writing(self.deployment.settings) as events:
            await events.write(self.log.records(first_pane, last_pane))
            if last_pane is None:
                await events.close(self.log.end_ms)

    async def _judged(self, panes: int) -> None:
        told, through = self.deployment.told, START_MS + panes * 1_000
        await told.until(
            lambda: told.closed_through_ms >= through, f"{panes} panes judged", _PATIENCE
        )


async def _full_disk(
    report: Report, broker: ApacheKafka, disk: Any, deployment: Deployment
) -> None:
    """Kafka ends when it cannot write; workers and services wait for it to come back."""
    log, told = SyntheticLog(panes=20), deployment.told
    worker = await deployment.start("--log-level", "warning")
    async with writing(deployment.settings) as events:
        await events.write(log.records(0, 8))
        await told.until(
            lambda: told.closed_through_ms >= START_MS + 4_000, "panes judged", _PATIENCE
        )
        with told_of_capture() as warned:
            # Beside the topics of the worker, so that its answer stays that of the log.
            capture = logging_ten(
                {**deployment.environment, "DRIFTLOG_KAFKA_EVENTS_TOPIC": "service"}
            )
            await asyncio.to_thread(broker.create_topic, "service")
            report.hold(await capture.aflush(_PATIENCE), "the service sends")
            disk.fill()
            rest = asyncio.create_task(events.write(log.records(8)))

            async def silent() -> bool:
                for _ in range(10):
                    capture.log({"distance": 1.0})
                return "the broker does not answer" in worker.log

            await eventually(silent, "the worker's word", _PATIENCE)
            said = await asyncio.to_thread(broker.log, 400)
            report.hold("No space left" in said, "the broker's own log names the disk")
            report.hold(worker.alive, "the worker waits, and says that the broker does not answer")
            await eventually(found(warned, broker.bootstrap), "a word of the service", _PATIENCE)
            report.say(f"the service says: {warned[0]}")
            disk.empty()
            await asyncio.to_thread(broker.restart)
            await rest
            await events.close(log.end_ms)
            report.hold(await capture.aflush(_PATIENCE), "with room again, the buffer is sent")
            await capture.aclose()
            counts = capture.counts
            report.hold(
                counts.sent + counts.dropped > 10, f"each event was sent or counted ({counts})"
            )
    await deployment.closed(log.end_ms, _PATIENCE)
    report.hold(worker.alive, "with room again, the same worker goes on")
    settings = {"KAFKA_EVENTS_TOPIC": events.topic}
    with tempfile.TemporaryDirectory(prefix="driftlog-chaos-") as folder:
        async with deployed(broker, Path(folder), references(), **settings) as quiet:
            await deployment.end(worker)
            await quiet.start()
            await quiet.closed(log.end_ms, _PATIENCE)
            report.hold(told.verdicts == quiet.told.verdicts, "verdicts are those of a quiet run")
            report.hold(told.alerts == quiet.told.alerts, "alerts are those of a quiet run")


def _names(report: Report, what: str, line: str, *names: str) -> None:
    """Hold that a line has all the names in it, and show it."""
    report.say(f"{what}: {line}")
    missing = [name for name in names if name not in line]
    lacks = f", but not {missing}" if missing else ""
    report.hold(not missing, f"{what}: thing and mend are named{lacks}")


@contextmanager
def _worker(environment: Mapping[str, str]) -> Iterator[StartedWorker]:
    with started_worker(environment) as worker:
        try:
            yield worker
        except BaseException:
            print(f"---- the worker said:\n{worker.output}\n----")
            raise


async def _delete(bootstrap: str, topic: str) -> None:
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([topic])
    finally:
        await admin.close()


ROW: Final = Row(
    fault="wrong password, no right, a right taken away, a topic deleted, the broker's disk full",
    dose="each once, of a worker and of a service under capture (the disk: 160 MB in memory)",
    holds="thing and mend are named; the worker waits or ends with 1, as docs/operations.md says; "
    "after the mend it goes on; each event of the service is sent or counted",
    run=run,
)
