"""ADWIN: river is the oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift

from detectors import ADWIN
from detectors.contract import FloatArray
from tests.detectors.streams import KINDS, marks


def river_detections(z: FloatArray, **settings: float) -> list[int]:
    oracle = drift.ADWIN(**settings)  # type: ignore[no-untyped-call]  # river has no types
    found = []
    for row, value in enumerate(z.tolist()):
        oracle.update(value)  # type: ignore[no-untyped-call]  # river has no types
        if oracle.drift_detected:
            found.append(row)
    return found


def our_detections(detector: ADWIN, z: FloatArray, cuts: list[int]) -> list[int]:
    at = marks(z.size)
    for part in np.split(np.arange(z.size), sorted(cuts)):
        detector.update(z[None, part], at[:, part])
    return [row for _, row in detector.end_pane(0).hits]


@st.composite
def streams_with_changes(draw: st.DrawFn) -> FloatArray:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows = draw(st.integers(0, 1500))
    z = KINDS[draw(st.sampled_from(sorted(KINDS)))](rng, rows)
    for _ in range(draw(st.integers(0, 4))):
        where = draw(st.integers(0, rows))
        z[where:] += draw(st.floats(-100, 100))
        if draw(st.booleans()):
            z[where:] *= draw(st.floats(0, 20))
    return np.round(z) if draw(st.booleans()) else z


@settings(max_examples=400, deadline=None)
@given(
    z=streams_with_changes(),
    delta=st.sampled_from([0.5, 0.05, 0.002, 1e-5]),
    clock=st.sampled_from([1, 7, 32, 100]),
    max_buckets=st.integers(2, 8),
    min_window_length=st.integers(1, 10),
    grace_period=st.integers(1, 60),
    cuts=st.lists(st.integers(0, 1500), max_size=6),
)
def test_detections_are_those_of_river_at_any_setting_and_batch_cut(
    z: FloatArray,
    delta: float,
    clock: int,
    max_buckets: int,
    min_window_length: int,
    grace_period: int,
    cuts: list[int],
) -> None:
    oracle = river_detections(
        z,
        delta=delta,
        clock=clock,
        max_buckets=max_buckets,
        min_window_length=min_window_length,
        grace_period=grace_period,
    )
    ours = ADWIN(
        np.array([-np.log(delta)]),
        clock=clock,
        max_buckets=max_buckets,
        min_window_length=min_window_length,
        grace_period=grace_period,
    )
    assert our_detections(ours, z, cuts) == oracle


def test_two_thousand_streams_with_detections_equal_river() -> None:
    """The default settings; one bank steps all streams at once."""
    rng = np.random.default_rng(11)
    z = rng.normal(size=(2000, 600))
    where = rng.integers(0, 600, size=2000)
    z += np.where(np.arange(600) >= where[:, None], rng.choice([0.0, 0.5, 1, -3], (2000, 1)), 0.0)
    bank = ADWIN.textbook(2000)
    bank.update(z, marks(600))
    ours: dict[int, list[int]] = {}
    for s, row in bank.end_pane(0).hits:
        ours.setdefault(s, []).append(row)
    oracle = {s: found for s in range(2000) if (found := river_detections(z[s]))}
    assert ours == oracle
    assert len(ours) > 500


def test_values_that_are_missing_are_as_if_they_had_never_been() -> None:
    rng = np.random.default_rng(3)
    z = rng.normal(size=2000)
    z[900:] += 1
    holes = z.copy()
    gone = rng.random(2000) < 0.3
    holes[gone] = rng.choice([np.nan, np.inf, -np.inf], size=int(gone.sum()))
    kept = np.flatnonzero(~gone)
    expected = [int(kept[row]) for row in river_detections(z[kept])]
    assert our_detections(ADWIN.textbook(1), holes, []) == expected
    assert expected


def test_deltas_that_no_float_holds_still_detect_a_large_change() -> None:
    z = np.random.default_rng(3).normal(size=6000)
    z[3000:] += 5
    bank = ADWIN(np.array([100.0, 690.0, 1400.0]))
    bank.update(np.tile(z, (3, 1)), marks(6000))
    reading = bank.end_pane(0)
    first = [next(row for s, row in reading.hits if s == signal) for signal in range(3)]
    assert 3000 < first[0] < first[1] < first[2]


@pytest.mark.parametrize("shift", [1.0, -1.0])
def test_a_reading_tells_which_way_by_how_much_and_since_when(shift: float) -> None:
    rng = np.random.default_rng(8)
    z = rng.normal(size=(50, 4096))
    z[:, 3011:] += shift
    bank = ADWIN(np.full(50, np.log(1e6)))
    bank.update(z[:, :3000], marks(3000))
    assert not bank.end_pane(0).alarm.any()
    bank.update(z[:, 3000:], marks(1096, 3000))
    reading = bank.end_pane(1)
    assert reading.alarm.all()
    assert (reading.direction == np.sign(shift)).all()
    assert abs(np.median(reading.effect) - shift) < 0.25
    assert np.median(np.abs(reading.onset[0] / 100 - 3011)) <= 32
    # Alarms end with the pane; the caller holds them.
    bank.update(rng.normal(size=(50, 500)) + shift, marks(500, 4096))
    after = bank.end_pane(2)
    assert not after.alarm.any()
    assert not after.effect.any()


def test_a_pane_without_a_check_keeps_the_score_of_the_one_before() -> None:
    z = np.random.default_rng(2).normal(size=(1, 70))
    bank = ADWIN.textbook(1)
    bank.update(z[:, :64], marks(64))
    before = bank.end_pane(0).score[0]
    bank.update(z[:, 64:], marks(6))
    assert before > 0
    assert bank.end_pane(1).score[0] == before


def test_scale_is_the_same_as_dividing_the_values() -> None:
    z = KINDS["lognormal"](np.random.default_rng(2), 5000)[None]
    scaled = ADWIN(np.array([6.2]), scale=4.0)
    plain = ADWIN(np.array([6.2]))
    scaled.update(z, marks(5000))
    plain.update(z / 4.0, marks(5000))
    assert scaled.end_pane(0).hits == plain.end_pane(0).hits


def test_a_quiet_signal_takes_about_a_kilobyte_of_state() -> None:
    bank = ADWIN.textbook(20)
    rng = np.random.default_rng(1)
    for pane in range(50):
        bank.update(rng.normal(size=(20, 2000)), marks(2000, pane * 2000))
        bank.end_pane(pane)
    size = sum(len(v) for v in bank.state().values() if isinstance(v, bytes))
    size += sum(len(part) for part in bank.state()["marks"])
    assert size / 20 < 1300


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"log_inv_delta": np.array([0.0])}, "above 0"),
        ({"log_inv_delta": np.array([1.0]), "clock": 0}, "clock 0"),
        ({"log_inv_delta": np.array([1.0]), "scale": -1.0}, "scale holds -1"),
    ],
)
def test_settings_out_of_range_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ADWIN(**settings)  # type: ignore[arg-type]  # parametrised on purpose
