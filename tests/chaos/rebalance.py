"""Joins, leaves and kills of two workers under load, and whether every row counted once.

    python -m tests.chaos.rebalance --bootstrap 127.0.0.1:9092 [--stock] [--actions 15]
    python -m tests.chaos.rebalance --embedded

Rows of known content go to four partitions at a steady rate while workers join, leave (SIGTERM) and
die (SIGKILL). The first pane stays open over the first rebalances, so that no partition has
committed when its rows have to be read again. In the end the changelogs are read as a new owner
would read them, and compared with what was sent. Takes about four minutes; not part of pytest.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from driftlog.testing.embedded import EmbeddedBroker

COLUMNS, VERDICTS, KEYS = 4, 3, 40
RATE = 200  # rows a second
PANE = 1.0  # seconds of sending
FIRST_PANE = 25.0  # seconds: longer than the first two rebalances
# one action each PAUSE seconds; a kill is noticed after the session timeout of 6 s
ACTIONS = ["+b", "-a", "+a", "kill b", "+b", "kill a", "+a", "-b"]
PAUSE = 11.0
PATIENCE = 60.0
FROZEN = 20.0  # seconds: longer than the session timeout


class Fleet:
    """The worker processes."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.started = 0
        self.exits: list[str] = []

    def act(self, action: str) -> None:
        """Start (`+x`), stop (`-x`) or kill (`kill x`) the worker x."""
        name = action[-1]
        self.reap()
        if action.startswith("+"):
            if name in self.running:
                return
            self.started += 1
            worker = f"{name}{self.started}"
            command = [
                sys.executable, "-m", "tests.chaos.held_rows",
                json.dumps(self.config | {"worker": worker}),
            ]  # fmt: skip
            with (Path(self.config["directory"]) / f"{worker}.log").open("wb") as log:
                self.running[name] = subprocess.Popen(command, stdout=log, stderr=log)
        elif name in self.running:
            how = signal.SIGKILL if action.startswith("kill") else signal.SIGTERM
            process = self.running.pop(name)
            process.send_signal(how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            if process.poll() is None:
                self.exits.append(f"{name} ignored SIGTERM for 20 s")
                process.kill()
                process.wait()

    def reap(self) -> None:
        """Note workers that ended by themselves, and start them again as a supervisor would."""
        for name, process in list(self.running.items()):
            if process.poll() is not None:
                self.exits.append(f"{name} ended with {process.returncode}")
                del self.running[name]
                self.act(f"+{name}")

    def end(self) -> None:
        """Stop what still runs."""
        for name in list(self.running):
            self.act(f"-{name}")


async def create(bootstrap: str, run: str, broker: EmbeddedBroker | None) -> None:
    """Create the topics of a run, changelogs compacted."""
    plan = {
        f"{run}-columns": COLUMNS,
        f"{run}-verdicts": VERDICTS,
        f"{run}-monitor-changelog": COLUMNS,
        f"{run}-incidents-changelog": VERDICTS,
    }
    if broker is not None:
        for name, partitions in plan.items():
            broker.create_topic(name, partitions)
        return
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics(
            [
                NewTopic(
                    name,
                    partitions,
                    1,
                    topic_configs={"cleanup.policy": "compact"} if "changelog" in name else {},
                )
                for name, partitions in plan.items()
            ]
        )
    finally:
        await admin.close()


async def send(bootstrap: str, run: str, sent: Counter[str], done: asyncio.Event) -> int:
    """Send rows until `done`, then a closing one to each partition; return their count."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, acks="all")
    await producer.start()
    began, i, futures = time.monotonic(), 0, []
    while not done.is_set():
        elapsed = time.monotonic() - began
        pane = 1 if elapsed < FIRST_PANE else 2 + int((elapsed - FIRST_PANE) / PANE)
        while i < elapsed * RATE:
            key = f"k{i % KEYS}"
            row = {"key": key, "pane": pane, "i": i}
            futures.append(
                await producer.send(
                    f"{run}-columns", json.dumps(row).encode(), partition=i % KEYS % COLUMNS
                )
            )
            sent[key] += 1
            sent[f"{key} total"] += i
            i += 1
        await asyncio.sleep(0.02)
    last = json.dumps({"key": "close", "pane": pane + 1, "i": 0}).encode()
    for partition in range(COLUMNS):
        await producer.send_and_wait(f"{run}-columns", last, partition=partition)
    await asyncio.gather(*futures)
    await producer.stop()
    return i


async def stored(bootstrap: str, topic: str, partitions: int) -> dict[str, dict[str, int]]:
    """Return the last record of each key of a changelog."""
    tps = [TopicPartition(topic, partition) for partition in range(partitions)]
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        ends = await consumer.end_offsets(tps)
        records: dict[str, dict[str, int]] = {}
        while any([await consumer.position(tp) < ends[tp] for tp in tps]):
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                for record in batch:
                    records[record.key.decode()] = json.loads(record.value)
        return records
    finally:
        await consumer.stop()


def differences(sent: Counter[str], records: dict[str, dict[str, int]]) -> list[str]:
    """Return a line for each key whose stored count or sum is not what was sent."""
    lines = []
    for key in (f"k{n}" for n in range(KEYS)):
        held = records.get(key, {"n": 0, "total": 0})
        if (held["n"], held["total"]) != (sent[key], sent[f"{key} total"]):
            lines.append(f"{key}: sent {sent[key]}, counted {held['n']}")
    return lines


def account(directory: Path) -> dict[str, Any]:
    """Sum up what the workers wrote of themselves."""
    counts: Counter[str] = Counter()
    rebalances, longest, waits = 0, 0.0, []
    for path in sorted(directory.glob("*.jsonl")):
        notes = [json.loads(line) for line in path.read_text().splitlines()]
        states = [note for note in notes if note["event"] == "state"]
        if not states:
            continue
        counts.update(states[-1]["counts"])
        rebalances += states[-1]["rebalances"]
        since: float | None = None
        for state in states:
            if state["waiting"]:
                since = state["t"] if since is None else since
            elif since is not None:
                waits.append(state["t"] - since)
                since = None
        if since is not None:
            longest = max(longest, states[-1]["t"] - since)
    return {
        "rebalances seen by workers": rebalances,
        "longest wait of a worker that went on, s": round(max(waits, default=0.0), 2),
        "median wait, s": round(sorted(waits)[len(waits) // 2], 2) if waits else 0.0,
        "longest wait that only the end ended, s": round(longest, 1),
        **counts,
    }


async def chaos(bootstrap: str, options: argparse.Namespace, broker: EmbeddedBroker | None) -> int:
    """Run once; 0 when every row was counted once by both agents."""
    run = f"chaos{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory(prefix="driftlog-chaos-") as temporary:
        directory = options.keep or Path(temporary)
        await create(bootstrap, run, broker)
        fleet = Fleet(
            {
                "run": run,
                "bootstrap": bootstrap,
                "columns": COLUMNS,
                "verdicts": VERDICTS,
                "stock": options.stock,
                "directory": str(directory),
            }
        )
        sent: Counter[str] = Counter()
        done = asyncio.Event()
        try:
            fleet.act("+a")
            await asyncio.sleep(6)
            sender = asyncio.create_task(send(bootstrap, run, sent, done))
            for n in range(options.actions):
                await asyncio.sleep(options.pause)
                action = ACTIONS[n % len(ACTIONS)]
                print(f"{n + 1:2d} {action}", flush=True)
                await asyncio.to_thread(fleet.act, action)
            if options.freeze:
                print(f"   broker frozen for {FROZEN:g} s", flush=True)
                os.kill(options.freeze, signal.SIGSTOP)
                try:
                    await asyncio.sleep(FROZEN)
                finally:
                    os.kill(options.freeze, signal.SIGCONT)
                await asyncio.sleep(FROZEN)
            await asyncio.sleep(options.pause)
            fleet.reap()
            done.set()
            rows = await sender
            wrong, began = ["not read"], time.monotonic()
            while wrong and time.monotonic() - began < PATIENCE:
                await asyncio.sleep(2)
                fleet.reap()
                wrong = differences(
                    sent, await stored(bootstrap, f"{run}-monitor-changelog", COLUMNS)
                ) + differences(
                    sent, await stored(bootstrap, f"{run}-incidents-changelog", VERDICTS)
                )
        finally:
            done.set()
            await asyncio.to_thread(fleet.end)
        report = {"rows sent": rows, "actions": options.actions, **account(directory)}
        report["exits"] = fleet.exits
        report["exact"] = not wrong
        print(json.dumps(report, indent=1))
        for line in wrong[:10]:
            print("  WRONG", line)
        return 1 if wrong else 0


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--bootstrap", help="host:port of a running Kafka")
    where.add_argument("--embedded", action="store_true", help="on driftlog's embedded broker")
    parser.add_argument("--stock", action="store_true", help="Faust's own transport, to compare")
    parser.add_argument("--actions", type=int, default=15)
    parser.add_argument("--pause", type=float, default=PAUSE, help="seconds between actions")
    parser.add_argument("--freeze", type=int, help="process id of the broker: stop it for a while")
    parser.add_argument("--keep", type=Path, help="directory for the workers' logs")
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    if options.embedded:
        with EmbeddedBroker() as broker:
            return asyncio.run(chaos(broker.bootstrap, options, broker))
    return asyncio.run(chaos(options.bootstrap, options, None))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
