"""The smallest shift that is told as visible is the one that is seen."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from driftlog.errors import InputError
from driftlog.records import Event, ReferenceProfile, SignalState
from driftlog.settings import DetectionSettings, ModelSettings, Settings
from stream.calibration_check import check_budget
from stream.profile import profile_of_events
from stream.rehearsal import Rehearsal
from stream.sample import Sample, sample_of_events
from stream.sensitivity import Sensitivity, sensitivity
from stream.thresholds import thresholds

RATE = 20.0  # events/s: 200 rows a pane, 12,000 a window
PANE_ROWS = 200


def events(count: int, seed: int, **shifts: float) -> list[Event]:
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(count, 2))
    numbers[:, 1] = np.exp(numbers[:, 1])
    flags = rng.random(count) < 0.2
    return [
        Event(
            event_id=f"e{i}",
            correlation_id="",
            ts_ms=int(i * 1000 / RATE),
            model="m",
            version="1",
            inputs={
                "normal": 3.0 + 10.0 * (float(numbers[i, 0]) + shifts.get("normal", 0.0)),
                "skewed": float(numbers[i, 1]),
                "flag": bool(flags[i]),
            },
        )
        for i in range(count)
    ]


@pytest.fixture(scope="module")
def profile() -> ReferenceProfile:
    return profile_of_events(
        events(20_000, seed=1), model="m", version="1", origin="file", models=ModelSettings()
    )


def seen(profile: ReferenceProfile, **detection: Any) -> Sensitivity:
    settings = Settings(detection=DetectionSettings(**detection))
    return sensitivity(profile, thresholds(profile, settings), settings)


def sample(profile: ReferenceProfile, count: int, seed: int, **shifts: float) -> Sample:
    return sample_of_events(events(count, seed, **shifts), profile, ModelSettings())


@pytest.mark.parametrize("share", [1.4, 0.5])
def test_a_shift_is_seen_within_a_window_where_it_is_said_to_be(
    profile: ReferenceProfile, share: float
) -> None:
    """Well above the smallest shift it is significant within a window; well below it is not."""
    place = [one.signal for one in profile.signals].index("normal")
    smallest = seen(profile).smallest_sd[place]
    settings = Settings()
    window = settings.stream.window_panes * PANE_ROWS
    rows = sample(profile, window, seed=3, normal=float(share * smallest))
    rehearsal = Rehearsal(profile, settings)
    states = {
        pane.verdicts[0].signals[place].state
        for pane in rehearsal.run(
            rows.prepared(rehearsal.preparation, np.arange(len(rows))), PANE_ROWS
        )
    }
    assert (SignalState.MINOR in states) == (share > 1.0)
    assert SignalState.DRIFT not in states  # it is below the smallest effect either way


@pytest.mark.parametrize(
    "name", ["kolmogorov_smirnov", "wasserstein", "jensen_shannon", "chi_square", "psi"]
)
@pytest.mark.parametrize("share", [1.4, 0.5])
def test_what_a_judge_of_the_window_is_said_to_see_it_sees(
    profile: ReferenceProfile, name: str, share: float
) -> None:
    place = [one.signal for one in profile.signals].index("normal")
    smallest = seen(profile, detectors=(name,)).smallest_sd[place]
    rehearsal = Rehearsal(profile, Settings(detection=DetectionSettings(detectors=(name,))))
    window = rehearsal.settings.stream.window_panes * PANE_ROWS
    rows = sample(profile, window, seed=3, normal=float(share * smallest))
    panes = rehearsal.run(rows.prepared(rehearsal.preparation, np.arange(window)), PANE_ROWS)
    *_, last = panes
    assert (last.verdicts[0].signals[place].detectors == (name,)) == (share > 1.0)


def test_the_rows_told_are_those_it_takes(profile: ReferenceProfile) -> None:
    place = [one.signal for one in profile.signals].index("normal")
    found = seen(profile)
    told = found.rows_to_see[place]
    rows = sample(profile, 20 * PANE_ROWS, seed=4, normal=float(found.opening_sd[place]))
    rehearsal = Rehearsal(profile, Settings())
    picks = np.arange(len(rows))
    for pane in rehearsal.run(rows.prepared(rehearsal.preparation, picks), PANE_ROWS):
        if pane.verdicts[0].signals[place].state is not SignalState.INSUFFICIENT and (
            pane.verdicts[0].signals[place].detectors
        ):
            break
    assert told / 2 - PANE_ROWS < rehearsal.rows < 2 * told + PANE_ROWS


def test_a_shift_is_told_in_the_unit_of_its_signal(profile: ReferenceProfile) -> None:
    found = seen(profile)
    place = [one.signal for one in profile.signals].index("normal")
    assert found.smallest[place] == pytest.approx(10.0 * found.smallest_sd[place], rel=0.02)


@pytest.mark.parametrize("share", [1.3, 0.4])
def test_a_wider_spread_is_seen_within_a_window_where_it_is_said_to_be(
    profile: ReferenceProfile, share: float
) -> None:
    place = [one.signal for one in profile.signals].index("normal")
    settings = Settings(detection=DetectionSettings(detectors=("spread",)))
    growth = sensitivity(profile, thresholds(profile, settings), settings).smallest_spread[place]
    assert 1.0 < growth < 1.5
    rows = sample(profile, settings.stream.window_panes * PANE_ROWS, seed=5)
    wide = Rehearsal(profile, settings)
    prepared = rows.prepared(wide.preparation, np.arange(len(rows)))
    prepared.z[place] *= 1.0 + share * (growth - 1.0)
    seen_by = {
        d for p in wide.run(prepared, PANE_ROWS) for d in p.verdicts[0].signals[place].detectors
    }
    assert seen_by == ({"spread"} if share > 1.0 else set())


def test_only_a_number_has_a_smallest_spread(profile: ReferenceProfile) -> None:
    found = seen(profile).smallest_spread
    watched = [one.signal for i, one in enumerate(profile.signals) if np.isfinite(found[i])]
    assert watched == ["normal", "skewed"]


def test_a_stricter_budget_sees_less_and_more_traffic_sees_more(profile: ReferenceProfile) -> None:
    base = seen(profile)
    assert (seen(profile, alarm_budget=0.001).smallest_sd > base.smallest_sd).all()
    assert (seen(profile, expected_rate=10 * RATE).smallest_sd < base.smallest_sd).all()
    assert (base.opening_sd >= 0.25).all()


def test_the_textbook_sees_what_its_fixed_psi_shows(profile: ReferenceProfile) -> None:
    found = seen(profile, preset="conventional")
    assert found.smallest_sd == pytest.approx(np.full(4, 0.2**0.5))
    # By PSI alone it is a matter of the window.
    assert found.rows_to_see == pytest.approx(found.window_rows)


def test_quiet_rows_keep_the_budget_and_others_do_not(profile: ReferenceProfile) -> None:
    done: list[int] = []
    rows = sample(profile, 5_000, seed=5)
    kept = check_budget(profile, rows, Settings(), rows=20_000, advance=done.append)
    assert [run.incidents for run in kept.runs] == [0, 0, 0]
    assert kept.a_month == 0.0 and 0.0 < kept.at_most < 1.0
    assert sum(done) == 3 * kept.rows == 3 * 20_000

    drifted = sample(profile, 5_000, seed=5, normal=1.0)
    broken = check_budget(profile, drifted, Settings(), rows=20_000)
    own = broken.runs[-1]
    assert own.budget == 1.0 and own.incidents == 1
    assert max(own.by_signal, key=lambda name: own.by_signal[name]) == "normal"


def test_rows_of_another_model_are_refused(profile: ReferenceProfile) -> None:
    other = [msgspec.structs.replace(one, inputs={"colour": "red"}) for one in events(50, seed=6)]
    with pytest.raises(InputError, match="none of the inputs of m 1"):
        sample_of_events(other, profile, ModelSettings())
