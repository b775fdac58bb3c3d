"""The console on an event log: it reads, follows, streams, and what people do survives it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.console.app import create_console
from api.console.hub import Hub
from api.console.watching import groups_of
from driftlog.records import ACTION
from driftlog.serving import Policy, running
from driftlog.settings import Settings
from driftlog.testing.cluster import Broker
from driftlog.testing.embedded import EmbeddedBroker
from stream.topics import Topics
from tests.api.console.broker_log import console_settings, lasting_topics, write
from tests.api.console.samples import (
    ALERT_ID,
    MODEL,
    PANE_MS,
    START_MS,
    marker,
    quiet,
    story,
    verdict,
)
from tests.e2e.waiting import eventually

WITHIN = 90.0  # seconds


@pytest.fixture
def settings(broker: Broker) -> Settings:
    return console_settings(broker, f"console-{uuid4().hex[:12]}.")


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A console as it is run, and a client of it."""
    hub = Hub(settings)
    policy = Policy.of(settings.http)
    async with running(create_console(hub, policy), 0, policy) as url:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            yield client
        hub.streaming.end()


async def told(client: httpx.AsyncClient, path: str, holds: Any) -> dict[str, Any]:
    """What a path answers, as soon as something holds of it."""

    async def look() -> dict[str, Any] | None:
        answer = await client.get(f"/api/v1{path}")
        found: dict[str, Any] = answer.json()
        return found if answer.status_code == 200 and holds(found) else None

    return await eventually(look, f"{path} as it should be", WITHIN)


async def test_the_past_is_read_and_news_are_followed(settings: Settings) -> None:
    await write(settings, story())
    async with serving(settings) as client:
        fleet = await told(client, "/fleet", lambda found: found["bar"]["state"] == "drift")
        await told(client, f"/incidents/{ALERT_ID}", lambda found: len(found["actions"]) == 1)
        # It was written by somebody's clock of long ago, and nothing has come since.
        assert fleet["bar"]["freshness"]["state"] == "stale"
        await write(settings, [verdict(60, (quiet("temp", 60),)), marker(0, 60), marker(1, 60)])
        path = f"/models/{MODEL}/3"
        end = START_MS + 61 * PANE_MS
        model = await told(client, path, lambda found: found["pane_end_ms"] == end)
        assert model["freshness"]["state"] == "live"
        assert (await client.get("/readyz")).status_code == 200


async def test_a_console_that_was_there_before_the_topics_waits_and_says_so(
    broker: Broker,
) -> None:
    missing = console_settings(broker, f"console-{uuid4().hex[:12]}.", topics=False)
    async with serving(missing) as client:
        pipeline = await told(
            client, "/pipeline", lambda found: "not there yet" in found["reading"]
        )
        assert f"{missing.kafka.prefix}verdicts" in pipeline["reading"]
        assert pipeline["bar"]["state"] == "no data"
        assert (await client.get("/readyz")).status_code == 503
        broker.create_topics(lasting_topics(missing))
        await write(missing, story())
        await told(client, "/fleet", lambda found: found["rows"])


async def test_what_people_do_is_on_the_log_and_survives_a_restart(settings: Settings) -> None:
    await write(settings, [one for one in story() if one.topic != "actions"])
    until = int(time.time() * 1000) + 3_600_000
    async with serving(settings) as client:
        await told(client, f"/incidents/{ALERT_ID}", lambda found: found["incident"]["open"])
        for body in (
            {"action": "acknowledge", "by": "ada"},
            {"action": "silence", "by": "bob", "until_ms": until, "note": "until the fix is out"},
        ):
            answer = await client.post("/api/v1/actions", json={"alert_id": ALERT_ID, **body})
            assert answer.status_code == 201, answer.text
            assert ACTION.decode(answer.content).by == body["by"]
        await told(client, f"/incidents/{ALERT_ID}", lambda found: len(found["actions"]) == 2)
    async with serving(settings) as client:
        found = await told(client, f"/incidents/{ALERT_ID}", lambda held: len(held["actions"]) == 2)
        assert found["incident"]["acknowledged_by"] == "ada"
        assert found["incident"]["silenced_until_ms"] == until
        assert found["incident"]["status"] == "updated"  # an annotation moves no incident
        assert found["actions"][0]["note"] == "until the fix is out"
        events = await told(client, "/events", lambda held: len(held["rows"]) >= 2)
        assert {"acknowledge", "silence"} <= {row["kind"] for row in events["rows"]}


async def test_a_stream_sends_everything_first_and_then_what_is_new(settings: Settings) -> None:
    await write(settings, story())
    async with serving(settings) as client:
        path = f"/models/{MODEL}/3"
        end = START_MS + 60 * PANE_MS
        await told(client, path, lambda found: found["pane_end_ms"] == end)
        async with client.stream("GET", "/stream", params={"page": path}) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["cache-control"] == "no-store"
            events = told_events(answer)
            first = await anext_of(events, "sections")
            whole = first["html"]
            assert "live_bar" in whole and any("temp" in html for html in whole.values())
            await write(settings, [verdict(60, (quiet("temp", 60),)), marker(0, 60)])
            news = await anext_of(events, "sections")
            assert set(news["html"]) <= set(whole)
            assert all(whole[name] != html for name, html in news["html"].items())
            await anext_of(events, "beat")


async def test_the_server_ends_though_a_stream_is_open(settings: Settings) -> None:
    await write(settings, story())
    hub = Hub(settings)
    policy = Policy.of(settings.http)
    async with httpx.AsyncClient(timeout=30) as client:
        async with running(create_console(hub, policy), 0, policy) as url:
            request = client.build_request("GET", f"{url}/stream?page=/")
            answer = await client.send(request, stream=True)
            events = told_events(answer)
            await anext_of(events, "sections")
            hub.streaming.end()
        assert [event async for event in events if event[0] == "sections"] == []
        await answer.aclose()


async def test_a_broker_that_goes_away_is_told_and_waited_for(
    driftlog_broker: EmbeddedBroker,
) -> None:
    broker = driftlog_broker
    settings = console_settings(broker, f"console-{uuid4().hex[:12]}.")
    await write(settings, story())
    async with serving(settings) as client:
        await told(client, "/pipeline", lambda found: found["reading"] == "" and found["records"])
        broker.broker_down()
        await told(client, "/pipeline", lambda found: "gone away" in found["reading"])
        broker.heal()
        await write(settings, [verdict(60, (quiet("temp", 60),)), marker(0, 60), marker(1, 60)])
        end = START_MS + 61 * PANE_MS
        await told(client, f"/models/{MODEL}/3", lambda found: found["pane_end_ms"] == end)
        await told(client, "/pipeline", lambda found: found["reading"] == "")


def test_the_groups_asked_for_are_those_of_the_workers() -> None:
    topics = Topics.of(Settings())
    assert groups_of(Settings()) == {
        topics.ingest_group: ("reads events", (topics.events,)),
        topics.app_id: ("judges columns and gathers incidents", (topics.columns, topics.verdicts)),
    }


async def told_events(answer: httpx.Response) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The events of a stream: name and data."""
    name = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


async def anext_of(
    events: AsyncIterator[tuple[str, dict[str, Any]]], wanted: str
) -> dict[str, Any]:
    """The next event of a name."""
    async with asyncio.timeout(WITHIN):
        async for name, data in events:
            if name == wanted:
                return data
    raise AssertionError(f"the stream ended without {wanted}")
