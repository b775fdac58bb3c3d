"""What wanders by itself, through the whole path: told when it leaves all it has shown before."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from driftlog.records import Alert, AlertStatus, ReferenceProfile, SignalState
from driftlog.settings import Settings
from stream.judging import Judging
from stream.profile import build_profile
from stream.profiling.cells import Cells
from stream.profiling.cells import Kind as Cell
from stream.profiling.columns import Column, Columns
from stream.rehearsal import Rehearsal
from stream.routing import ALL
from stream.rows import MISSING, CategoryColumn, Rows

REFERENCE = 20_000  # rows, which stand for some twenty independent ones
PANE_ROWS = 150
PHI = 0.998


def wandering(rng: np.random.Generator, rows: int) -> NDArray[np.float64]:
    noise = rng.normal(size=rows + 5_000) * np.sqrt(1 - PHI**2)
    found: NDArray[np.float64] = lfilter([1.0], [1.0, -PHI], noise)[5_000:]
    return 60.0 + 10.0 * found


@cache
def reference() -> ReferenceProfile:
    values = wandering(np.random.default_rng(1), REFERENCE)
    cells = Cells(
        np.full(REFERENCE, Cell.NUMBER, dtype=np.int8),
        values,
        (),
        np.full(REFERENCE, -1, dtype=np.int32),
    )
    order = np.arange(REFERENCE, dtype=np.int64)
    return build_profile(
        Columns(order * 50, (Column("temp", "temp", "input", cells),), {}, order.astype(np.uint64)),
        model="m",
        version="1",
        origin="file",
        models=Settings().models,
    )


def settings(**detection: Any) -> Settings:
    base = Settings()
    return msgspec.structs.replace(
        base, detection=msgspec.structs.replace(base.detection, **detection)
    )


def told(values: NDArray[np.float64], chosen: Settings) -> list[tuple[int, Alert]]:
    """Alerts with the pane that they came at."""
    rehearsal = Rehearsal(reference(), chosen)
    found = []
    for pane in range(len(values) // PANE_ROWS):
        part = values[pane * PANE_ROWS : (pane + 1) * PANE_ROWS]
        prepared = rehearsal.preparation.of_columns(PANE_ROWS, {"temp": part}, {})
        found += [(pane, alert) for alert in rehearsal.step(prepared).alerts]
    return found


def season(rng: np.random.Generator, panes: int, by: float) -> NDArray[np.float64]:
    return wandering(rng, panes * PANE_ROWS) + by


def test_a_gross_lasting_change_of_what_wanders_is_one_incident_and_ends() -> None:
    rng = np.random.default_rng(2)
    usual, summer = season(rng, 90, 0.0), season(rng, 150, 60.0)
    values = np.concatenate((usual, summer, season(rng, 150, 0.0)))
    before = told(values, settings(detectors=("page_hinkley", "spread", "adwin", "psi")))
    assert not before  # six reference deviations, for three windows
    alerts = told(values, settings())
    assert [alert.status for _, alert in alerts].count(AlertStatus.FIRING) == 1
    pane, opened = alerts[0]
    assert 100 <= pane < 180
    (signal,) = opened.signals
    assert "level_shift" in signal.scores and signal.direction == 1
    assert signal.scores["level_shift"].score >= signal.scores["level_shift"].threshold
    # The change is told from the pane on where it began, within what the window shows.
    assert abs(opened.onset.ts_ms / 10_000 - 90) < 30
    assert opened.title.startswith("temp up")
    ended, last = alerts[-1]
    assert last.status is AlertStatus.RESOLVED and ended > 240


def test_what_wanders_as_ever_stays_quiet() -> None:
    assert not told(season(np.random.default_rng(3), 600, 0.0), settings())


def test_a_restart_within_such_a_drift_changes_nothing() -> None:
    """That the bins say nothing, and the drift is the level's, is part of the state."""
    rng = np.random.default_rng(2)
    values = np.concatenate((season(rng, 60, 60.0), season(rng, 120, 0.0)))
    judging = Judging(settings(), partitions=1)
    profile = reference()
    (shard,) = (one for one in judging.shards(profile, 0) if one.segment == ALL)
    preparation = judging.preparation(profile)
    one, other = judging.fresh(shard, profile), judging.fresh(shard, profile)
    states = set()
    for pane in range(180):
        part = values[pane * PANE_ROWS : (pane + 1) * PANE_ROWS]
        prepared = preparation.of_columns(PANE_ROWS, {"temp": part}, {})
        offset = np.arange(pane * PANE_ROWS, (pane + 1) * PANE_ROWS, dtype=np.int64)
        rows = Rows(
            model="m",
            version="1",
            ts_ms=offset * 50,
            key=offset.astype(np.uint64),
            partition=np.zeros(PANE_ROWS, dtype=np.int32),
            offset=offset,
            correlation_id=[""] * PANE_ROWS,
            segment=CategoryColumn((), np.full(PANE_ROWS, MISSING, dtype=np.int32)),
            numbers={"temp": part},
            categories={},
        )
        verdict = one.step(pane * 10_000, rows, prepared, None)
        assert other.step(pane * 10_000, rows, prepared, None) == verdict
        states.add(verdict.signals[0].state)
        again = judging.fresh(shard, profile)
        again.restore(other.dump())
        other = again
    assert {SignalState.INSUFFICIENT, SignalState.DRIFT} <= states
