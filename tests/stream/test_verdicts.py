"""A partition of verdicts: the same alerts in whatever order, pieces and lives it is read."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import hypothesis
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.errors import StateError
from driftlog.records import ALERT, AlertStatus
from driftlog.settings import Settings
from stream.sealed import seal
from stream.verdicts import VerdictsPartition
from stream.waiting import Waiting
from tests.stream.verdict_factory import (
    DRIFT,
    OK,
    PANE,
    settings,
    states,
)
from tests.stream.verdict_story import COLUMNS, Record, log, marker, said, story

UNTIMED = hypothesis.settings(deadline=None, max_examples=15)
CHOSEN = settings(resolve_panes=4, cool_down_panes=3, group_panes=5)


def partition(chosen: Settings = CHOSEN) -> VerdictsPartition:
    return VerdictsPartition(0, chosen, COLUMNS, "conf")


def read(fold: VerdictsPartition, records: Sequence[Record]) -> list[bytes]:
    alerts = []
    for record in records:
        fold.absorb_record(record.key, record.value)
        alerts += [output.value for output in fold.advance()]
    return alerts


def by_model(alerts: Sequence[bytes]) -> list[tuple[str, bytes]]:
    """Alerts of a pane come in order of the models; whole runs compare as they are."""
    return [(ALERT.decode(raw).model, raw) for raw in alerts]


@UNTIMED
@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_whatever_the_order_and_the_batches_the_alerts_are_the_same_bytes(
    seed: int, other: int
) -> None:
    verdicts = story(Random(seed))
    one = read(partition(), log(verdicts, Random(seed)))
    assert by_model(read(partition(), log(verdicts, Random(other)))) == by_model(one)


@UNTIMED
@given(st.integers(0, 2**32))
def test_incidents_open_once_and_end_once_in_rising_order(seed: int) -> None:
    alerts = [ALERT.decode(raw) for raw in read(partition(), log(story(Random(seed)), Random(0)))]
    for alert_id in {a.alert_id for a in alerts}:
        life = [a for a in alerts if a.alert_id == alert_id]
        assert life[0].status is AlertStatus.FIRING
        assert all(a.status is AlertStatus.UPDATED for a in life[1:-1])
        assert len(life) == 1 or life[-1].status is not AlertStatus.FIRING
        ends = [a.pane_end_ms for a in life]
        assert ends == sorted(set(ends))
        assert len({a.opened_ms for a in life}) == 1
        ranks = [a.severity.rank for a in life]
        assert ranks == sorted(ranks)


@UNTIMED
@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_from_any_snapshot_a_new_owner_goes_on_with_the_same_alerts(seed: int, other: int) -> None:
    """It reads again from the first record whose pane was not applied, as the runner does."""
    chance = Random(other)
    records = log(story(Random(seed)), Random(seed))
    expected = read(partition(), records)
    fold, stored = partition(), dict[bytes, bytes]()
    told: list[bytes] = []
    at = start = lives = 0
    waits: dict[int, int] = {}  # offset -> pane end waited for
    while at < len(records):
        record = records[at]
        waits[at] = fold.absorb_record(record.key, record.value)
        told += [output.value for output in fold.advance()]
        at += 1
        if chance.random() < 0.02:
            for key, value in fold.snapshot().items():
                assert value is not None
                stored[key] = value
            start = next((o for o in sorted(waits) if waits[o] > fold.through_ms), at)
            kept = len(told)
        if stored and lives < 5 and chance.random() < 0.02:
            lives += 1
            fold = partition()
            fold.restore(stored)
            del told[kept:]  # told again, the same: at least once
            at, waits = start, {}
    assert told == expected


@UNTIMED
@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_what_is_read_twice_is_told_once(seed: int, other: int) -> None:
    records = log(story(Random(seed)), Random(seed))
    chance, again = Random(other), list[Record]()
    for at, record in enumerate(records):
        again.append(record)
        if chance.random() < 0.05:
            again += records[max(0, at - chance.randrange(60)) : at + 1]
    fold = partition()
    assert read(fold, again) == read(partition(), records)
    assert fold.counts["conflicting_verdicts"] == 0


def test_a_checkpoint_cut_between_model_and_partition_tells_nothing_twice() -> None:
    """The models are ahead of the partition's record: their panes come again, and are known."""
    records = log(story(Random(1)), Random(1))
    fold = partition()
    half = len(records) // 2
    before = read(fold, records[:half])
    snapshot = {key: value for key, value in fold.snapshot().items() if value is not None}
    del snapshot[fold.record_key]
    resumed = partition()
    resumed.restore(snapshot)
    assert before + read(resumed, records) == read(partition(), records)


def test_no_pane_is_applied_before_every_partition_of_columns_has_closed_it() -> None:
    fold = partition()
    drifted = said(states(0, {"x": DRIFT}))
    assert read(fold, [drifted, marker(0, 1), marker(1, 1)]) == []
    assert fold.oldest_waiting_ms == PANE
    assert len(read(fold, [marker(2, 1)])) == 1
    assert fold.through_ms == PANE


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_answers_for_one_question_the_same_one_counts_in_any_order(turned: bool) -> None:
    fuller = msgspec.structs.replace(states(0, {"x": DRIFT}), rows=21)
    two = [said(fuller), said(states(0, {"x": OK}))]
    fold = partition()
    alerts = read(fold, [*(reversed(two) if turned else two), *(marker(n, 1) for n in range(3))])
    assert fold.counts["conflicting_verdicts"] == 1
    expected = read(partition(), [two[0], *(marker(n, 1) for n in range(3))])
    assert alerts == expected


def test_a_marker_of_a_partition_that_columns_does_not_have_holds_nobody_up() -> None:
    fold = partition()
    read(fold, [marker(7, 1), said(states(0, {"x": DRIFT}))])
    assert len(read(fold, [marker(n, 1) for n in range(3)])) == 1
    assert fold.counts["foreign_markers"] == 1


def test_what_is_no_record_of_ours_is_counted_and_passed_over() -> None:
    fold = partition()
    for key, value in [(b"a", b"{}"), (b"marker 0", b"?"), (b"", b""), (b"marker x", b"[1]")]:
        assert fold.absorb_record(key, value) == 0
    assert fold.counts["damaged"] == 4


def test_a_model_may_have_any_name() -> None:
    for name in ("marker 1", "\0partition 0", "model late", "", "a#b@c/*"):
        fold = partition()
        named = states(0, {"x": DRIFT}, model=name)
        assert len(read(fold, [said(named), *(marker(n, 1) for n in range(3))])) == 1
        resumed = partition()
        resumed.restore({key: value for key, value in fold.snapshot().items() if value})
        assert list(resumed.models) == [name]
        assert resumed.models[name] == fold.models[name]
        assert resumed.counts["state_discarded"] == 0


def stored() -> tuple[dict[bytes, bytes], bytes]:
    fold = partition()
    read(fold, [said(states(0, {"x": DRIFT})), *(marker(n, 1) for n in range(3))])
    found = {key: value for key, value in fold.snapshot().items() if value is not None}
    return found, next(key for key in found if key != fold.record_key)


@given(st.binary(max_size=40), st.integers(0, 200))
def test_a_damaged_model_is_counted_and_the_others_go_on(noise: bytes, cut: int) -> None:
    records, model = stored()
    for damaged in (noise, records[model][: min(cut, len(records[model]) - 1)]):
        fold = partition()
        fold.restore(records | {model: damaged, b"model \xff": damaged})
        assert fold.counts["state_discarded"] == 2
        assert fold.models == {}
        assert fold.through_ms == PANE


def test_a_model_of_a_later_version_is_counted_not_misread() -> None:
    records, model = stored()
    later = seal("incidents", 3, msgspec.msgpack.encode({"model": "late", "open": []}))
    fold = partition()
    fold.restore(records | {model: later})
    assert fold.counts["state_discarded"] == 1
    assert "version 3" in fold.news[0]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        msgspec.msgpack.encode({"v": 1}),
        seal("verdicts partition", 2, msgspec.msgpack.encode([1])),
        seal("verdicts partition", 3, b""),
    ],
)
def test_of_a_damaged_record_of_the_partition_the_models_stay_and_it_is_said(raw: bytes) -> None:
    records, _ = stored()
    fold = partition()
    fold.restore(records | {fold.record_key: raw})
    assert fold.counts["state_discarded"] == 1
    assert fold.news
    assert fold.models.keys() == {"late"}
    assert fold.position == -1, "reading goes on from the commit"
    assert fold.snapshot()[fold.record_key] != raw


def test_only_what_changed_is_stored_again_and_the_record_comes_last() -> None:
    fold = partition()
    read(fold, [said(states(0, {"x": OK})), *(marker(n, 1) for n in range(3))])
    assert list(fold.snapshot())[-1] == fold.record_key
    assert list(fold.snapshot()) == [fold.record_key]


def test_silence_is_told_at_its_time_however_far_a_marker_jumps() -> None:
    drifted = said(states(0, {"x": DRIFT}))
    steps = [marker(n, pane) for pane in range(1, 41) for n in range(3)]
    jump = [marker(n, pane) for pane in (1, 40) for n in range(3)]
    assert read(partition(), [drifted, *steps]) == read(partition(), [drifted, *jump])
    last = ALERT.decode(read(partition(), [drifted, *jump])[-1])
    assert last.pane_end_ms == 11 * PANE


def test_more_verdicts_than_there_is_room_for_end_the_worker_and_name_who_holds_them_up() -> None:
    fold = VerdictsPartition(0, CHOSEN, COLUMNS, "conf", Waiting(most_bytes=3_000))
    with pytest.raises(StateError, match="partition 1, 2 of columns"):
        for pane in range(60):
            for record in (said(states(pane, {"x": OK})), marker(0, pane + 1)):
                fold.absorb_record(record.key, record.value)
    assert 1 < fold.waiting < 60
