"""What a client sends is repeated, if at all, as JSON, and never in the log or the metrics."""

from __future__ import annotations

import json
import logging
from urllib.parse import quote

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api.conftest import Remembering
from tests.hostile_names import HOSTILE, harmless

LONGEST = 4_000  # characters of an answer to what is wrong, whatever was sent


def sound(answer: httpx.Response) -> None:
    """An answer that a browser shows as data, and that is not as long as what was sent."""
    assert answer.headers["content-type"].partition(";")[0] == "application/json"
    assert len(answer.text) < LONGEST
    json.loads(answer.text)
    assert answer.text.isascii() or "\x1b" not in answer.text
    assert not {c for c in answer.text if ord(c) < 32}


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
async def test_no_name_in_a_request_does_harm(
    client: httpx.AsyncClient,
    capture: Remembering,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    with caplog.at_level(logging.DEBUG):
        header = {"x-correlation-id": name.encode()}
        for body in (
            {name: 1.0},
            {"temp": name},
            {"origin": name, "carrier": [name]},
            {"instances": [{name: name}] * 50},
            {"instances": name},
            {f"{name}{i}": i for i in range(200)},
        ):
            answer = await client.post("/predict", json=body, headers=list(header.items()))  # type: ignore[arg-type]
            assert answer.status_code == 422
            sound(answer)
            told = answer.headers["x-correlation-id"]
            assert told.isascii() and told.isprintable() and len(told) <= 128
        sound(await client.post("/labels", json={"event_id": "e", "label": name, name: 1}))
        path = f"/{quote(name[:200], safe='')}?q={quote(name[:99], safe='')}"
        sound(await client.get(path))
        sound(await client.request("DELETE", path))
    ours = [one for one in caplog.records if one.name.startswith(("api", "driftlog"))]
    assert not ours
    families = list(text_string_to_metric_families((await client.get("/metrics")).text))
    samples = [one for family in families for one in family.samples]
    assert {one.name for one in samples if not one.name.startswith("api_")} == set()
    labels = {value for one in samples for value in one.labels.values()}
    assert name not in labels
    harmless("\n".join(labels))


@pytest.mark.parametrize("id_", ["req-1\r\nx-forged: yes", "\x1b[2J", "x" * 129, "\u202e", ""])
async def test_a_correlation_id_that_could_do_harm_is_replaced(
    client: httpx.AsyncClient, capture: Remembering, id_: str
) -> None:
    headers = [(b"x-correlation-id", id_.encode())]
    answer = await client.post("/predict", json={"origin": "JFK"}, headers=headers)
    assert answer.status_code == 200
    assert "x-forged" not in answer.headers
    told = answer.headers["x-correlation-id"]
    assert told != id_ and told.isascii() and told.isprintable()
    assert capture.events[0]["correlation_id"] == told
