"""Free text from event to alert: quiet while it is usual, and said in words when it is not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import msgspec
import pytest

from driftlog.records import EVENT, Alert, AlertStatus, Event, ReferenceProfile, Verdict
from driftlog.settings import Settings
from stream.book import ReferenceBook
from stream.judging import Judging
from stream.pipeline import Pipeline
from stream.profile import profile_of_events
from tests.stream.event_log import batches, records, settings
from tests.stream.sentences import notes, text_events

SMALL: Final = settings()
TURN_S: Final = 30.0
QUIET: Final = notes(1_200, seed=21)


@cache
def usual() -> ReferenceProfile:
    return profile_of_events(
        text_events(notes(3_000, seed=20)),
        model="support",
        version="1",
        origin="file",
        models=SMALL.models,
    )


def log(after: str | None, rows: int = 1_200) -> list[Event]:
    """Thirty quiet seconds, then as many of another kind; None: of nulls."""
    turned: Sequence[str | None]
    turned = [None] * rows if after is None else notes(rows, 22, after)
    return text_events(QUIET) + text_events(turned, since_s=TURN_S)


def told(
    events: list[Event], own: Settings = SMALL, batch: int = 500, *, learn: bool = False
) -> tuple[list[Verdict], list[Alert]]:
    pipeline = Pipeline(own, None if learn else ReferenceBook([usual()]))
    verdicts, alerts = [], []
    steps = [pipeline.feed(part) for part in batches(records(events), batch)]
    for step in (*steps, pipeline.close()):
        verdicts += step.verdicts
        alerts += step.alerts
        assert not step.dead
    return verdicts, alerts


def drifted(alerts: list[Alert]) -> set[str]:
    return {one.signal.removeprefix("input.note.") for alert in alerts for one in alert.signals}


def test_usual_text_wakes_nobody() -> None:
    assert told(text_events(notes(6_000, seed=23)))[1] == []


def test_the_references_own_rows_wake_nobody() -> None:
    """They know their words a little better than others do, but not by what matters."""
    assert told(text_events(notes(3_000, seed=20)))[1] == []


@pytest.mark.parametrize(
    ("after", "signals", "says"),
    [
        ("language", {"unknown_words", "ngrams"}, "unknown words in note "),
        ("topic", {"unknown_words", "ngrams"}, "unknown words in note "),
        ("long", {"length", "words"}, " of note up "),
        ("template", {"ngrams"}, "wording of note changed ("),
        ("empty", {"length", "words"}, "length of note down "),
        (None, {"length", "words", "unknown_words", "ngrams"}, "note is null in all of the last "),
    ],
)
def test_each_change_shows_in_its_signals_and_is_said_in_words(
    after: str | None, signals: set[str], says: str
) -> None:
    _, alerts = told(log(after))
    assert drifted(alerts) >= signals
    assert "age" not in drifted(alerts)
    first = alerts[0]
    assert first.status is AlertStatus.FIRING
    assert abs(first.onset.ts_ms / 1000 - TURN_S) <= 2
    assert any(says in alert.title for alert in alerts), [alert.title for alert in alerts]
    assert not any("input." in alert.title for alert in alerts)


def test_texts_that_come_as_numbers_are_said_to_be_none() -> None:
    events = [
        event
        if event.ts_ms < TURN_S * 1000
        else msgspec.structs.replace(event, inputs=event.inputs | {"note": 17})
        for event in log("usual")
    ]
    alerts = told(events)[1]
    assert alerts[-1].title.startswith("note is no text in all of rows: type changed? (")


def test_a_template_of_the_same_words_has_no_unknown_ones() -> None:
    assert drifted(told(log("template"))[1]) == {"ngrams"}


def test_a_learned_reference_watches_text_too() -> None:
    own = settings(models__learn_rows=600)
    events = text_events(notes(2_000, 24)) + text_events(notes(800, 25, "language"), since_s=50)
    verdicts, alerts = told(events, own, learn=True)
    names = {one.signal for one in verdicts[-1].signals}
    assert "input.note.unknown_words" in names and "note" not in names
    assert "unknown_words" in drifted(alerts)
    assert all(alert.onset.ts_ms >= 49_000 for alert in alerts)
    assert told(events, own, 37, learn=True) == (verdicts, alerts)


def test_batches_and_a_restart_change_no_verdict() -> None:
    events = log("topic", 600)
    expected = told(events)
    assert told(events, batch=64) == told(events, batch=7) == expected
    entries = records(events)
    whole, first = (Pipeline(SMALL, ReferenceBook([usual()])) for _ in range(2))
    for part in batches(entries[:1_400], 100):
        whole.feed(part)
        first.feed(part)
    later = Pipeline(SMALL, ReferenceBook([usual()]))
    state = first.columns.snapshot()
    later.columns.restore({key: value for key, value in state.items() if value is not None})
    key = "support@1/*#0"
    end = first.columns.series[key].closed_through_ms
    again = [entry for entry in entries[1_100:] if EVENT.decode(entry.value or b"").ts_ms >= end]
    found = {one.pane_ms: one for part in batches(again, 100) for one in later.feed(part).verdicts}
    wanted = {one.pane_ms: one for one in expected[0] if one.pane_ms in found}
    assert len(found) > 5
    assert {at: one.signals for at, one in found.items()} == {
        at: one.signals for at, one in wanted.items()
    }


def test_signals_of_one_text_may_live_on_several_partitions() -> None:
    """No partition needs the text for them, and none gets it."""
    judging = Judging(settings(models__shard_signals=2), ReferenceBook([usual()]), partitions=16)
    pipeline = Pipeline(SMALL, ReferenceBook([usual()]))
    (decoded,) = pipeline.decoder.decode_batch(records(log("usual", 100))).rows
    parts = dict(judging.route(decoded.rows, usual()))
    signals = [{*rows.numbers, *rows.categories} for rows in parts.values()]
    assert len(parts) > 1
    assert set.union(*signals) == {one.signal for one in usual().signals}
    for rows in parts.values():
        for column in rows.categories.values():
            assert max(map(len, column.levels)) < 10
