"""Folding: whatever the order that the log allows, the same is known; and memory is bounded."""

from __future__ import annotations

from collections import defaultdict

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from api.console import links
from api.console.feed import events
from api.console.fleet import fleet
from api.console.history import History
from api.console.incident import incident, incidents
from api.console.known import Known
from api.console.model import model
from api.console.pipeline import pipeline
from api.console.routes import view_of
from api.console.signal import signal
from driftlog.records import AlertStatus
from driftlog.settings import ConsoleSettings, Settings
from tests.api.console.samples import (
    ALERT_ID,
    MODEL,
    NOW_MS,
    Sample,
    action,
    alert,
    known,
    quiet,
    story,
    verdict,
)

STORY = [*story(50), alert(49, AlertStatus.RESOLVED, resolved_ms=NOW_MS)]


def everything(told: Known) -> bytes:
    """All that pages show."""
    return msgspec.json.encode(
        [
            fleet(told),
            model(told, MODEL, "3"),
            signal(told, MODEL, "3", "*", "temp"),
            incidents(told),
            incident(told, ALERT_ID),
            events(told),
            [pipeline(told).partitions],
        ]
    )


@settings(max_examples=30)
@given(st.randoms(use_true_random=False), st.lists(st.integers(0, len(STORY) - 1), max_size=20))
def test_how_topics_are_interleaved_and_what_comes_twice_makes_no_difference(
    random: object, again: list[int]
) -> None:
    queues: defaultdict[str, list[Sample]] = defaultdict(list)
    for number, one in enumerate(STORY):
        queues[one.topic].append(one)
        # At least once: a record may come again right away.
        queues[one.topic] += [one] * again.count(number)
    mixed: list[Sample] = []
    while queues:
        topic = random.choice(sorted(queues))  # type: ignore[attr-defined]
        mixed.append(queues[topic].pop(0))
        if not queues[topic]:
            del queues[topic]
    plain, shuffled = known(STORY), known(mixed)
    assert everything(shuffled) == everything(plain)


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(0, 11), st.integers(0, 2), st.integers(1, 4)), min_size=1, max_size=60
    )
)
def test_whatever_comes_the_bounds_hold(told: list[tuple[int, int, int]]) -> None:
    bounds = ConsoleSettings(
        history_panes=8, history_points=1_000, max_series=5, incidents=3, actions=4, feed=6
    )
    history = History(bounds)
    for pane, (series, shard, shards) in enumerate(told):
        signals = tuple(quiet(f"x{i}", pane) for i in range(10))
        samples = [
            verdict(pane, signals, model=f"m{series}", shard=min(shard, shards - 1), shards=shards),
            alert(pane, alert_id=f"{series:04x}"),
            action(at_ms=pane, alert_id=f"{series:04x}"),
        ]
        for one in samples:
            history.take(one.topic, one.key, one.value, one.at_ms)
        cells = sum(s.cells for one in history.series.values() for s in one.shards.values())
        assert history.points == cells <= bounds.history_points
        assert len(history.series) <= 5
        assert len(history.incidents) <= 3
        assert (len(history.actions) <= 4, len(history.feed) <= 6) == (True, True)
        for held in history.series.values():
            for kept in held.shards.values():
                assert len(kept.panes) <= 8
                assert len(kept.runs) <= 28


def test_beyond_the_bound_segments_lose_their_past_first() -> None:
    history = History(ConsoleSettings(history_panes=100, history_points=1_000))
    for pane in range(100):
        for segment in ("*", *(f"s{i}" for i in range(9))):
            one = verdict(pane, (quiet("x", pane), quiet("y", pane)), segment=segment)
            history.take(one.topic, one.key, one.value, one.at_ms)
    kept = {name[2]: len(one.shards[0].panes) for name, one in history.series.items()}
    assert kept["*"] == 100
    assert 8 <= kept["s0"] < 50
    assert history.points <= 1_000


def test_an_open_incident_outlives_resolved_ones() -> None:
    history = History(ConsoleSettings(incidents=2))
    first = alert(0, alert_id="open")
    over = [alert(n, AlertStatus.RESOLVED, alert_id=f"over-{n}") for n in range(1, 5)]
    for one in (first, *over):
        history.take(one.topic, one.key, one.value, one.at_ms)
    assert "open" in history.incidents
    assert len(history.incidents) == 2


names = st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40
) | st.sampled_from([".", "..", "~", "~..", "a/b", "*", "signals", "%2F", "+", "?x=y", "#", "a\nb"])


@settings(max_examples=200)
@given(names, names, names, names)
def test_every_name_has_a_link_of_its_own_that_leads_back(
    name: str, version: str, segment: str, which: str
) -> None:
    one = verdict(0, (quiet(which, 0),), model=name, version=version, segment=segment)
    told = known([one])
    row = fleet(told).rows[0]
    assert row.signal_link == links.signal(name, version, segment, which)
    shown = view_of(told, row.signal_link)
    assert shown is not None
    assert (shown.link, shown.title) == (row.signal_link, f"{which} of {name} {version}")
    there = view_of(told, links.model(name, version, segment))
    assert there is not None
    assert there.link == links.model(name, version, segment)


def test_a_series_that_is_judged_by_more_shards_is_one_series() -> None:
    first = verdict(0, (quiet("a", 0),))
    second = [verdict(1, (quiet(n, 1),), shard=i, shards=2) for i, n in enumerate("ab")]
    view = model(known([first, *second], NOW_MS), MODEL, "3")
    assert view is not None
    assert sorted(row.signal for row in view.signals) == ["a", "b"]


def test_a_number_of_a_page_that_is_none_is_the_first() -> None:
    for page in ("x", "-1", "²", "9" * 400, ""):
        assert view_of(Known(History(ConsoleSettings()), NOW_MS, Settings()), f"/?page={page}")
