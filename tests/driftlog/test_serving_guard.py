"""Who asks, how much and how often: what a server of ours lets in, and what it says to the rest."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.errors import SettingsError
from driftlog.serving import Guard, Policy, known
from driftlog.serving.access import Access
from driftlog.serving.headers import SECURITY_HEADERS
from driftlog.serving.policy import is_loopback
from driftlog.serving.rates import Rates
from driftlog.settings import Duration, HttpSettings

TOKEN, NEXT_TOKEN = "t0k3n-" * 4, "n3xt-" * 5
PASSWORD = "correct: horsé battery"
BEARER = {"authorization": f"Bearer {TOKEN}"}


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the body's length and whether the caller is known."""
    message = await receive()
    body = f"{len(message.get('body', b''))} {known(scope)}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def guarded(host: str = "127.0.0.1", app: Any = echo, **http: Any) -> httpx.AsyncClient:
    guard = Guard(app, Policy.of(HttpSettings(**http), host), open_paths=("/livez",))
    transport = httpx.ASGITransport(guard)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9464")


# -- who ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "", "no.such.name.invalid"])
def test_an_address_that_others_reach_is_refused_until_somebody_asks_who_is_calling(
    host: str,
) -> None:
    with pytest.raises(SettingsError) as refused:
        Policy.of(HttpSettings(), host, "worker.host")
    for mend in ("worker.host", "http.tokens", "DRIFTLOG_HTTP_TOKENS", "http.anonymous"):
        assert mend in str(refused.value)
    for settings in (
        HttpSettings(tokens=(TOKEN,)),
        HttpSettings(username="ops", password=PASSWORD),
        HttpSettings(anonymous=True),
    ):
        assert Policy.of(settings, host).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
async def test_on_the_loopback_nobody_has_to_say_who_it_is(host: str) -> None:
    assert is_loopback(host)
    async with guarded(host) as client:
        assert (await client.get("/metrics")).text == "0 True"


async def test_without_credentials_the_answer_is_401_and_says_how_to_give_them() -> None:
    async with guarded(tokens=(TOKEN,), username="ops", password=PASSWORD) as client:
        answer = await client.get("/metrics")
        assert answer.status_code == 401
        assert answer.headers.get_list("www-authenticate") == [
            'Bearer realm="driftlog"',
            'Basic realm="driftlog", charset="UTF-8"',
        ]
        assert answer.json()["error"] == "unauthorized"
        head = await client.head("/metrics")
        assert (head.status_code, head.content) == (401, b"")
        assert (await client.get("/metrics", headers=BEARER)).status_code == 200
        credentials = httpx.BasicAuth("ops", PASSWORD)
        assert (await client.get("/metrics", auth=credentials)).status_code == 200


async def test_a_token_can_be_replaced_while_both_are_known() -> None:
    async with guarded(tokens=(TOKEN, NEXT_TOKEN)) as client:
        for token in (TOKEN, NEXT_TOKEN):
            answer = await client.get("/", headers={"authorization": f"bearer  {token} "})
            assert answer.status_code == 200


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


WRONG = {
    "nothing": "",
    "another token": f"Bearer {TOKEN}x",
    "part of it": f"Bearer {TOKEN[:-1]}",
    "no token": "Bearer",
    "no scheme": TOKEN,
    "another scheme": f"Digest {TOKEN}",
    "the token as a password": basic(f"ops:{TOKEN}"),
    "the password as a token": f"Bearer {PASSWORD}",
    "another name": basic(f"root:{PASSWORD}"),
    "no password": basic("ops:"),
    "no colon": basic("ops"),
    "no base64": "Basic ops:" + PASSWORD,
    "two at once": f"Bearer {TOKEN}, Bearer {TOKEN}",
}


@pytest.mark.parametrize("value", WRONG.values(), ids=WRONG)
async def test_wrong_credentials_open_nothing(value: str) -> None:
    async with guarded(tokens=(TOKEN,), username="ops", password=PASSWORD) as client:
        headers = {"authorization": value.encode("utf-8")}
        answer = await client.request("GET", "/metrics", headers=list(headers.items()))  # type: ignore[arg-type]
        assert answer.status_code == 401
        assert TOKEN not in answer.text


@given(st.binary(max_size=80))
def test_no_bytes_open_the_door_by_chance_or_break_it(value: bytes) -> None:
    access = Access((TOKEN,), "ops", PASSWORD)
    assert not access.admits(value)
    assert not access.admits(b"Bearer " + value)
    assert not access.admits(b"Basic " + value)


async def test_two_authorizations_are_none() -> None:
    async with guarded(tokens=(TOKEN,)) as client:
        twice = [("authorization", f"Bearer {TOKEN}"), ("authorization", "Bearer x")]
        assert (await client.get("/metrics", headers=twice)).status_code == 401


async def test_an_open_path_answers_all_and_knows_whom() -> None:
    async with guarded(tokens=(TOKEN,)) as client:
        assert (await client.get("/livez")).text == "0 False"
        assert (await client.get("/livez", headers=BEARER)).text == "0 True"
        for near in ("/livez/", "/livez/../metrics", "/LIVEZ", "//livez"):
            assert (await client.get(near)).status_code == 401


def test_a_policy_cannot_tell_its_secrets() -> None:
    http = HttpSettings(tokens=(TOKEN,), username="ops", password=PASSWORD)
    policy = Policy.of(http, "0.0.0.0")
    told = f"{http!r} {http} {policy!r} {vars(policy.access)}"
    assert TOKEN not in told
    assert PASSWORD not in told


# -- from where ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "taken"),
    [
        ("127.0.0.1:9464", True),
        ("localhost", True),
        ("LOCALHOST:80", True),
        ("[::1]:9464", True),
        ("10.1.2.3:9464", True),
        ("evil.example:9464", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
    ],
)
async def test_on_the_loopback_a_name_of_another_server_is_refused(named: str, taken: bool) -> None:
    async with guarded() as client:
        answer = await client.get("/metrics", headers={"host": named})
        assert answer.status_code == (200 if taken else 400)
        assert "evil" not in answer.text
    async with guarded(tokens=(TOKEN,)) as client:  # credentials keep such a page out
        answer = await client.get("/metrics", headers={**BEARER, "host": named})
        assert answer.status_code == 200


async def test_names_that_are_set_are_taken_and_no_others() -> None:
    async with guarded(tokens=(TOKEN,), hosts=("Drift.example",)) as client:
        for named, status in (("drift.example:443", 200), ("other.example", 400)):
            answer = await client.get("/", headers={**BEARER, "host": named})
            assert answer.status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://127.0.0.1:9464"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
async def test_a_page_of_another_site_cannot_make_a_browser_write(
    headers: dict[str, str], status: int
) -> None:
    async with guarded() as client:
        assert (await client.post("/labels", headers=headers)).status_code == status
        assert (await client.get("/metrics", headers=headers)).status_code == 200


# -- how much -----------------------------------------------------------------------------------


async def parts(count: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


async def test_a_body_is_taken_up_to_its_bound_and_no_further() -> None:
    async with guarded(max_body_bytes=1_000) as client:
        assert (await client.post("/", content=b"x" * 1_000)).text == "1000 True"
        assert (await client.post("/", content=parts(10, 100))).text == "1000 True"
        for content in (b"x" * 1_001, parts(11, 100), parts(1_000, 100)):
            answer = await client.post("/", content=content)
            assert answer.status_code == 413
            assert "http.max_body_bytes" in answer.json()["detail"]
            assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("length", ["-1", "1e3", "9" * 30, "", " ", "0x10"])
async def test_a_length_that_is_none_is_refused(length: str) -> None:
    async with guarded() as client:
        answer = await client.post("/", content=b"x", headers={"content-length": length})
        assert answer.status_code == 400


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    sent: list[Any] = []

    async def never() -> Any:
        import asyncio

        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    policy = Policy.of(HttpSettings(body_timeout=Duration(20)))
    headers = [(b"host", b"localhost"), (b"content-length", b"5")]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, "client": None}
    await Guard(echo, policy)(scope, never, send)
    assert sent[0]["status"] == 408


# -- how often ----------------------------------------------------------------------------------


def test_a_client_that_asks_too_often_waits_and_the_others_do_not() -> None:
    rates = Rates(10)
    assert [rates.take("10.0.0.1", 0.0) for _ in range(20)] == [0.0] * 20  # two seconds' worth
    assert rates.take("10.0.0.1", 0.0) == pytest.approx(0.1)
    assert rates.take("10.0.0.2", 0.0) == 0.0
    assert rates.take("10.0.0.1", 0.11) == 0.0
    assert rates.take("10.0.0.1", 0.11) > 0.0


def test_of_ipv6_the_network_is_one_client() -> None:
    rates = Rates(1)
    assert [rates.take(f"2001:db8::{one}", 0.0) for one in range(3)] == [0.0, 0.0, 1.0]
    assert rates.take("2001:db8:0:1::1", 0.0) == 0.0


def test_clients_without_end_take_bounded_memory() -> None:
    rates = Rates(1)
    for one in range(10_000):
        rates.take(f"10.{one >> 8}.{one & 255}.1", 0.0)
    assert len(rates) == 4_096


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 2)), max_size=200))
def test_nobody_gets_more_than_the_rate_and_its_burst(asked: list[tuple[str, float]]) -> None:
    rates, now = Rates(5), 0.0
    taken = {"a": 0, "b": 0}
    for client, later in asked:
        now += later
        taken[client] += rates.take(client, now) == 0.0
        assert taken[client] <= 10 + 5 * now + 1


async def test_too_many_requests_are_told_when_to_come_again() -> None:
    async with guarded(rate=2) as client:
        answers = [await client.get("/metrics") for _ in range(12)]
    assert [one.status_code for one in answers[:4]] == [200] * 4
    late = answers[-1]
    assert late.status_code == 429
    assert int(late.headers["retry-after"]) >= 1
    assert "http.rate" in late.json()["detail"]


async def test_guessing_a_token_is_slower_than_asking() -> None:
    now = 0.0
    policy = Policy.of(HttpSettings(tokens=(TOKEN,), rate=20))
    guard = Guard(echo, policy, clock=lambda: now)
    transport = httpx.ASGITransport(guard)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        seen = []
        for _ in range(100):
            now += 0.1
            answer = await client.get("/", headers={"authorization": "Bearer guessed"})
            seen.append(answer.status_code)
        assert seen.count(401) <= 2 + 10  # one a second beside the burst
        now += 60.0
        assert (await client.get("/", headers=BEARER)).status_code == 200


# -- what is answered ---------------------------------------------------------------------------


async def test_every_answer_has_the_security_headers_that_the_app_does_not_set() -> None:
    async def own(_scope: Any, _receive: Any, send: Any) -> None:
        headers = [(b"Cache-Control", b"max-age=60"), (b"Content-Security-Policy", b"own")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async with guarded(tokens=(TOKEN,)) as client:
        for answer in (await client.get("/livez"), await client.get("/metrics")):
            for name, value in SECURITY_HEADERS.items():
                assert answer.headers[name.decode()] == value.decode()
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    async with guarded(app=own) as client:
        answer = await client.get("/")
        assert answer.headers.get_list("cache-control") == ["max-age=60"]
        assert answer.headers.get_list("content-security-policy") == ["own"]
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_websocket_is_refused_before_the_app_sees_it() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await Guard(echo, Policy.of(HttpSettings()))({"type": "websocket"}, receive, send)
    assert [one["type"] for one in sent] == ["websocket.close"]
