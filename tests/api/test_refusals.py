"""A request that cannot be served is told why, and the log hears of it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.schemas import MAX_INSTANCES
from tests.api.conftest import CORRELATED, Remembering

BAD = {
    "misspelt feature": ({"tmep": 40.0}, "tmep"),
    "text for a number": ({"temp": "warm"}, "temp"),
    "digits in quotes": ({"temp": "40"}, "temp"),
    "boolean for a number": ({"temp": True}, "temp"),
    "number for text": ({"carrier": 9}, "carrier"),
    "endless text": ({"carrier": "U" * 65}, "carrier"),
    "list for a number": ({"temp": [40.0]}, "temp"),
    "no such time": ({"ts_ms": -1}, "ts_ms"),
    "no instances": ({"instances": []}, "instances"),
    "too many instances": ({"instances": [{}] * (MAX_INSTANCES + 1)}, "instances"),
    "one bad among good": ({"instances": [{}, {"temp": "warm"}]}, "instances.1.temp"),
    "instances and more": ({"instances": [{}], "temp": 1.0}, "temp"),
    "no object": ([1, 2], "body"),
}


@pytest.mark.parametrize(("body", "place"), BAD.values(), ids=BAD)
async def test_a_bad_request_is_told_which_field_is_wrong(
    client: httpx.AsyncClient, capture: Remembering, body: Any, place: str
) -> None:
    response = await client.post("/predict", json=body, headers=CORRELATED)
    assert response.status_code == 422
    problem = response.json()
    assert problem["error"] == "invalid request"
    assert f"{place}:" in problem["detail"]
    assert problem["correlation_id"] == "req-7f3a"
    assert [event["status"] for event in capture.events] == ["rejected"]
    assert capture.events[0]["outputs"] is None


RAW = {
    "no json": b"{",
    "nothing": b"",
    "NaN": b'{"temp": NaN}',
    "infinite": b'{"temp": 1e999}',
    "huge integer": b'{"temp": 1' + b"0" * 400 + b"}",
    "not UTF-8": b'{"carrier": "\xff"}',
    "half a surrogate": b'{"carrier": "\\ud800"}',
}


@pytest.mark.parametrize("raw", RAW.values(), ids=RAW)
async def test_a_body_that_no_flight_can_be_read_from_is_refused(
    client: httpx.AsyncClient, capture: Remembering, raw: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    response = await client.post("/predict", content=raw, headers=headers)
    assert response.status_code in (400, 422)
    assert response.json()["error"] == "invalid request"
    assert [event["status"] for event in capture.events] == ["rejected"]


async def test_what_a_refused_request_held_reaches_the_log_as_far_as_it_can(
    client: httpx.AsyncClient, capture: Remembering
) -> None:
    body = {"temp": "warm", "origin": "JFK", "carrier": "U" * 300, "seats": [1], "extra": 1}
    await client.post("/predict", json=body)
    assert capture.events[0]["inputs"] == {"temp": "warm", "origin": "JFK"}
