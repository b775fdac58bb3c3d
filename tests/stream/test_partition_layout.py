"""One log, one answer: however many partitions, shards and interleavings there are."""

from __future__ import annotations

from functools import cache

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from driftlog.records import ALERT, VERDICT, Alert, Event, Verdict
from driftlog.settings import Settings
from stream import columns
from stream.book import ReferenceBook
from stream.pipeline import Pipeline
from tests.stream.event_log import World, merged, records, settings, spread
from tests.stream.memory_worker import Cluster, answers, fed

WORLDS = (
    World("late", "1", rate=20, wide=4),
    World("late", "2", rate=12),
    World("fraud", "7", 15, seed=3),
)


@cache
def log() -> tuple[Event, ...]:
    return tuple(
        merged(
            WORLDS[0].events(20, drift_at_s=11),
            WORLDS[1].events(20),
            WORLDS[2].events(20, drift_at_s=12),
        )
    )


@cache
def known() -> tuple[Settings, ReferenceBook]:
    chosen = settings(models__top_segments=2, models__shard_signals=4)
    return chosen, ReferenceBook([world.profile(chosen.models) for world in WORLDS])


def told_by(sources: int, partitions: int, size: int) -> Cluster:
    chosen, book = known()
    cluster = fed(Cluster(chosen, book, sources, partitions), spread(log(), sources), size)
    cluster.read_all()
    assert cluster.late == 0
    return cluster


@cache
def expected() -> Cluster:
    return told_by(sources=1, partitions=1, size=10_000)


def placeless(verdict: Verdict) -> Verdict:
    """Without source partitions and offsets, which say how the log was laid out."""
    signals = tuple(
        one
        if one.onset is None
        else msgspec.structs.replace(
            one, onset=msgspec.structs.replace(one.onset, partition=-1, offset=-1)
        )
        for one in verdict.signals
    )
    return msgspec.structs.replace(verdict, offsets={}, signals=signals)


def placeless_alert(alert: Alert) -> bytes:
    def onset(one: object) -> object:
        return msgspec.structs.replace(one, partition=-1, offset=-1)  # type: ignore[type-var]  # an Onset

    return ALERT.encode(
        msgspec.structs.replace(
            alert,
            offsets={},
            onset=onset(alert.onset),
            signals=tuple(
                msgspec.structs.replace(one, onset=onset(one.onset)) for one in alert.signals
            ),
        )
    )


def test_the_log_has_what_it_takes() -> None:
    found = [VERDICT.decode(raw) for raw in answers(expected().verdicts).values()]
    assert {one.segment for one in found} == {"*", "EWR", "JFK", "other"}
    assert {one.shards for one in found if one.version == "1"} == {3}
    assert {alert.model for alert in expected().alerts()} == {"late", "fraud"}


@pytest.mark.parametrize("partitions", [1, 3, 8])
def test_the_number_of_columns_partitions_changes_nothing(partitions: int) -> None:
    cluster = told_by(sources=1, partitions=partitions, size=64)
    assert answers(cluster.verdicts) == answers(expected().verdicts)
    assert cluster.alerts() == expected().alerts()
    with_rows = [any(columns.decode(raw).rows for raw in part) for part in cluster.columns]
    assert sum(with_rows) > partitions / 2


def test_a_scan_gives_the_alerts_of_the_service() -> None:
    chosen, book = known()
    pipeline = Pipeline(chosen, book)
    first, last = pipeline.feed(records(log())), pipeline.close()
    verdicts = [*first.verdicts, *last.verdicts]
    assert {VERDICT.encode(one) for one in verdicts} == set(answers(expected().verdicts).values())
    by_id = {ALERT.encode(one) for one in [*first.alerts, *last.alerts]}
    assert by_id == {ALERT.encode(one) for one in expected().alerts()}


@pytest.mark.parametrize(
    ("sources", "partitions", "size"), [(2, 1, 100), (4, 3, 7), (4, 8, 10_000)]
)
def test_the_number_of_source_partitions_changes_nothing_but_places(
    sources: int, partitions: int, size: int
) -> None:
    cluster = told_by(sources, partitions, size)
    mine, theirs = answers(cluster.verdicts), answers(expected().verdicts)
    assert mine.keys() == theirs.keys()
    for key, raw in mine.items():
        assert placeless(VERDICT.decode(raw)) == placeless(VERDICT.decode(theirs[key])), key
    assert [placeless_alert(one) for one in cluster.alerts()] == [
        placeless_alert(one) for one in expected().alerts()
    ]


@cache
def short_log() -> tuple[Event, ...]:
    return tuple(merged(WORLDS[1].events(16, drift_at_s=9), WORLDS[2].events(16)))


@given(data=st.data())
@hypothesis_settings(deadline=None, max_examples=8)
def test_the_interleaving_of_source_partitions_changes_nothing(data: st.DataObject) -> None:
    chosen, book = settings(), known()[1]
    found = []
    for at_random in (False, True):
        cluster = Cluster(chosen, book, sources=3, partitions=2)
        waiting = spread(short_log(), 3)
        while any(waiting):
            left = [at for at, entries in enumerate(waiting) if entries]
            source = data.draw(st.sampled_from(left)) if at_random else left[0]
            size = data.draw(st.integers(10, 150)) if at_random else 40
            cluster.ingest(source, waiting[source][:size])
            waiting[source] = waiting[source][size:]
        cluster.close()
        cluster.read_all()
        found.append((answers(cluster.verdicts), cluster.alerts()))
    assert found[0] == found[1]
