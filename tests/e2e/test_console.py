"""The console beside a worker that runs: drift seen, acted on, the worker killed, and all again."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson

from demo.process import console
from driftlog.records import ReferenceProfile
from driftlog.settings import Settings
from driftlog.testing.cluster import Broker
from driftlog.testing.events import EventFactory
from tests.e2e.deployment import Deployment, deployed
from tests.e2e.event_log import writing
from tests.e2e.waiting import eventually

MODEL, VERSION = "flight-delay", "1"
RATE = 30  # events a second, as the references have it
TURN_S = 0.4  # a batch of its own in each partition: many small ones are slow to read


class Traffic:
    """Requests as they come, with event times of now."""

    def __init__(self) -> None:
        self.shift = 0.0  # of distance

    async def run(self, settings: Settings) -> None:
        """Write until cancelled."""
        factory = EventFactory(MODEL, VERSION, seed=3)
        async with writing(settings) as events:
            while True:
                made = []
                for number in range(round(RATE * TURN_S)):
                    event = factory.event(ts_ms=int(time.time() * 1000) - 10 + number)
                    event["inputs"]["distance"] += self.shift
                    made.append((number % settings.kafka.event_partitions, orjson.dumps(event)))
                await events.write(made)
                await asyncio.sleep(TURN_S)


@asynccontextmanager
async def traffic(settings: Settings) -> AsyncIterator[Traffic]:
    made = Traffic()
    running = asyncio.create_task(made.run(settings))
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def looking(deployment: Deployment) -> AsyncIterator[httpx.AsyncClient]:
    """A console of its own process, and a client of it."""
    environment = {**deployment.environment, "DRIFTLOG_CONSOLE_PORT": "0"}
    async with console(environment) as process:
        try:
            async with httpx.AsyncClient(base_url=process.url, timeout=60) as client:
                yield client
        finally:
            print("\n".join(process.lines))


async def told(
    client: httpx.AsyncClient, path: str, holds: Callable[[dict[str, Any]], Any], what: str
) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        answer = await client.get(f"/api/v1{path}")
        found: dict[str, Any] = answer.json()
        return found if answer.status_code == 200 and holds(found) else None

    return await eventually(look, what)


def state(found: dict[str, Any]) -> str:
    return str(found["bar"]["freshness"]["state"])


async def test_from_the_drift_to_what_a_person_does_and_over_the_worker_s_death(
    broker: Broker, tmp_path: Path, profiles: list[ReferenceProfile]
) -> None:
    ours = [one for one in profiles if (one.model, one.version) == (MODEL, VERSION)]
    quick = {"STREAM_IDLE_AFTER": "3s", "STREAM_WINDOW_PANES": "20"}
    async with deployed(broker, tmp_path, ours, **quick) as deployment:
        first = await deployment.start()
        async with traffic(deployment.settings) as requests:
            async with looking(deployment) as client:
                fleet = await told(
                    client,
                    "/fleet",
                    lambda found: found["rows"] and found["rows"][0]["state"] == "ok",
                    "a model that is as usual",
                )
                assert state(fleet) == "live"
                requests.shift = 800.0
                fleet = await told(
                    client,
                    "/fleet",
                    lambda found: found["rows"][0]["open_incidents"],
                    "an incident",
                )
                assert fleet["bar"]["state"] == "drift"
                assert "distance" in fleet["rows"][0]["words"]
                (row, *_) = (await client.get("/api/v1/incidents?which=open")).json()["rows"]
                detail = (await client.get(f"/api/v1{fleet['rows'][0]['signal_link']}")).json()
                assert sum(one["rows"] for one in detail["bins"]) == detail["rows"]
                if broker.kind == "kafka":
                    pipeline = await told(
                        client, "/pipeline", lambda found: found["told"], "the groups"
                    )
                    assert all(one["owner"] for one in pipeline["partitions"])
                    assert pipeline["bar"]["unowned"] == 0
                acted = {"alert_id": row["alert_id"], "by": "ada"}
                for action in ("acknowledge", "accept_reference"):
                    answer = await client.post("/api/v1/actions", json={**acted, "action": action})
                    assert answer.status_code == 201, answer.text
                accepted = answer.json()["reference_id"]
                model = await told(
                    client,
                    f"/models/{MODEL}/{VERSION}",
                    lambda found: found["reference"]["reference_id"] == accepted,
                    "panes that are judged by what was accepted",
                )
                assert (model["reference"]["origin"], model["reference"]["by"]) == (
                    "accepted",
                    "ada",
                )
                await deployment.end(first, signal.SIGKILL)
                fleet = await told(
                    client, "/fleet", lambda found: state(found) == "stale", "a stale page"
                )
                assert fleet["bar"]["state"] in ("stale", "drift")
            await deployment.start()
            async with looking(deployment) as client:
                await told(client, "/fleet", lambda found: state(found) == "live", "a live page")
                path = f"/incidents/{row['alert_id']}"
                found = (await client.get(f"/api/v1{path}")).json()
                assert found["incident"]["acknowledged_by"] == "ada"
                assert {one["action"] for one in found["actions"]} == {
                    "acknowledge",
                    "accept_reference",
                }
