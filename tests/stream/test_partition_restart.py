"""Owners come and go: a partition's verdicts are those of an owner that never stopped."""

from __future__ import annotations

import re
from functools import cache

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from driftlog.records import VERDICT
from stream import columns
from stream.book import ReferenceBook
from stream.sealed import seal
from tests.stream.event_log import LogEntry, World, batches, merged, settings, spread
from tests.stream.memory_worker import Cluster, Owner, answers

Operation = tuple[str, int]


def with_a_pause(learned: bool) -> Cluster:
    """A log of two partitions, the second of which is silent, and told to be, for a while.

    It comes back behind the first, so that what it was told to be must not be believed again.
    """
    chosen = settings(models__segments=["JFK"], models__learn_rows=100)
    world = World("late", "1", rate=14)
    book = ReferenceBook() if learned else ReferenceBook([world.profile(chosen.models)])
    cluster = Cluster(chosen, book, sources=2, partitions=1)
    owner = cluster.owner(0)
    first, second = spread(merged(world.events(36, drift_at_s=20)), 2)
    second = [
        LogEntry(1, at, entry.value, entry.timestamp)
        for at, entry in enumerate(e for e in second if not 10_000 <= e.timestamp < 17_000)
    ]
    early = [entry for entry in second if entry.timestamp < 10_000]
    late = second[len(early) :]

    def take(source: int, entries: list[LogEntry]) -> None:
        for batch in batches(entries, 9):
            cluster.ingest(source, batch)
            owner.read()

    take(0, [entry for entry in first if entry.timestamp < 8_000])
    take(1, early)
    for entry in batches([e for e in first if 8_000 <= e.timestamp < 18_000], 9):
        cluster.ingest(0, entry)
        cluster.heartbeat(1, len(early) - 1, idle=True)
        owner.read()
    rest = [entry for entry in first if entry.timestamp >= 18_000]
    take(1, late[:9])
    take(0, rest[: len(rest) // 2])  # far ahead of the second, which is awake again
    take(1, late[9:])
    take(0, rest[len(rest) // 2 :])
    cluster.close()
    owner.read()
    assert not owner.fold.counts["late_idle"]
    return cluster


@cache
def undisturbed(learned: bool) -> Cluster:
    return with_a_pause(learned)


def disturbed(whole: Cluster, plan: list[Operation]) -> Cluster:
    """Read the same columns with mishaps, at last to the end."""
    cluster = Cluster(whole.settings, whole.book, whole.sources, 1)
    cluster.columns = whole.columns
    stored: dict[bytes, bytes] = {}
    owner, zombies = cluster.owner(0, stored), list[Owner]()
    for operation, amount in plan:
        if operation == "read":
            owner.read(owner.at + amount)
        elif operation == "checkpoint":
            stored = owner.checkpoint()
        elif operation in ("kill", "zombie"):
            if operation == "zombie":
                zombies.append(owner)
            owner = cluster.owner(0, stored)
            owner.at = max(0, owner.at - amount)  # the commit lies before what the state asks for
        elif operation == "zombie reads" and zombies:
            zombies[-1].read(zombies[-1].at + amount)
        elif operation == "zombie stores" and zombies:
            stored = stored | zombies.pop().checkpoint()
            owner = cluster.owner(0, stored)
    owner.read()
    return cluster


operations = st.one_of(
    st.tuples(st.just("read"), st.integers(1, 60)),
    st.tuples(st.sampled_from(["checkpoint", "zombie stores"]), st.just(0)),
    st.tuples(st.sampled_from(["kill", "zombie", "zombie reads"]), st.integers(0, 40)),
)


@pytest.mark.parametrize("learned", [False, True])
@given(plan=st.lists(operations, min_size=4, max_size=25))
@hypothesis_settings(deadline=None, max_examples=12)
def test_any_restarts_give_the_verdicts_of_an_owner_that_never_stopped(
    learned: bool, plan: list[Operation]
) -> None:
    whole = undisturbed(learned)
    again = disturbed(whole, plan)
    assert answers(again.verdicts) == answers(whole.verdicts)
    assert again.references == whole.references
    assert again.alerts() == whole.alerts()


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("every", [5, 17, 40])
def test_a_checkpoint_and_a_kill_again_and_again(learned: bool, every: int) -> None:
    whole = undisturbed(learned)
    plan = [("read", every), ("checkpoint", 0), ("read", 3), ("kill", 0)]
    again = disturbed(whole, plan * (len(whole.columns[0]) // every))
    assert answers(again.verdicts) == answers(whole.verdicts)
    assert again.references == whole.references


def test_a_silence_told_before_the_restart_closes_no_pane_after_it() -> None:
    whole = undisturbed(False)
    log = whole.columns[0]
    chunks = [columns.decode(raw) for raw in log]
    last_idle = max(at for at, chunk in enumerate(chunks) if chunk.idle)
    again = Cluster(whole.settings, whole.book, whole.sources, 1)
    again.columns = whole.columns
    first = again.owner(0)
    first.read(last_idle + 30)  # the silent one has spoken since, and lags
    second = again.owner(0, first.checkpoint())
    second.at = 0
    closed = second.fold.closed_through_ms
    second.read(last_idle + 30)
    assert second.fold.closed_through_ms == closed
    assert second.fold.open_rows == first.fold.open_rows > 0
    second.read()
    assert answers(again.verdicts) == answers(whole.verdicts)


def test_a_damaged_state_starts_afresh_and_is_counted() -> None:
    whole = undisturbed(False)
    again = Cluster(whole.settings, whole.book, whole.sources, 1)
    again.columns = whole.columns
    first = again.owner(0)
    first.read(len(whole.columns[0]) // 2)
    stored = first.checkpoint()
    key = b"late@1/JFK#0"
    stored[key] = stored[key][:-20] + bytes(20)
    second = again.owner(0, stored)
    second.read()
    assert second.fold.counts["state_discarded"] == 1
    closed = first.fold.closed_through_ms
    fresh = [
        VERDICT.decode(output.value)
        for output in again.verdicts
        if output.key == key and VERDICT.decode(output.value).pane_end_ms > closed
    ]
    assert {signal.state for signal in fresh[0].signals} == {"insufficient"}
    assert answers_of_others(again, key) == answers_of_others(whole, key)


def part_way() -> tuple[Cluster, Cluster, dict[bytes, bytes], int]:
    """A log, its undisturbed reading, and what is stored at its half, closed up to a time."""
    whole = undisturbed(False)
    again = Cluster(whole.settings, whole.book, whole.sources, 1)
    again.columns = whole.columns
    first = again.owner(0)
    first.read(len(whole.columns[0]) // 2)
    return whole, again, first.checkpoint(), first.fold.position


@pytest.mark.parametrize(
    "damaged",
    [b"", b"\x80\x04N.", b"noise" * 50, seal("columns partition", 99, b""), seal("series", 5, b"")],
)
def test_of_a_damaged_record_of_the_partition_all_series_live(damaged: bytes) -> None:
    whole, again, stored, commit = part_way()
    stored[b"\0partition 0"] = damaged
    second = again.owner(0, stored)
    assert second.fold.position == -1, "reading goes on from the commit"
    assert second.fold.counts["state_discarded"] == 1
    assert "begins afresh" in second.fold.news[0]
    second.at = commit
    second.read()
    assert answers(again.verdicts) == answers(whole.verdicts)
    assert second.checkpoint()[b"\0partition 0"] != damaged


def test_with_all_state_lost_no_pane_is_judged_by_a_part_of_its_rows() -> None:
    whole, again, stored, commit = part_way()
    second = again.owner(0, dict.fromkeys(stored, b"noise"))
    second.at = commit
    second.read()
    rows = {key: VERDICT.decode(raw).rows for key, raw in answers(whole.verdicts).items()}
    told = {key: VERDICT.decode(raw).rows for key, raw in answers(again.verdicts).items()}
    assert told.items() <= rows.items()
    assert max(end for _, end in told) == max(end for _, end in rows)


def test_records_under_keys_that_are_none_are_said_and_deleted() -> None:
    whole, again, stored, _ = part_way()
    strange = [b"\xff\xfe", b"\0learn/late@2", b"\0learn/late@2#x", b"\0partition 7"]
    second = again.owner(0, stored | dict.fromkeys(strange, b"something"))
    assert second.fold.counts["state_discarded"] == len(strange)
    second.read()
    assert answers(again.verdicts) == answers(whole.verdicts)
    assert not second.checkpoint().keys() & set(strange)


@pytest.mark.parametrize("how", ["cut short", "of a later version", "of another series", "noise"])
def test_a_series_whose_state_is_no_state_of_its_own_starts_afresh(how: str) -> None:
    whole, again, stored, _ = part_way()
    key = b"late@1/JFK#0"
    stored[key] = {
        "cut short": stored[key][:100],
        "of a later version": later_version(stored[key]),
        "of another series": stored[b"late@1/*#0"],
        "noise": bytes(range(256)),
    }[how]
    second = again.owner(0, stored)
    second.read()
    assert second.fold.counts["state_discarded"] == 1
    assert len(second.fold.news) == 1
    assert answers_of_others(again, key) == answers_of_others(whole, key)


def later_version(raw: bytes) -> bytes:
    (version,) = re.findall(rb"series (\d+)", raw)
    return raw.replace(b"series %s" % version, b"series %d" % (int(version) + 1))


def answers_of_others(cluster: Cluster, key: bytes) -> dict[tuple[str, int], bytes]:
    return answers(output for output in cluster.verdicts if output.key != key)


def test_a_state_of_another_configuration_starts_afresh_and_is_counted() -> None:
    whole = undisturbed(False)
    first = whole.owner(0)
    first.read(len(whole.columns[0]) // 2)
    stored = first.checkpoint()
    changed = settings(models__segments=["JFK"], detection__min_effect_psi=0.2)
    again = Cluster(changed, whole.book, whole.sources, 1)
    again.columns = whole.columns
    second = again.owner(0, stored)
    second.read()
    assert second.fold.counts["state_discarded"] == 3  # all rows, JFK, other
    assert all(
        VERDICT.decode(raw).pane_end_ms > first.fold.closed_through_ms
        for raw in answers(again.verdicts).values()
    )


@pytest.mark.parametrize("restart_s", [8, 9, 10, 11, 12, 13])
def test_series_beyond_the_limit_are_the_same_ones_after_a_restart(restart_s: int) -> None:
    few = settings(models__segments=["JFK", "EWR", "LGA"], stream__max_series=3)
    world = World("late", "1", rate=3)  # a pane often lacks a segment that others then could take
    book = ReferenceBook([World("late", "1").profile(few.models)])
    plain, again = (Cluster(few, book, 1, 1) for _ in range(2))
    for one in (plain, again):
        for batch in batches(spread(world.events(25), 1)[0], 3):
            one.ingest(0, batch)
        one.close()
    plain.read_all()
    first = again.owner(0)
    while first.fold.closed_through_ms < restart_s * 1_000:
        first.read(first.at + 1)
    second = again.owner(0, first.checkpoint())
    second.read()
    assert answers(again.verdicts) == answers(plain.verdicts)
    assert second.fold.counts["over_max_series"] > 0


def test_bytes_that_are_no_chunk_are_counted_and_passed_over() -> None:
    whole = undisturbed(False)
    again = Cluster(whole.settings, whole.book, whole.sources, 1)
    again.columns = [[b"", b"not arrow", *whole.columns[0]]]
    owner = again.owner(0)
    owner.read()
    assert owner.fold.counts["damaged"] == 2
    assert answers(again.verdicts) == answers(whole.verdicts)
