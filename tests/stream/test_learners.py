"""Learning is bounded whatever names the log holds, and who learns in earnest is not driven out."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import numpy as np
import orjson
import pytest
from numpy.typing import NDArray

from driftlog.errors import ProfileError
from driftlog.records import EVENT, REFERENCE, Event
from driftlog.settings import ModelSettings
from driftlog.testing.events import EventFactory
from stream.book import ReferenceBook
from stream.learned import MOST_BYTES, learned_profile
from stream.learners import Learners
from stream.learning import Learner
from stream.rows import CategoryColumn, Rows
from tests.stream.event_log import PANE_MS, LogEntry, World, batches, merged, records, settings
from tests.stream.memory_worker import Cluster, answers

ROOM = 1_000


def rows(name: str, count: int, size: int = 100) -> Rows:
    none: NDArray[np.int64] = np.zeros(count, dtype=np.int64)
    return Rows(
        model=name,
        version="1",
        ts_ms=none,
        key=none.astype(np.uint64),
        partition=none.astype(np.int32),
        offset=none,
        correlation_id=[""] * count,
        segment=CategoryColumn((), none.astype(np.int32) - 1),
        numbers={},
        categories={},
        raw=[b"x" * size] * count,
    )


def learners(**models: Any) -> tuple[Learners, Counter[str]]:
    chosen = settings(**{f"models__{key}": value for key, value in models.items()})
    return Learners(chosen), Counter()


def test_one_more_than_may_learn_is_left_out_and_counted() -> None:
    held, counts = learners(max_learning=2)
    for name in ("a", "b", "c"):
        held.take(rows(name, 3), PANE_MS, ROOM, counts)
    assert held.held.keys() == {"a@1", "b@1"}
    assert counts == {"over_max_learning": 3}


def test_who_brings_more_than_the_smallest_has_takes_its_place() -> None:
    held, counts = learners(max_learning=2)
    for name, count in (("a", 3), ("b", 1), ("c", 2)):
        held.take(rows(name, count), PANE_MS, ROOM, counts)
    assert held.held.keys() == {"a@1", "c@1"}
    assert counts == {"learning_let_go": 1}


def test_who_was_silent_for_a_window_gives_way() -> None:
    held, counts = learners(max_learning=1)
    held.take(rows("a", 50), PANE_MS, ROOM, counts)
    window = settings().stream.window_panes * PANE_MS
    held.take(rows("b", 1), window, ROOM, counts)
    assert held.held.keys() == {"a@1"}
    held.take(rows("b", 1), window + PANE_MS, ROOM, counts)
    assert held.held.keys() == {"b@1"}


def test_none_is_learned_for_which_there_is_no_room() -> None:
    held, counts = learners()
    held.take(rows("a", 3), PANE_MS, 0, counts)
    assert not held.held
    assert counts["over_max_learning"] == 3


def test_beyond_the_bytes_the_largest_is_let_go() -> None:
    held, counts = learners(learn_bytes=1_000_000)
    held.take(rows("a", 50), PANE_MS, ROOM, counts)
    held.take(rows("b", 6, 150_000), PANE_MS, ROOM, counts)
    assert held.held.keys() == {"a@1", "b@1"}
    held.take(rows("b", 1, 150_000), 2 * PANE_MS, ROOM, counts)
    assert held.held.keys() == {"a@1"}
    assert counts == {"learning_let_go": 7}


def test_a_flood_of_names_keeps_nobody_from_learning_and_is_the_same_at_any_cut() -> None:
    chosen = settings(models__max_learning=3, models__learn_rows=150)
    earnest = World("late", "1")
    names = [
        msgspec.structs.replace(event, model=f"nobody {number}", event_id=f"n{number}")
        for number, event in enumerate(World("x", "1", seed=4).events(12))
    ]
    log = records(merged(earnest.events(12), names))

    def told(size: int) -> Cluster:
        cluster = Cluster(chosen, ReferenceBook(), 1, 1)
        for batch in batches(log, size):
            cluster.ingest(0, batch)
        cluster.close()
        cluster.read_all()
        return cluster

    one, other = told(1_000), told(7)
    assert [profile.model for profile in one.references] == ["late"]
    assert one.references == other.references
    assert answers(one.verdicts) == answers(other.verdicts) != {}


def test_state_stays_small_whatever_names_the_log_holds() -> None:
    factory = EventFactory(step_ms=1)
    log = [
        LogEntry(0, at, factory.json(version=f"{at}{'v' * 240}"), timestamp=at)
        for at in range(3_000)
    ]
    cluster = Cluster(settings(models__max_learning=5), ReferenceBook(), 1, 1)
    for batch in batches(log, 500):
        cluster.ingest(0, batch)
    cluster.close()
    owner = cluster.owner(0)
    owner.read()
    stored = owner.checkpoint()
    assert len(stored) <= 6
    assert max(map(len, stored.values())) < 900_000
    assert owner.fold.counts["over_max_learning"] >= 2_900


# -- what is learned --------------------------------------------------------------------------


def learner(events: list[dict[str, Any]]) -> Learner:
    found = Learner("late", "1")
    decoded = [msgspec.convert({**event, "model": "late"}, Event) for event in events]
    found.add([EVENT.encode(event) for event in decoded], PANE_MS)
    return found


def test_of_more_inputs_than_may_be_watched_the_commonest_are() -> None:
    factory = EventFactory(seed=3)
    events = [factory.event(inputs={f"once {n} {k}": k for k in range(9)}) for n in range(120)]
    profile = learned_profile(learner(events), ModelSettings(max_inputs=6, learn_rows=100), 0)
    inputs = [one.input_name for one in profile.signals if one.role == "input"]
    assert {"distance", "temp", "carrier", "holiday"} <= set(inputs)
    assert len(inputs) <= 6
    assert "6 of their 904 inputs (models.max_inputs)" in profile.source


@pytest.mark.parametrize("how", ["nothing to watch", "too large"])
def test_what_cannot_be_learned_is_said_counted_and_let_go(how: str) -> None:
    factory = EventFactory(seed=3, step_ms=20)
    if how == "too large":
        texts = [f"{n % 60}{'x' * 60_000}" for n in range(240)]
        log = [factory.event(inputs={"long": text}) for text in texts]
    else:
        log = [factory.event() | {"inputs": {}, "outputs": None} for _ in range(240)]
    entries = [LogEntry(0, at, orjson.dumps(event)) for at, event in enumerate(log)]
    cluster = Cluster(settings(models__learn_rows=120), ReferenceBook(), 1, 1)
    for batch in batches(entries, 50):
        cluster.ingest(0, batch)
    cluster.close()
    owner = cluster.owner(0)
    owner.read()
    assert not cluster.references
    assert owner.fold.counts["not_learnable"] >= 120
    assert "no reference can be learned" in owner.fold.news[0]


def test_a_reference_that_is_learned_fits_its_topic() -> None:
    factory = EventFactory(seed=3)
    texts = [f"{n % 60}{'x' * 60_000}" for n in range(120)]
    events = [factory.event(inputs={"long": text}) for text in texts]
    with pytest.raises(ProfileError, match="bytes"):
        learned_profile(learner(events), ModelSettings(learn_rows=100), 0)
    short = learned_profile(learner([factory.event() for _ in range(120)]), ModelSettings(), 0)
    assert len(REFERENCE.encode(short)) < MOST_BYTES
