"""The console over HTTP, without a broker: what was folded is what is served."""

from __future__ import annotations

import json
import re

import httpx
import msgspec
import pytest

from api.console import links
from api.console.app import create_console, openapi
from api.console.hub import Hub
from api.console.routes import PATHS
from api.console.views import Fleet, Model, Signal
from driftlog.serving import Policy
from driftlog.settings import HttpSettings, Settings
from tests.api.console.samples import ALERT_ID, MODEL, NOW_MS, Sample, action, quiet, story, verdict
from tests.hostile_names import HOSTILE

JSON = {"content-type": "application/json"}


def hub(samples: list[Sample] | None = None, settings: Settings | None = None) -> Hub:
    made = Hub(settings or Settings(), clock=lambda: NOW_MS)
    for one in story() if samples is None else samples:
        made.history.take(one.topic, one.key, one.value, one.at_ms)
    return made


def client(
    of: Hub | None = None, policy: Policy | None = None, **more: object
) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_console(of or hub(), policy))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", **more)  # type: ignore[arg-type]


PAGES = (
    "/",
    "/?query=fares",
    f"/models/{MODEL}/3",
    "/models/fares/1/JFK",
    f"/models/{MODEL}/3/*/signals/temp",
    "/incidents",
    "/incidents?which=open",
    f"/incidents/{ALERT_ID}",
    "/pipeline",
    "/events",
)


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_there_and_as_json_too(path: str) -> None:
    async with client() as asking:
        page = await asking.get(path)
        assert page.status_code == 200, page.text
        assert page.headers["content-type"].startswith("text/html")
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert "unsafe" not in page.headers["content-security-policy"]
        data = await asking.get(links.api(path))
        assert data.status_code == 200
        told = data.json()
        assert told["api_link"] == links.api(path)
        assert told["bar"]["state"] == "drift"


async def test_what_is_not_there_says_so_to_people_and_to_programs() -> None:
    async with client() as asking:
        for path in ("/nowhere", "/models/nobody/1", "/incidents/0000", "/runbooks/nothing"):
            answer = await asking.get(path)
            assert answer.status_code == 404
            assert answer.headers["content-type"].startswith("text/html")
        answer = await asking.get("/api/v1/models/nobody/1")
        assert (answer.status_code, answer.json()["error"]) == (404, "not found")
        assert (await asking.get("/stream?page=/nowhere")).status_code == 404
        assert (await asking.get("/runbooks/..%2F..%2FSECURITY")).status_code == 404


@pytest.mark.parametrize("name", HOSTILE)
async def test_any_name_has_a_page_and_does_no_harm_there(name: str) -> None:
    hostile = HOSTILE[name][:256]
    told = verdict(
        59, (quiet(hostile, 59),), model=hostile, version=hostile, segment=hostile[:200] or "*"
    )
    async with client(hub([told])) as asking:
        fleet = msgspec.json.decode((await asking.get("/api/v1/fleet")).content, type=Fleet)
        row = fleet.rows[0]
        assert (row.model, row.signal) == (hostile, hostile)
        assert row.signal_link is not None
        model = msgspec.json.decode(
            (await asking.get(links.api(row.signal_link.partition("/signals/")[0]))).content,
            type=Model,
        )
        assert model.signals[0].signal == hostile
        signal = await asking.get(links.api(model.signals[0].link))
        assert msgspec.json.decode(signal.content, type=Signal).signal == hostile
        for path in ("/", row.signal_link, model.link):
            html = (await asking.get(path)).text
            assert "<script>alert" not in html
            assert "onerror=alert(1)>" not in html
            assert "\u202e" not in html and "\x1b" not in html and "\x00" not in html
            for href in re.findall(r'(?:href|src|action)="([^"]*)"', html):
                assert href.startswith(("/", "#")), href
                assert not href.startswith("//")


async def test_the_schema_describes_each_answer() -> None:
    document = openapi()
    async with client() as asking:
        assert (await asking.get("/api/v1/openapi.json")).json() == json.loads(json.dumps(document))
    assert {path.removeprefix("/api/v1") for path in document["paths"]} == {*PATHS, "/actions"}
    text = str(document)
    for name in re.findall(r"#/components/schemas/(\w+)", text):
        assert name in document["components"]["schemas"]


async def test_runbooks_are_there_and_their_links_lead_somewhere() -> None:
    async with client() as asking:
        answer = await asking.get("/runbooks/SignalDrift")
        assert answer.status_code == 200
        assert "<h2>Meaning</h2>" in answer.text
        (link,) = re.findall(r'href="(/runbooks/[^"]+)"', answer.text)
        assert (await asking.get(link)).status_code == 200


async def test_nothing_is_served_to_strangers_but_the_probes() -> None:
    settings = Settings(http=HttpSettings(username="ada", password="secret"))
    policy = Policy.of(settings.http)
    async with client(hub(settings=settings), policy) as asking:
        for path in (*PAGES, "/stream?page=/", "/static/styles.css", "/api/v1/fleet"):
            assert (await asking.get(path)).status_code == 401, path
        assert (await asking.get("/livez")).status_code == 200
        assert (await asking.get("/readyz")).json() == {"ready": False}
    async with client(hub(settings=settings), policy, auth=("ada", "secret")) as asking:
        assert (await asking.get("/")).status_code == 200
        assert not (await asking.get(f"/api/v1/incidents/{ALERT_ID}")).json()["asks_name"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"action": "acknowledge", "alert_id": ALERT_ID}, 422),  # by nobody
        ({"action": "acknowledge", "alert_id": ALERT_ID, "by": "a\nb"}, 422),
        ({"action": "acknowledge", "alert_id": "0000", "by": "ada"}, 404),
        ({"action": "acknowledge", "alert_id": ALERT_ID, "by": "ada", "model": "other"}, 404),
        ({"action": "silence", "alert_id": ALERT_ID, "by": "ada"}, 422),
        ({"action": "silence", "alert_id": ALERT_ID, "by": "ada", "until_ms": 2**52}, 422),
        ({"action": "note", "alert_id": ALERT_ID, "by": "ada", "note": " "}, 422),
        ({"action": "accept_reference", "alert_id": ALERT_ID, "by": "ada"}, 501),
        ({"action": "accept_reference", "alert_id": ALERT_ID, "by": "ada", "version": "9"}, 501),
        ({"action": "delete", "alert_id": ALERT_ID, "by": "ada"}, 422),
        ({"alert_id": ALERT_ID}, 422),
        ([], 422),
    ],
)
async def test_an_action_that_makes_no_sense_is_refused_in_words(body: object, status: int) -> None:
    async with client() as asking:
        answer = await asking.post("/api/v1/actions", json=body)
        assert answer.status_code == status
        assert answer.json()["detail"]


async def test_other_sites_and_forms_cannot_act() -> None:
    body = msgspec.json.encode({"action": "acknowledge", "alert_id": ALERT_ID, "by": "ada"})
    async with client(policy=Policy.of(HttpSettings())) as asking:
        answer = await asking.post("/api/v1/actions", content=body)
        assert answer.status_code == 415
        for more in (
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
            {"origin": "http://evil.example"},
        ):
            answer = await asking.post("/api/v1/actions", content=body, headers=JSON | more)
            assert answer.status_code == 403


async def test_a_broker_that_is_away_is_told_to_who_acts() -> None:
    settings = Settings()  # nobody listens there
    body = {"action": "acknowledge", "alert_id": ALERT_ID, "by": "ada"}
    unreachable = msgspec.structs.replace(
        settings, kafka=msgspec.structs.replace(settings.kafka, bootstrap="127.0.0.1:1")
    )
    async with client(hub(settings=unreachable)) as asking:
        answer = await asking.post("/api/v1/actions", json=body)
        assert answer.status_code == 503
        assert "127.0.0.1:1" in answer.json()["detail"]


async def test_the_console_is_ready_when_the_past_is_read() -> None:
    made = hub()
    async with client(made) as asking:
        answer = await asking.get("/readyz")
        assert (answer.status_code, answer.json()["ready"]) == (503, False)
        made.following.ready = True
        assert (await asking.get("/readyz")).status_code == 200


async def test_files_that_are_named_by_digest_are_kept_by_browsers() -> None:
    async with client() as asking:
        html = (await asking.get("/")).text
        (path,) = re.findall(r'href="(/static/styles.css\?v=\w+)"', html)
        answer = await asking.get(path)
        assert (answer.status_code, "immutable" in answer.headers["cache-control"]) == (200, True)
        assert (await asking.get("/static/../app.py")).status_code == 404


def test_an_acknowledgement_is_shown_with_its_note() -> None:
    noted = action("note", NOW_MS - 1_000, note="<b>looked at it</b>")
    view = hub([*story(), noted]).view(f"/incidents/{ALERT_ID}")
    assert view is not None
    assert "<b>" in str(view)
