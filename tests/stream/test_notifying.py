"""What is passed on of an alert, and what is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.errors import InputError
from driftlog.records import ACTION, Action, Alert, AlertStatus, Severity
from stream.notifying.carrier import REPEAT_S
from stream.notifying.notices import HOLD_MS, alertmanager, slack, webhook
from stream.notifying.open_alerts import OpenAlerts
from stream.notifying.post import Post
from stream.notifying.silences import Silences
from tests.cli.alert_factory import AT, alert
from tests.e2e.receiver import receiver
from tests.e2e.waiting import holds

NOW = AT + 3_600_000
HOSTILE = "<!channel> *bold* `x` \x1b[31m\n& {{ .Values }}"


def later(seconds: int, **more: Any) -> Alert:
    return alert(status=AlertStatus.UPDATED, pane_end_ms=AT + 60_000 + seconds * 1000, **more)


def over(seconds: int) -> Alert:
    at = AT + 60_000 + seconds * 1000
    return alert(status=AlertStatus.RESOLVED, pane_end_ms=at, resolved_ms=at)


# -- what is silenced ------------------------------------------------------------------------------


def test_a_silence_ends_by_the_clock_by_a_later_one_and_with_the_incident() -> None:
    def silence(until_ms: int) -> bytes:
        return ACTION.encode(
            Action(
                action="silence", model="late", by="ada", at_ms=1, alert_id="a1", until_ms=until_ms
            )
        )

    silences = Silences()
    fires = alert(alert_id="a1")
    assert not silences.covers(fires, NOW)
    silences.take(silence(NOW + 1))
    assert silences.covers(fires, NOW)
    assert not silences.covers(fires, NOW + 1)
    assert not silences.covers(alert(alert_id="a1", status=AlertStatus.RESOLVED), NOW)
    assert not silences.covers(alert(alert_id="b2"), NOW)
    silences.take(b"{]")
    silences.take(silence(NOW))
    assert not silences.covers(fires, NOW)


# -- what is said ---------------------------------------------------------------------------------


def test_an_open_incident_is_held_for_as_long_as_the_next_repetition_may_take() -> None:
    told = alertmanager(alert(), NOW)
    assert told["labels"]["severity"] == "page"
    assert told["labels"]["model"] == "late"
    assert told["startsAt"] == "2024-11-20T10:54:20.000Z"
    assert told["endsAt"] == "2024-11-20T11:58:20.000Z"
    assert HOLD_MS > 2 * 1000 * REPEAT_S


def test_one_that_is_over_ends_when_it_ended_and_under_the_same_labels() -> None:
    told = alertmanager(over(30), NOW)
    assert told["endsAt"] == "2024-11-20T10:54:50.000Z"
    assert told["labels"] == alertmanager(alert(), NOW)["labels"]


def test_links_lead_to_the_console_where_one_is_named() -> None:
    assert alertmanager(alert(), NOW)["annotations"]["runbook_url"].startswith("docs/runbooks/")
    state = OpenAlerts("https://driftlog.example.org/")
    state.take(alert(alert_id="../?a"))
    (told,) = state.notices(NOW)
    base = "https://driftlog.example.org"
    assert told["annotations"]["runbook_url"] == f"{base}/runbooks/DriftIncidentCritical"
    assert told["annotations"]["console_url"] == f"{base}/incidents/..%2F%3Fa"


@given(at=st.integers(-(10**18), 10**18))
def test_whatever_the_times_of_a_record_an_alert_ends_after_it_begins(at: int) -> None:
    for one in (
        alert(opened_ms=at),
        alert(opened_ms=at, status=AlertStatus.RESOLVED, resolved_ms=at - 1),
    ):
        told = alertmanager(one, NOW)
        assert told["startsAt"] <= told["endsAt"]


def test_slack_is_told_in_plain_text_that_no_name_can_break_out_of() -> None:
    told = slack(alert(title=HOSTILE, model="<@U1>"))
    assert {block["text"]["type"] for block in told["blocks"]} == {"plain_text"}
    assert "<" not in told["text"]
    assert "&lt;!channel&gt;" in told["text"]
    assert not any(ord(letter) < 32 for letter in told["text"])
    assert all(len(block["text"]["text"]) <= 3_000 for block in told["blocks"])


def test_what_is_long_is_cut_and_says_so() -> None:
    told = slack(alert(title="x" * 10_000))
    assert told["text"].endswith("…")
    assert len(told["text"]) < 3_000


def test_a_webhook_gets_the_record() -> None:
    told = orjson.loads(orjson.dumps(webhook(alert())))
    assert told["alert"]["alert_id"] == "cafe01"
    assert told["alert"]["signals"][0]["signal"] == "distance"
    assert told["text"].startswith("FIRING critical late: distance up")


# -- what is open ---------------------------------------------------------------------------------


def told_of(records: Sequence[Alert]) -> list[dict[str, Any]]:
    state = OpenAlerts()
    for record in records:
        state.take(record)
    return state.notices(NOW)


def test_an_incident_is_told_once_however_often_its_record_comes() -> None:
    assert len(told_of([alert(), alert(), later(10), alert()])) == 1


def test_what_is_over_is_told_once() -> None:
    state = OpenAlerts()
    state.take(alert())
    state.take(over(30))
    assert len(state) == 0
    assert len(state.notices(NOW)) == state.over() == 1
    state.told(state.over())
    assert state.notices(NOW) == []


def test_what_came_while_it_was_being_told_is_not_forgotten() -> None:
    state = OpenAlerts()
    state.take(over(30))
    sent = state.over()
    state.take(over(40))
    state.told(sent)
    assert state.over() == 1


def test_when_the_severity_moves_the_former_alert_ends() -> None:
    records = [alert(severity=Severity.WARNING), later(10, severity=Severity.CRITICAL)]
    ticket, page = sorted(told_of(records), key=lambda one: one["endsAt"])
    assert (ticket["labels"]["severity"], page["labels"]["severity"]) == ("ticket", "page")
    assert ticket["endsAt"] < page["endsAt"]


# -- what is tried again --------------------------------------------------------------------------


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.notifying.post._WAITS", (0.0,))


async def test_one_that_is_overloaded_is_asked_again_until_it_takes(at_once: None) -> None:
    said: list[str] = []
    async with receiver(lambda n: 503 if n < 4 else 200) as (url, got):
        post = Post("slack", url, said.append)
        assert await post.send(lambda: {"n": len(got)}, {"Idempotency-Key": "a:1"})
        await post.close()
    assert [body["n"] for body, _ in got] == [0, 1, 2, 3]
    assert {headers["idempotency-key"] for _, headers in got} == {"a:1"}
    assert said == [
        "waiting for slack at 127.0.0.1 (status 503)",
        "slack at 127.0.0.1 takes alerts again",
    ]


async def test_what_is_refused_for_good_holds_up_nobody_and_is_said(at_once: None) -> None:
    said: list[str] = []
    async with receiver(lambda n: 404) as (url, got):
        post = Post("webhook", url, said.append)
        assert not await post.send(dict)
        assert (post.refused, len(got)) == (1, 1)
        await post.close()
    assert said == ["webhook at 127.0.0.1 refuses an alert (status 404); it is left out"]
    assert "secret-path" not in "".join(said)


async def test_one_that_is_away_is_waited_for(at_once: None) -> None:
    said: list[str] = []
    async with receiver(lambda n: 200) as (url, _):
        pass
    post = Post("webhook", url, said.append)
    sending = asyncio.create_task(post.send(dict))
    await holds(lambda: bool(said), "a word on it")
    assert said == ["waiting for webhook at 127.0.0.1 (ConnectError)"]
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    await post.close()


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "hooks.example.org/x"])
def test_an_address_that_is_none_is_named(url: str) -> None:
    with pytest.raises(InputError, match=r"forward\.slack must be an http or https address"):
        Post("slack", url, print)
