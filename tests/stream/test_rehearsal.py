"""A rehearsal tells what the service would have told of the same rows."""

from __future__ import annotations

from typing import TypeVar

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st

from driftlog.records import (
    EVENT,
    Alert,
    AlertStatus,
    Event,
    ReferenceProfile,
    SignalState,
    Verdict,
)
from driftlog.settings import ModelSettings, Settings, load_settings
from stream.book import ReferenceBook
from stream.pipeline import Pipeline
from stream.profile import profile_of_events
from stream.rehearsal import Rehearsal, Tally, resampled
from stream.sample import sample_of_events
from tests.stream.event_log import LogEntry

Told = TypeVar("Told", Verdict, Alert)

PANE_MS, PANE_ROWS, PANES = 1_000, 40, 30


def events(count: int, seed: int, drift_from: int | None = None) -> list[Event]:
    """A number with nulls, a flag and a category; evenly spaced, without ties."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(count):
        shift = 2.0 if drift_from is not None and i >= drift_from else 0.0
        made.append(
            Event(
                event_id=f"e{i}",
                correlation_id=f"req-{i}",
                ts_ms=i * PANE_MS // PANE_ROWS,
                model="late",
                version="1",
                inputs={
                    "distance": None if rng.random() < 0.05 else float(rng.normal() + shift),
                    "night": bool(rng.random() < 0.3),
                    "carrier": str(rng.choice(["UA", "AA", "B6"])),
                },
            )
        )
    return made


def small_settings() -> Settings:
    overrides = {
        "stream.pane": "1s",
        "stream.window_panes": 10,
        "detection.min_rows": 30,
        "detection.alarm_budget": 100.0,
    }
    return load_settings(environ={}, overrides=overrides)


@pytest.fixture(scope="module")
def profile() -> ReferenceProfile:
    return profile_of_events(
        events(2_000, seed=1), model="late", version="1", origin="file", models=ModelSettings()
    )


def without_ids(record: Told) -> Told:
    """The same but for correlation ids, which arrays have none of."""
    return msgspec.structs.replace(
        record,
        samples_before=("",) * len(record.samples_before),
        samples_after=("",) * len(record.samples_after),
    )


def test_verdicts_and_alerts_are_those_of_the_pipeline(profile: ReferenceProfile) -> None:
    settings = small_settings()
    log = events(PANES * PANE_ROWS, seed=2, drift_from=PANES * PANE_ROWS // 2)

    pipeline = Pipeline(settings, ReferenceBook([profile]))
    told = pipeline.feed([LogEntry(0, i, EVENT.encode(one)) for i, one in enumerate(log)])
    closed = pipeline.close()
    verdicts, alerts = told.verdicts + closed.verdicts, told.alerts + closed.alerts

    rehearsal = Rehearsal(profile, settings)
    sample = sample_of_events(log, profile, settings.models)
    rows = sample.prepared(rehearsal.preparation, np.arange(len(sample)))
    panes = list(rehearsal.run(rows, PANE_ROWS))

    assert [v for pane in panes for v in pane.verdicts] == [without_ids(v) for v in verdicts]
    assert [a for pane in panes for a in pane.alerts] == [without_ids(a) for a in alerts]
    assert any(alert.status is AlertStatus.FIRING for alert in alerts)


def test_alarms_that_come_back_within_a_window_are_one(profile: ReferenceProfile) -> None:
    settings = small_settings()
    rehearsal = Rehearsal(profile, settings)
    log = events(PANES * PANE_ROWS, seed=2, drift_from=PANES * PANE_ROWS // 2)
    sample = sample_of_events(log, profile, settings.models)
    tally = Tally([one.signal for one in profile.signals], settings.stream.window_panes)
    states = []
    for pane in rehearsal.run(
        sample.prepared(rehearsal.preparation, np.arange(len(sample))), PANE_ROWS
    ):
        tally.take(pane)
        states.append(pane.verdicts[0].signals[1].state)
    assert SignalState.DRIFT in states
    assert tally.incidents == 1
    quiet = {name: count for name, count in tally.by_signal.items() if name != "distance"}
    assert set(quiet.values()) == {0}
    assert tally.by_signal["distance"] == sum(tally.alarms.values())
    assert set(tally.alarms.values()) == {1}
    assert (tally.panes, tally.rows) == (PANES, PANES * PANE_ROWS)


@run(deadline=None)
@given(st.integers(1, 500), st.integers(0, 800), st.integers(1, 300), st.integers(0, 2**32))
def test_resampled_rows_stay_together_in_blocks(
    available: int, wanted: int, block: int, seed: int
) -> None:
    picks = resampled(available, wanted, block, np.random.default_rng(seed))
    assert len(picks) == wanted
    assert ((picks >= 0) & (picks < available)).all()
    length = min(block, available)
    for start in range(0, wanted, length):
        assert (np.diff(picks[start : start + length]) == 1).all()
