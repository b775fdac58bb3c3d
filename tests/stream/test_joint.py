"""The joint signal, from reference to alert: inputs that no longer go together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from driftlog.records import (
    JOINT_SIGNAL,
    REFERENCE,
    VERDICT,
    Alert,
    Event,
    ReferenceProfile,
    SignalState,
    Verdict,
    input_signal,
)
from driftlog.settings import ModelSettings, Settings
from stream.book import ReferenceBook
from stream.cells import Schema
from stream.joint import without_joint
from stream.judging import Judging
from stream.preparation import Prepared
from stream.profile import profile_of_events
from stream.rehearsal import Rehearsal
from stream.routing import shards_of
from stream.rows import MISSING, CategoryColumn, Rows
from tests.stream.event_log import World, settings

FloatArray = NDArray[np.float64]
Change = Callable[[dict[str, FloatArray]], None]

PANE_ROWS = 200


def inputs(count: int, seed: int) -> dict[str, FloatArray]:
    """Airtime follows distance; temperature and wind follow nothing."""
    rng = np.random.default_rng(seed)
    distance = np.exp(rng.normal(6.5, 0.6, count))
    return {
        "airtime": distance / 8 + rng.normal(0, 12, count),
        "distance": distance,
        "temp": rng.normal(15, 8, count),
        "wind": rng.exponential(10, count),
    }


def profile(count: int = 6_000, **more: NDArray[np.float64]) -> ReferenceProfile:
    columns = inputs(count, 1) | more
    events = [
        Event(
            event_id=f"e{i}",
            correlation_id=f"e{i}",
            ts_ms=i * 50,
            model="late",
            version="1",
            inputs=dict(zip(columns, row, strict=True)),
        )
        for i, row in enumerate(zip(*(c.tolist() for c in columns.values()), strict=True))
    ]
    return profile_of_events(
        events, model="late", version="1", origin="file", models=ModelSettings(), source=""
    )


@cache
def usual() -> ReferenceProfile:
    return profile()


SETTINGS = Settings()


def prepared(rehearsal: Rehearsal, change: Change, panes: int = 60, at: int = 20) -> Prepared:
    """Quiet rows, and changed ones from a pane on."""
    columns = inputs(panes * PANE_ROWS, 2)
    late = {name: values[at * PANE_ROWS :] for name, values in columns.items()}
    change(late)
    for name, values in late.items():
        columns[name] = np.concatenate([columns[name][: at * PANE_ROWS], values])
    columns["error"] = np.zeros(panes * PANE_ROWS)
    return rehearsal.preparation.of_columns(panes * PANE_ROWS, columns, {})


def told(change: Change, chosen: Settings = SETTINGS) -> list[Alert]:
    rehearsal = Rehearsal(usual(), chosen)
    rows = prepared(rehearsal, change)
    return [alert for pane in rehearsal.run(rows, PANE_ROWS) for alert in pane.alerts]


def broken(late: dict[str, FloatArray]) -> None:
    """Each input has the values it always had, in another order."""
    np.random.default_rng(3).shuffle(late["airtime"])


def unchanged(_: dict[str, FloatArray]) -> None:
    pass


# -- the reference ----------------------------------------------------------------------------


def test_a_reference_whose_inputs_go_together_has_a_joint_signal_at_its_end() -> None:
    joint = usual().signals[-1]
    assert (joint.signal, joint.role, joint.weight) == ("joint", "joint", 0.0)
    assert joint.joint is not None
    assert joint.joint.inputs == ("airtime", "distance")
    assert joint.joint.correlation[0] == pytest.approx(0.97, abs=0.03)
    assert joint.missing == 0.0 and joint.rows == 6_000
    assert all(one.joint is None for one in usual().signals[:-1])
    assert REFERENCE.decode(REFERENCE.encode(usual())) == usual()


def test_a_reference_whose_inputs_have_nothing_to_do_with_each_other_has_none() -> None:
    found = World().profile(ModelSettings())
    assert all(one.joint is None for one in found.signals)
    assert b"joint" not in REFERENCE.encode(found)


def test_an_input_called_joint_keeps_its_name_to_itself() -> None:
    assert input_signal("joint") == "input.joint"
    found = profile(joint=np.random.default_rng(5).normal(size=6_000))
    names = [one.signal for one in found.signals]
    assert "input.joint" in names and names[-1] == JOINT_SIGNAL
    assert "joint" in Schema(found).input_names


def test_decoding_asks_for_no_column_of_that_name() -> None:
    assert "joint" not in Schema(usual()).input_names
    assert "joint" not in Schema(usual()).answers


def test_flags_and_categories_go_together_too() -> None:
    rng = np.random.default_rng(1)
    carrier = rng.choice(["UA", "AA", "DL"], 4_000, p=[0.6, 0.3, 0.1])
    late = (carrier == "DL") ^ (rng.random(4_000) < 0.03)
    events = [
        Event(
            event_id=f"e{i}",
            correlation_id=f"e{i}",
            ts_ms=i,
            model="m",
            version="1",
            inputs={"carrier": str(carrier[i]), "flag": bool(late[i])},
        )
        for i in range(4_000)
    ]
    found = profile_of_events(events, model="m", version="1", origin="file", models=ModelSettings())
    assert found.signals[-1].joint is not None
    assert found.signals[-1].joint.inputs == ("carrier", "flag")


# -- what is told -----------------------------------------------------------------------------


def test_inputs_that_no_longer_go_together_are_told_with_their_correlation() -> None:
    alerts = told(broken)
    assert alerts[0].signals[0].signal == "joint"
    assert [one.signal for one in alerts[0].signals] == ["joint"]
    assert alerts[0].title.startswith(
        "airtime and distance no longer go together as usual (correlation 0.9"
    )
    pairs = alerts[0].signals[0].correlations
    assert pairs[0].inputs == ("airtime", "distance")
    assert abs(pairs[0].after) < 0.1 < 0.9 < pairs[0].before
    assert sum(one.part for one in pairs) == pytest.approx(1.0)
    assert abs(alerts[0].onset.offset - 20 * PANE_ROWS) < 40
    assert alerts[0].because.drift_share == 0.0  # its weight is 0: no input has drifted


def test_quiet_rows_are_quiet_and_tell_no_pair() -> None:
    rehearsal = Rehearsal(usual(), SETTINGS)
    for pane in rehearsal.run(prepared(rehearsal, unchanged), PANE_ROWS):
        assert not pane.alerts
        assert all(not one.correlations for one in pane.verdicts[0].signals)


@pytest.mark.parametrize("shift", [0.3, 0.5, 1.0, 3.0])
def test_a_shift_of_one_input_is_told_as_that_input(shift: float) -> None:
    # Its partner stands still, so the two no longer go together either; but that is no news.
    def moved(late: dict[str, FloatArray]) -> None:
        late["airtime"] += shift * 85

    alerts = told(moved)
    assert alerts
    for alert in alerts:
        assert alert.title.startswith("airtime up")
        assert "go together" not in alert.title
        assert alert.signals[0].signal == "airtime"


def test_it_can_be_switched_off() -> None:
    off = msgspec.structs.replace(
        SETTINGS, detection=msgspec.structs.replace(SETTINGS.detection, joint=False)
    )
    assert told(broken, off) == []
    book = ReferenceBook([usual()])
    assert Judging(SETTINGS, book).in_effect("late", "1", 0) == usual()
    without = Judging(off, book).in_effect("late", "1", 0)
    assert without == without_joint(usual())
    assert without is not None and without.reference_id == usual().reference_id


def test_the_other_signals_are_judged_as_without_it_but_for_their_share_of_the_budget() -> None:
    whole, part = Rehearsal(usual(), SETTINGS), Rehearsal(without_joint(usual()), SETTINGS)
    a, b = prepared(whole, unchanged, panes=5), prepared(part, unchanged, panes=5)
    assert np.array_equal(a.z[:-1], b.z)
    assert np.array_equal(a.bins[:-1], b.bins)
    assert np.array_equal(a.plain[:-1], b.plain)


def test_columns_that_vanish_are_told_as_such() -> None:
    def vanished(late: dict[str, FloatArray]) -> None:
        late["airtime"][:] = np.nan

    alerts = told(vanished)
    assert alerts[0].title.startswith("airtime missing in 0% → 100% of rows")


# -- state, shards and columns ----------------------------------------------------------------


def _steps(rehearsal: Rehearsal, rows: Prepared) -> Iterator[list[Verdict]]:
    for pane in rehearsal.run(rows, PANE_ROWS):
        yield list(pane.verdicts)


def test_a_restart_while_it_drifts_changes_nothing() -> None:
    whole = Rehearsal(usual(), SETTINGS)
    rows = prepared(whole, broken, panes=32)
    expected = [VERDICT.encode(one) for verdicts in _steps(whole, rows) for one in verdicts]
    assert any(b'"correlations"' in one for one in expected)
    judging = Judging(SETTINGS, ReferenceBook([usual()]), partitions=1)
    (shard,) = judging.shards(usual(), 0)
    source = Rehearsal(usual(), SETTINGS)
    found, stored = [], None
    for pane in range(32):
        state = judging.fresh(shard, usual())
        if stored is not None:
            state.restore(stored)
        cut = slice(pane * PANE_ROWS, (pane + 1) * PANE_ROWS)
        one = Prepared(rows.z[:, cut], rows.bins[:, cut], rows.plain[:, cut])
        start = pane * SETTINGS.stream.pane
        shaped = source._as_rows(PANE_ROWS, start, SETTINGS.stream.pane)
        found.append(VERDICT.encode(state.step(start, shaped, one, None)))
        source._rows += PANE_ROWS
        stored = state.dump()
    assert found == expected


def _rows(columns: dict[str, FloatArray]) -> Rows:
    count = len(columns["temp"])
    return Rows(
        model="late",
        version="1",
        ts_ms=np.arange(count, dtype=np.int64),
        key=np.arange(count, dtype=np.uint64),
        partition=np.zeros(count, dtype=np.int32),
        offset=np.arange(count, dtype=np.int64),
        correlation_id=[""] * count,
        segment=CategoryColumn((), np.full(count, MISSING, dtype=np.int32)),
        numbers=dict(columns),
        categories={},
    )


def test_its_shard_gets_the_columns_of_all_its_inputs() -> None:
    chosen = settings(models__shard_signals=1)
    judging = Judging(chosen, ReferenceBook([usual()]), partitions=64)
    rows = _rows(inputs(50, 3))
    whole = judging.prepare(usual(), rows)
    place = len(usual().signals) - 1
    homes = [
        at
        for at, shards in shards_of(usual(), chosen.models, 64).items()
        if any(JOINT_SIGNAL in shard.signals for shard in shards)
    ]
    routed = dict(judging.route(rows, usual()))
    for at in homes:
        assert {"airtime", "distance"} <= set(routed[at].numbers)
        assert "temp" not in routed[at].numbers
        there = judging.prepare(usual(), routed[at])
        assert np.array_equal(there.z[place], whole.z[place])
    assert len(homes) == 1


def test_segments_have_a_joint_signal_each() -> None:
    chosen = settings(models__segments=["JFK"], models__shard_signals=100)
    judging = Judging(chosen, ReferenceBook([usual()]), partitions=1)
    rows = _rows(inputs(300, 3))
    shards = judging.shards(usual(), 0)
    whole = judging.prepare(usual(), rows)
    for shard in shards:
        verdict = judging.fresh(shard, usual()).step(0, rows, whole, np.arange(100))
        assert verdict.signals[-1].signal == JOINT_SIGNAL
        assert verdict.signals[-1].state in (SignalState.OK, SignalState.INSUFFICIENT)
