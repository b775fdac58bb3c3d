"""The event factory and the manual clock."""

from __future__ import annotations

import doctest

import orjson
import pytest

from driftlog.errors import InputError
from driftlog.testing import clock, events
from driftlog.testing.clock import ManualClock
from driftlog.testing.events import EventFactory


def test_the_same_seed_makes_the_same_events_and_another_seed_others() -> None:
    first, again, other = (list(EventFactory(seed=s).events(50)) for s in (1, 1, 2))
    assert first == again
    assert not {e["event_id"] for e in first} & {e["event_id"] for e in other}
    assert [e["inputs"] for e in first] != [e["inputs"] for e in other]


def test_an_event_has_what_the_wire_format_asks_for() -> None:
    event = orjson.loads(EventFactory("m", "2", start_ms=5).json(segment="JFK"))
    assert (event["v"], event["model"], event["version"], event["ts_ms"]) == (1, "m", "2", 5)
    assert event["segment"] == "JFK"
    assert event["event_id"] != event["correlation_id"]
    outputs = event["outputs"]
    assert sum(outputs["scores"].values()) == pytest.approx(1)
    assert outputs["confidence"] == max(outputs["scores"].values())
    assert outputs["scores"][outputs["prediction"]] == outputs["confidence"]


def test_a_label_names_its_event_and_comes_after_it() -> None:
    factory = EventFactory()
    event = factory.event()
    label = factory.label(event)
    assert label["event_id"] == event["event_id"]
    assert label["correlation_id"] == event["correlation_id"]
    assert label["ts_ms"] > event["ts_ms"]
    assert label["label"] in event["outputs"]["scores"]
    assert factory.label(event, "late")["label"] == "late"


def test_a_clock_never_goes_back() -> None:
    now = ManualClock(start_ms=10_000)
    now.advance(ms=1)
    with pytest.raises(InputError, match="cannot go back"):
        now.move_to(10_000)
    with pytest.raises(InputError, match="cannot go back"):
        now.advance(seconds=-1)
    assert now.now_ms == 10_001


def test_the_examples_in_the_docstrings_hold() -> None:
    for module in (clock, events):
        result = doctest.testmod(module)
        assert (result.attempted > 0, result.failed) == (True, 0)
