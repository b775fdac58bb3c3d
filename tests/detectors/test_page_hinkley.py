"""Page-Hinkley: a bank of CUSUMs told by a plain one, and the classic form told by river."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.drift import PageHinkley as RiverPageHinkley

from detectors import ClassicPageHinkley, PageHinkley
from detectors.contract import FloatArray
from tests.detectors.streams import KINDS, marks

ALLOWANCES = (0.1, 0.5, 1.0)


def bank(h: float = 8.0, signals: int = 1, **options: object) -> PageHinkley:
    thresholds = np.full((signals, 2, len(ALLOWANCES)), h)
    return PageHinkley(thresholds, ALLOWANCES, **options)  # type: ignore[arg-type]  # passed on


def plain_hits(z: FloatArray, h: float, ceiling: float, restart: bool) -> list[int]:
    """Rows at which the bank goes from quiet to alarm, by the textbook loop."""
    members = [(sign, k) for sign in (1.0, -1.0) for k in ALLOWANCES]
    sums = [0.0] * len(members)
    found = []
    alarmed = False
    for row, value in enumerate(z.tolist()):
        if not np.isfinite(value):
            continue
        sums = [
            max(0.0, s + (sign * value - k)) for s, (sign, k) in zip(sums, members, strict=True)
        ]
        now = max(sums) >= h
        if now and not alarmed:
            found.append(row)
        if now and restart:
            sums = [0.0] * len(members)
            now = False
        if not restart:
            sums = [min(s, ceiling * h) for s in sums]
        alarmed = now
    return found


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    shifts=st.lists(st.tuples(st.integers(0, 600), st.floats(-3, 3)), max_size=4),
    h=st.floats(0.5, 20),
    restart=st.booleans(),
)
def test_detections_are_those_of_the_textbook_loop(
    seed: int, shifts: list[tuple[int, float]], h: float, restart: bool
) -> None:
    z = np.random.default_rng(seed).normal(size=600)
    for row, shift in shifts:
        z[row:] += shift
    z[::17] = np.nan
    detector = bank(h, on_alarm="reset" if restart else "hold", ceiling=1.25)
    detector.update(z[None], marks(600))
    found = [row for _, row in detector.end_pane(0).hits]
    assert found == plain_hits(z, h, 1.25, restart)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_reading_tells_which_way_by_how_much_and_since_when(sign: float) -> None:
    z = np.zeros((1, 100))
    z[0, 40:] = 2.0 * sign
    detector = bank(h=7.0)
    detector.update(z, marks(100))
    reading = detector.end_pane(0)
    # k = .1 gains 1.9 a row: 7.6 at the fourth, before the larger allowances.
    assert reading.hits == ((0, 43),)
    assert reading.direction[0] == sign
    assert reading.onset[:, 0].tolist() == marks(100)[:, 40].tolist()
    assert reading.effect[0] == pytest.approx(2.0 * sign)
    assert reading.score[0] == pytest.approx(1.25)


def test_the_onset_is_kept_over_batches_and_panes() -> None:
    z = np.full((1, 300), 0.2)
    detector = bank(h=8.0)  # k = .1 gains .1 a row
    for pane in range(3):
        for part in range(pane * 100, pane * 100 + 100, 7):
            end = min(part + 7, pane * 100 + 100)
            detector.update(z[:, part:end], marks(300)[:, part:end])
        reading = detector.end_pane(pane)
    assert reading.alarm[0]
    assert reading.onset[:, 0].tolist() == [0, 0, 0]
    assert reading.effect[0] == pytest.approx(0.2)


def test_an_alarm_holds_while_the_shift_lasts_and_ends_soon_after_it() -> None:
    detector = bank(h=8.0)
    states = []
    for pane in range(12):
        level = 1.5 if 2 <= pane < 6 else 0.0
        detector.update(np.full((1, 20), level), marks(20, pane * 20))
        states.append(bool(detector.end_pane(pane).alarm[0]))
    # The ceiling is 10; k = .1 then falls below 8 after 21 quiet rows.
    assert states == [False] * 2 + [True] * 6 + [False] * 4


def test_an_alarm_within_a_pane_is_not_lost_by_its_end() -> None:
    z = np.zeros((1, 400))
    z[0, 10:20] = 3.0
    detector = bank(h=8.0)
    detector.update(z, marks(400))
    assert detector.end_pane(0).alarm[0]
    assert not detector.end_pane(1).alarm[0]


def test_a_change_of_direction_is_told() -> None:
    detector = bank(h=5.0)
    detector.update(np.full((1, 50), 2.0), marks(50))
    assert detector.end_pane(0).direction[0] == 1
    detector.update(np.full((1, 50), -2.0), marks(50, 50))
    detector.end_pane(1)
    detector.update(np.full((1, 50), -2.0), marks(50, 100))
    reading = detector.end_pane(2)
    assert reading.direction[0] == -1
    assert reading.onset[:, 0].tolist() == marks(51)[:, 50].tolist()


def test_a_dropped_member_never_alarms_and_takes_no_state() -> None:
    thresholds = np.full((1, 2, 2), 5.0)
    thresholds[:, :, 0] = np.inf
    detector = PageHinkley(thresholds, (0.1, 2.0))
    detector.update(np.full((1, 1000), 1.5), marks(1000))
    reading = detector.end_pane(0)
    assert not reading.alarm[0]
    assert reading.score[0] == 0.0
    assert detector.state()["sum"] == b""


def test_every_alarm_restarts_the_bank_when_asked() -> None:
    detector = bank(h=5.0, on_alarm="reset")
    detector.update(np.full((1, 100), 2.0), marks(100))
    reading = detector.end_pane(0)
    assert [row for _, row in reading.hits] == list(range(2, 100, 3))
    assert reading.score[0] >= 1.0


@pytest.mark.parametrize(
    ("thresholds", "options", "message"),
    [
        (np.ones((2, 3)), {}, "have shape"),
        (np.zeros((1, 2, 3)), {}, "above 0"),
        (np.ones((1, 2, 3)), {"ceiling": 0.5}, "ceiling"),
        (np.ones((1, 2, 3)), {"on_alarm": "stay"}, "'stay'"),
    ],
)
def test_settings_out_of_range_are_named(
    thresholds: FloatArray, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        PageHinkley(thresholds, ALLOWANCES, **options)  # type: ignore[arg-type]  # on purpose


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(sorted(KINDS)),
    shifts=st.lists(st.tuples(st.integers(0, 800), st.floats(-20, 20)), max_size=4),
    min_instances=st.integers(1, 60),
    delta=st.sampled_from([0.0, 0.005, 0.1]),
    threshold=st.sampled_from([1.0, 10.0, 50.0]),
    alpha=st.sampled_from([0.99, 0.9999, 1.0]),
)
def test_the_classic_form_has_the_detections_of_river(
    seed: int,
    kind: str,
    shifts: list[tuple[int, float]],
    min_instances: int,
    delta: float,
    threshold: float,
    alpha: float,
) -> None:
    options = {"delta": delta, "threshold": threshold, "alpha": alpha}
    z = np.stack([KINDS[kind](np.random.default_rng(seed + s), 800) for s in range(5)])
    for row, shift in shifts:
        z[:, row:] += shift
    ours = ClassicPageHinkley(5, min_instances=min_instances, **options)
    ours.update(z, marks(800))
    expected = []
    for s in range(5):
        oracle = RiverPageHinkley(min_instances=min_instances, mode="both", **options)
        for row, value in enumerate(z[s].tolist()):
            oracle.update(value)  # type: ignore[no-untyped-call]  # river has no types
            if oracle.drift_detected:
                expected.append((s, row))
    assert sorted(ours.end_pane(0).hits) == sorted(expected)
