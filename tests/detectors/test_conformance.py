"""Every public detector keeps the one contract; a new one is found and checked by itself."""

import dataclasses
import inspect
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import detectors
from detectors import DETECTORS
from detectors.contract import Detector, Reading
from tests.detectors.streams import marks, rows_for, run

SIGNALS = 3
ROWS = 900
PANE_ROWS = 150

every_detector = pytest.mark.parametrize("name", sorted(DETECTORS))


def same(a: Reading, b: Reading) -> bool:
    return all(
        np.array_equal(getattr(a, field.name), getattr(b, field.name))
        for field in dataclasses.fields(a)
    )


def all_same(a: list[Reading], b: list[Reading]) -> bool:
    return len(a) == len(b) and all(map(same, a, b))


def fresh(name: str) -> Detector:
    return DETECTORS[name].textbook(SIGNALS)


def stream(name: str, seed: int = 5) -> Any:
    return rows_for(fresh(name), np.random.default_rng(seed), ROWS)


def test_every_public_class_is_in_the_name_table_and_conforms() -> None:
    public = {getattr(detectors, cls) for cls in detectors.__all__}
    assert set(DETECTORS.values()) == public
    assert {cls.name for cls in public} == set(DETECTORS)
    verbs = {v for v in vars(Detector) if not v.startswith("_")}
    for cls in public:
        assert verbs <= set(dir(cls)), cls
        assert cls.takes in ("z", "bins")


@every_detector
def test_the_stream_of_these_checks_holds_alarms(name: str) -> None:
    """Without alarms the other checks would prove little."""
    readings = run(fresh(name), stream(name), (), PANE_ROWS)
    assert any(reading.alarm.any() for reading in readings)
    assert any(not reading.alarm.all() for reading in readings)


@every_detector
def test_readings_have_the_promised_shapes_and_agree_with_themselves(name: str) -> None:
    for reading in run(fresh(name), stream(name), (), PANE_ROWS):
        assert reading.score.shape == reading.threshold.shape == (SIGNALS,)
        assert reading.score.dtype == reading.threshold.dtype == np.float64
        assert reading.alarm.dtype == np.bool_
        assert reading.direction.dtype == np.int8
        assert reading.onset.shape == (3, SIGNALS)
        assert reading.onset.dtype == np.int64
        assert np.isfinite(reading.score).all() and np.isfinite(reading.threshold).all()
        assert np.array_equal(reading.alarm, reading.score >= reading.threshold)
        assert not reading.direction[~reading.alarm].any()
        assert (reading.onset[:, ~reading.alarm] == -1).all()
        assert list(reading.hits) == sorted(reading.hits, key=lambda hit: (hit[1], hit[0]))
        for s, row in reading.hits:
            assert reading.alarm[s] and 0 <= row < PANE_ROWS


@every_detector
@settings(max_examples=25, deadline=None)
@given(cuts=st.sets(st.integers(1, ROWS - 1), max_size=40))
def test_how_rows_are_cut_into_batches_changes_nothing(name: str, cuts: set[int]) -> None:
    x = stream(name)
    assert all_same(run(fresh(name), x, cuts, PANE_ROWS), run(fresh(name), x, (), PANE_ROWS))


@every_detector
def test_one_row_at_a_time_gives_the_same(name: str) -> None:
    x = stream(name)
    whole = run(fresh(name), x, (), PANE_ROWS)
    assert all_same(run(fresh(name), x, range(1, ROWS), PANE_ROWS), whole)


@every_detector
@settings(max_examples=25, deadline=None)
@given(cut=st.integers(0, ROWS))
def test_a_state_taken_anywhere_goes_on_exactly(name: str, cut: int) -> None:
    x = stream(name)
    whole = run(fresh(name), x, (), PANE_ROWS)
    first = fresh(name)
    done = run(first, x[:, :cut], (), PANE_ROWS) if cut else []
    second = fresh(name)
    second.restore(first.state())
    assert second.state() == first.state()
    start = cut
    for pane in range(len(done), ROWS // PANE_ROWS):
        end = (pane + 1) * PANE_ROWS
        second.update(x[:, start:end], marks(ROWS)[:, start:end])
        done.append(second.end_pane(pane))
        start = end
    assert all_same(done, whole)


@every_detector
def test_states_inside_a_detection_go_on_exactly(name: str) -> None:
    """At each detection: just before its row, just after it, and a row later."""
    x = stream(name)
    whole = run(fresh(name), x, (), PANE_ROWS)
    rows = [p * PANE_ROWS + row for p, reading in enumerate(whole) for _, row in reading.hits]
    for cut in sorted({r + d for r in rows for d in (0, 1, 2) if r + d < ROWS}):
        detector = fresh(name)
        done = run(detector, x[:, :cut], (), PANE_ROWS) if cut else []
        moved = fresh(name)
        moved.restore(detector.state())
        end = (len(done) + 1) * PANE_ROWS
        moved.update(x[:, cut:end], marks(ROWS)[:, cut:end])
        assert same(moved.end_pane(len(done)), whole[len(done)])


@every_detector
def test_reset_equals_fresh(name: str) -> None:
    x = stream(name)
    used = fresh(name)
    run(used, stream(name, seed=6)[:, : ROWS - 7], (), PANE_ROWS)  # ends within a pane
    used.reset()
    assert all_same(run(used, x, (), PANE_ROWS), run(fresh(name), x, (), PANE_ROWS))


@every_detector
def test_reset_of_one_signal_leaves_the_others_alone(name: str) -> None:
    x = stream(name)
    half = 3 * PANE_ROWS
    used, untouched, new = fresh(name), fresh(name), fresh(name)
    for detector in (used, untouched):
        run(detector, x[:, :half], (), PANE_ROWS)
    used.reset(np.array([False, True, False]))
    after, without = (run(d, x[:, half:], (), PANE_ROWS, first_pane=3) for d in (used, untouched))
    anew = run(new, x[:, half:], (), PANE_ROWS, first_pane=3)
    for a, w, n in zip(after, without, anew, strict=True):
        assert np.array_equal(a.score[[0, 2]], w.score[[0, 2]])
        assert np.array_equal(a.onset[:, [0, 2]], w.onset[:, [0, 2]])
        assert a.score[1] == n.score[1]
        assert np.array_equal(a.onset[:, 1], n.onset[:, 1])


@every_detector
def test_input_is_neither_changed_nor_kept(name: str) -> None:
    x = stream(name)
    at = marks(ROWS)
    given_x, given_at = x.copy(), at.copy()
    one, other = fresh(name), fresh(name)
    one.update(given_x, given_at)
    assert np.array_equal(given_x, x, equal_nan=x.dtype == np.float64)
    assert np.array_equal(given_at, at)
    given_x[:] = 0
    given_at[:] = 0
    other.update(x, at)
    assert same(one.end_pane(0), other.end_pane(0))


@every_detector
def test_readings_do_not_change_afterwards(name: str) -> None:
    x = stream(name)
    detector = fresh(name)
    detector.update(x, marks(ROWS))
    reading = detector.end_pane(0)
    kept = {f.name: np.copy(getattr(reading, f.name)) for f in dataclasses.fields(reading)}
    detector.update(x[:, ::-1], marks(ROWS))
    detector.end_pane(1)
    detector.reset()
    for field, value in kept.items():
        assert np.array_equal(value, np.asarray(getattr(reading, field)))


@every_detector
def test_memory_is_bounded(name: str) -> None:
    """The state of a hundred times the rows is of about the same size."""
    detector = fresh(name)
    rng = np.random.default_rng(1)
    sizes = []
    for pane in range(200):
        detector.update(rows_for(detector, rng, 1000), marks(1000, pane * 1000))
        detector.end_pane(pane)
        sizes.append(len(repr(detector.state())))
    assert sizes[-1] < 2 * max(sizes[60:70])


@every_detector
def test_panes_without_rows_and_without_values_have_an_answer(name: str) -> None:
    detector = fresh(name)
    nothing = np.full((SIGNALS, 50), np.nan)
    x = np.full((SIGNALS, 50), -1, np.int16) if detector.takes == "bins" else nothing
    detector.update(x[:, :0], marks(0))
    assert not detector.end_pane(0).alarm.any()
    detector.update(x, marks(50))
    reading = detector.end_pane(1)
    assert not reading.alarm.any()
    assert np.isfinite(reading.score).all() and np.isfinite(reading.threshold).all()


@every_detector
@pytest.mark.parametrize("value", [0.0, 3.0, -1e6])
def test_a_constant_has_finite_readings(name: str, value: float) -> None:
    detector = fresh(name)
    dtype = np.int16 if detector.takes == "bins" else np.float64
    x = np.full((SIGNALS, 500), 0 if detector.takes == "bins" else value, dtype=dtype)
    detector.update(x, marks(500))
    reading = detector.end_pane(0)
    assert np.isfinite(reading.score).all() and np.isfinite(reading.threshold).all()


@every_detector
def test_wrong_shapes_and_panes_are_refused_by_name(name: str) -> None:
    detector = fresh(name)
    x = stream(name)
    with pytest.raises(ValueError, match="x has shape"):
        detector.update(x[:2], marks(ROWS))
    with pytest.raises(ValueError, match="at has shape"):
        detector.update(x, marks(ROWS - 1))
    with pytest.raises(ValueError, match="int64"):
        detector.update(x, marks(ROWS).astype(np.float64))
    detector.end_pane(4)
    with pytest.raises(ValueError, match="pane 4 ended after pane 4"):
        detector.end_pane(4)


@every_detector
def test_states_of_another_version_or_size_are_refused(name: str) -> None:
    detector = fresh(name)
    with pytest.raises(ValueError, match="version 99"):
        detector.restore(detector.state() | {"v": 99})
    with pytest.raises(ValueError, match="shape"):
        detector.restore(DETECTORS[name].textbook(SIGNALS + 1).state())


def plain(value: Any) -> bool:
    if type(value) in (int, float, bytes, str, bool):
        return True
    if type(value) is list:
        return all(map(plain, value))
    if type(value) is dict:
        return all(type(key) is str and plain(v) for key, v in value.items())
    return False


@every_detector
def test_state_is_plain_data(name: str) -> None:
    detector = fresh(name)
    x = stream(name)
    assert plain(detector.state())
    for pane in range(3):
        detector.update(x, marks(ROWS))
        assert plain(detector.state())
        detector.end_pane(pane)
        assert plain(detector.state())


@every_detector
def test_the_docstring_has_an_example_and_its_sources(name: str) -> None:
    text = inspect.getdoc(DETECTORS[name]) or ""
    for part in (">>> ", "default_rng(", "References", "Parameters", "classic mistake", "Raises"):
        assert part in text, part
