"""A worker like driftlog's in small: rows held for panes, a table, verdicts to a second agent.

Run by rebalance.py as a process of its own. Its exactness does not rest on luck: a row is dropped
when its pane is closed in the recovered state, and acknowledged only after the verdicts and then
the snapshots are. What the transport loses, a final sum shows; what it repeats, `dropped` counts.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter, deque
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import faust

import stream.transport
from stream.watchdog import Watchdog

CHECKPOINT = 0.5  # seconds
RAW: dict[str, Any] = {
    "key_type": bytes,
    "key_serializer": "raw",
    "value_type": bytes,
    "value_serializer": "raw",
}


class Part:
    """What a worker holds for one input partition; thrown away on revocation."""

    def __init__(self, partition: int, table: Any) -> None:
        self.partition = partition
        self.table = table
        self.last = -1
        self.pending: deque[tuple[Any, int]] = deque()  # events in order, with the pane they need
        self.sent: list[Awaitable[Any]] = []
        self.busy = False  # between a step and the sends it asks for no checkpoint may be cut
        self.states: dict[str, dict[str, int]] = {}
        self.dirty: set[str] = set()
        self.closed: int = self._load(self._own())["closed"]
        self.open: dict[int, dict[str, dict[int, int]]] = {}

    def _own(self) -> str:
        return f"partition{self.partition}"

    def _load(self, key: str) -> dict[str, int]:
        if key not in self.states:
            stored = self.table.data.get(key.encode())
            self.states[key] = json.loads(stored) if stored else {"closed": 0, "n": 0, "total": 0}
        return self.states[key]

    def _add(self, key: str, pane: int, n: int, total: int) -> None:
        state = self._load(key)
        state["closed"] = pane
        state["n"] += n
        state["total"] += total
        self.dirty.add(key)

    def snapshot(self) -> dict[bytes, bytes]:
        """Return the changed records, the partition's own last."""
        keys, self.dirty = sorted(self.dirty), set()
        records = {key: self.states[key] for key in keys}
        if records:
            records[self._own()] = {"closed": self.closed, "n": 0, "total": 0}
        return {key.encode(): json.dumps(value).encode() for key, value in records.items()}

    async def checkpoint(self, owned: Any) -> bool:
        """Wait for the verdicts, then the snapshots, then acknowledge; False if revoked."""
        if self.busy:
            return True
        sent, self.sent = self.sent, []
        run = 0
        while run < len(self.pending) and self.pending[run][1] <= self.closed:
            run += 1
        records = self.snapshot()
        await asyncio.gather(*sent)
        if not owned(self):
            return False
        for key, value in records.items():
            self.table.data[key] = value
        await asyncio.gather(
            *(self.table.send_changelog(self.partition, k, v) for k, v in records.items())
        )
        if not owned(self):
            return False
        for _ in range(run):
            self.pending.popleft()[0].ack()
        return True


class Columns(Part):
    """Holds rows until a row of a later pane closes theirs, then makes a verdict of each key."""

    def step(self, offset: int, row: dict[str, Any], counts: Counter[str]) -> int:
        key, pane = row["key"], row["pane"]
        if pane <= self.closed or pane <= self._load(key)["closed"]:
            counts["dropped"] += 1
            return 0
        self.open.setdefault(pane, {}).setdefault(key, {})[offset] = row["i"]
        return int(pane)

    def close(self, before: int) -> list[dict[str, Any]]:
        verdicts = []
        for pane in sorted(p for p in self.open if p < before):
            for key, rows in sorted(self.open.pop(pane).items()):
                n, total = len(rows), sum(rows.values())
                self._add(key, pane, n, total)
                verdicts.append({"key": key, "pane": pane, "n": n, "total": total})
        self.closed = max(self.closed, before - 1)
        return verdicts


class Verdicts(Part):
    """Adds verdicts up, each pane of a key once."""

    def step(self, verdict: dict[str, Any], counts: Counter[str]) -> None:
        if verdict["pane"] <= self._load(verdict["key"])["closed"]:
            counts["dropped verdicts"] += 1
            return
        self._add(verdict["key"], verdict["pane"], verdict["n"], verdict["total"])


def build(config: dict[str, Any]) -> Any:
    """Return the app, ready for `faust.Worker`."""
    if not config["stock"]:
        stream.transport.install()
    app: Any = faust.App(
        **stream.transport.recommended_settings(
            app_id=config["run"],
            bootstrap=config["bootstrap"],
            partitions=config["columns"],
            data_directory=Path(config["directory"]) / config["worker"],
        )
        | {
            # quick detection of a killed worker; everything else as in production
            "broker_session_timeout": 6.0,
            "broker_heartbeat_interval": 1.5,
            "broker_request_timeout": 30.0,
        }
    )
    columns = app.topic(f"{config['run']}-columns", partitions=config["columns"], **RAW)
    verdicts = app.topic(f"{config['run']}-verdicts", partitions=config["verdicts"], **RAW)
    raw = {"key_type": bytes, "value_type": bytes}
    monitor_table = app.Table("monitor", partitions=config["columns"], **raw)
    incident_table = app.Table("incidents", partitions=config["verdicts"], **raw)
    live: dict[tuple[str, int], Part] = {}
    counts: Counter[str] = Counter()
    log = (Path(config["directory"]) / f"{config['worker']}.jsonl").open("a", buffering=1)

    def owned(part: Part) -> bool:
        return any(held is part for held in live.values())

    def note(**facts: Any) -> None:
        log.write(json.dumps({"t": round(time.time(), 2), **facts}) + "\n")

    def admit(part: Part, event: Any) -> None:
        offset = event.message.offset
        if offset <= part.last:
            note(event="out of order", partition=part.partition, offset=offset, last=part.last)
            counts["out of order"] += 1
        part.last = max(part.last, offset)

    async def monitor(events: Any) -> None:
        async for event in events.noack().events():
            slot = "monitor", event.message.partition
            part = live.get(slot)
            if not isinstance(part, Columns):
                part = live[slot] = Columns(slot[1], monitor_table)
                note(event="first", slot=slot, offset=event.message.offset, closed=part.closed)
            admit(part, event)
            row = json.loads(event.value)
            part.busy = True
            part.pending.append((event, part.step(event.message.offset, row, counts)))
            for verdict in part.close(row["pane"]):
                part.sent.append(
                    await verdicts.send(
                        key=verdict["key"].encode(),
                        value=json.dumps(verdict).encode(),
                        partition=int(verdict["key"][1:]) % config["verdicts"],
                    )
                )
            part.busy = False
            counts["rows"] += 1

    async def incidents(events: Any) -> None:
        async for event in events.noack().events():
            slot = "incidents", event.message.partition
            part = live.get(slot)
            if not isinstance(part, Verdicts):
                part = live[slot] = Verdicts(slot[1], incident_table)
            admit(part, event)
            part.step(json.loads(event.value), counts)
            part.pending.append((event, 0))
            counts["verdicts"] += 1

    async def revoked(app: Any, revoked: Any, **_: Any) -> None:
        held = sum(len(part.pending) for part in live.values())
        note(event="revoked", partitions=len(revoked), held=held)
        counts["held at revocation"] += held
        live.clear()

    async def checkpoints() -> None:
        while True:
            await asyncio.sleep(CHECKPOINT)
            if not (app.in_recovery or app.rebalancing):
                for part in list(live.values()):
                    await part.checkpoint(owned)

    async def report() -> None:
        while True:
            assigned = [str(tp) for tp in app.consumer.assignment() if "changelog" not in tp.topic]
            note(
                event="state",
                waiting=bool(app.in_recovery or app.rebalancing),
                rebalances=app.rebalancing_count,
                assigned=len(assigned),
                counts=counts,
            )
            await asyncio.sleep(0.25)

    # called, not used as decorators: Faust's decorators have no types
    app.agent(columns)(monitor)
    app.agent(verdicts)(incidents)
    app.on_partitions_revoked.connect(revoked)
    app.task(checkpoints)
    app.task(report)
    if not config["stock"]:
        watchdog = Watchdog(lambda now: stream.transport.observe(app, now))

        async def watch() -> None:
            await watchdog.run()

        app.task(watch)
    return app


if __name__ == "__main__":
    worker = faust.Worker(build(json.loads(sys.argv[1])), loglevel="info", redirect_stdouts=False)
    worker.execute_from_commandline()
