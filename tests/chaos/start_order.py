"""Worker and service start before the broker, and before the topics: they wait and go on."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final
from uuid import uuid4

from driftlog.settings import load_settings
from driftlog.testing.apache import ApacheKafka
from stream.topics import worker_topics
from tests.chaos.capture_word import found, logging_ten, told_of_capture
from tests.chaos.row import Report, Row
from tests.cli.started_worker import StartedWorker, started_worker
from tests.e2e.gauges import Gauges
from tests.e2e.waiting import eventually

__all__ = ["ROW"]

_PATIENCE: Final = 300.0


async def run(report: Report, *, short: bool) -> None:
    """Start them while nothing else is there; there is no shorter form."""
    with ApacheKafka() as broker:
        environment = {
            "DRIFTLOG_KAFKA": broker.bootstrap,
            "DRIFTLOG_KAFKA_PREFIX": f"first-{uuid4().hex[:8]}.",
            "DRIFTLOG_CAPTURE_BUFFER": "1000",
        }
        broker.kill()
        with started_worker(environment) as worker, told_of_capture() as told:
            capture = logging_ten(environment)
            await asyncio.to_thread(worker.says, "waiting: no broker answers")
            await eventually(found(told, "no broker answers"), "a word of the service", _PATIENCE)
            report.hold(_status(worker, "/livez") == 200, "the worker lives before the broker")
            report.hold(_status(worker, "/readyz") == 503, "and is not ready")
            for number in range(2_000):  # more than are held
                capture.log({"distance": number})
            await asyncio.to_thread(broker.restart)
            await asyncio.to_thread(worker.says, "waiting: topics are missing")
            settings = load_settings(Path(os.devnull), environment)
            await eventually(found(told, "no topic"), "a word of the service", _PATIENCE)
            await asyncio.to_thread(broker.create_topics, worker_topics(settings))
            await asyncio.to_thread(worker.ready)
            report.hold(await capture.aflush(_PATIENCE), "what the service held is sent")
            counts = capture.counts
            report.figure(
                "events logged before there was a broker, sent, dropped",
                f"{counts.sent + counts.dropped:,}, {counts.sent:,}, {counts.dropped:,}",
            )
            report.hold(
                counts.sent + counts.dropped == 2_010 and counts.sent == 1_000,
                "each was sent or is counted as dropped, and the buffer was full",
            )

            async def read() -> bool:
                gauges = Gauges((await asyncio.to_thread(worker.get, "/metrics")).text)
                return gauges.total("driftlog_events_total") == counts.sent

            await eventually(read, "the worker reads what was sent", _PATIENCE)
            await capture.aclose()
            _said_once(report, worker, told)
            worker.signal()
            code = await asyncio.to_thread(worker.ended)
            report.hold(code == 0, f"told to end, the worker ends with 0 ({code})")


def _status(worker: StartedWorker, path: str) -> int:
    return worker.get(path).status_code


def _said_once(report: Report, worker: StartedWorker, told: list[str]) -> None:
    waiting = [line for line in worker.lines if "waiting: " in line]
    report.hold(len(waiting) == 2, f"the worker says each once: {len(waiting)} lines")
    report.figure("lines of the worker until it ran", len(worker.lines))
    report.hold(len(worker.lines) < 20, "no flood of lines")
    for what in ("no broker answers", "no topic", "are dropped"):
        lines = [line for line in told if what in line]
        report.hold(
            len(lines) <= 1 + report.seconds // 60,
            f"the service's log has {what!r} at most once a minute",
        )


ROW: Final = Row(
    fault="worker and service start before the broker, and before the topics",
    dose="each once; 2,010 events are logged meanwhile into a buffer of 1,000",
    holds="both wait, say so and go on by themselves; each event is sent or counted; meanwhile "
    "`/livez` answers 200, `/readyz` 503",
    run=run,
)
