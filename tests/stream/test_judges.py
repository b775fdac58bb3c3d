"""Thresholds that a person sets: taken as they are, said wherever they show, outside the budget."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from driftlog.errors import SettingsError
from driftlog.records import SignalVerdict
from driftlog.settings import ModelSettings, Settings, load_settings
from stream.book import ReferenceBook
from stream.judges import by_hand, check_judges, check_signals, watches
from stream.judging import Judging
from stream.pipeline import Pipeline, Told
from stream.thresholds import thresholds
from tests.stream.event_log import World, batches, records
from tests.stream.event_log import settings as small

WORLD = World(shift=0.6)
PROFILE = WORLD.profile(ModelSettings(), seconds=80.0)


def told(settings: Settings, drift_at_s: float = 1e9) -> Told:
    """All that the pipeline says of a minute of the log."""
    pipeline = Pipeline(settings, ReferenceBook([PROFILE]))
    events = WORLD.events(60.0, since_s=1_000.0, drift_at_s=1_000.0 + drift_at_s)
    told = Told()
    for batch in batches(records(events), 200):
        found = pipeline.feed(batch)
        told.verdicts.extend(found.verdicts)
        told.alerts.extend(found.alerts)
    return told


def of(told: Told, name: str) -> list[SignalVerdict]:
    return [s for verdict in told.verdicts for s in verdict.signals if s.signal == name]


def test_what_a_hand_set_threshold_opens_says_so_in_verdict_alert_and_title() -> None:
    """Quiet rows and a limit that no quiet window keeps: the field's PSI > 0.01."""
    hand = small(detection__thresholds={"temp:psi": 0.01}, detection__min_effect_psi=0.001)
    found = told(hand)
    loud = [signal for signal in of(found, "temp") if signal.by_hand]
    assert loud and all(signal.by_hand == ("psi",) for signal in loud)
    assert all(s.scores["psi"].threshold == 0.01 for s in of(found, "temp"))
    assert all(s.scores["psi"].score >= 0.01 for s in loud)
    opened = found.alerts[0]
    assert opened.title.endswith("(threshold set by hand)")
    assert [(signal.signal, signal.by_hand) for signal in opened.signals] == [("temp", ("psi",))]
    # The same rows by the budget: nothing.
    assert not told(small(detection__min_effect_psi=0.001)).alerts


def test_an_alert_that_the_budget_opened_says_nothing_of_hands() -> None:
    hand = small(detection__thresholds={"temp:psi": 5.0})
    found = told(hand, drift_at_s=25.0)
    assert found.alerts and not any(s.by_hand for a in found.alerts for s in a.signals)
    assert not any("by hand" in alert.title for alert in found.alerts)


@pytest.mark.parametrize(
    ("thresholds_by_hand", "silent"),
    [
        (
            {
                "psi": 50.0,
                "page_hinkley": 1e6,
                "spread": 1e6,
                "adwin": 1e-290,
                "level_shift": 1e6,
            },
            True,
        ),
        ({"psi": 50.0, "page_hinkley": 1e6, "spread": 1e6}, False),
        ({"psi": 50.0, "adwin": 1e-290, "spread": 1e6}, False),
        (
            {
                "distance:psi": 50.0,
                "distance:page_hinkley": 1e6,
                "distance:spread": 1e6,
                "distance:adwin": 1e-290,
                "distance:level_shift": 1e6,
            },
            True,
        ),
    ],
)
def test_each_detector_is_moved_by_its_own_threshold(
    thresholds_by_hand: dict[str, float], silent: bool
) -> None:
    """A drift of distance is silenced when all of them are set out of reach, and only then."""
    found = told(small(detection__thresholds=thresholds_by_hand), drift_at_s=20.0)
    assert any(signal.detectors for signal in of(found, "distance")) != silent


def test_one_of_a_signal_wins_over_one_of_all() -> None:
    settings = small(detection__thresholds={"psi": 0.3, "temp:psi": 0.2, "nobody:psi": 0.1})
    limits = thresholds(PROFILE, settings)
    by_name = dict(zip(limits.signals, limits.by_hand["psi"].tolist(), strict=True))
    assert by_name["temp"] == 0.2
    assert {value for name, value in by_name.items() if name != "temp"} == {0.3}


def test_what_is_set_by_hand_has_no_part_in_the_budget() -> None:
    count = len(PROFILE.signals)
    usual = thresholds(PROFILE, small())
    one = thresholds(PROFILE, small(detection__thresholds={"temp:psi": 0.2}))
    some = thresholds(PROFILE, small(detection__thresholds={"psi": 0.2}))
    assert (one.judges, some.judges) == (usual.judges - 1, usual.judges - count)
    ratio = some.judges / usual.judges
    assert some.rows_between == pytest.approx(usual.rows_between * ratio)
    everything = {
        "psi": 0.2,
        "page_hinkley": 10.0,
        "spread": 20.0,
        "adwin": 0.002,
        "level_shift": 2.5,
    }
    none = thresholds(PROFILE, small(detection__thresholds=everything))
    assert none.judges == 0
    assert (none.adwin_log_inv_delta == -np.log(0.002)).all()
    assert set(none.cusum[np.isfinite(none.cusum)].tolist()) == {10.0}
    assert set(none.spread[np.isfinite(none.spread)].tolist()) == {20.0}
    # What the reference is too small for stays dropped.
    assert (np.isfinite(none.cusum) == np.isfinite(usual.cusum)).all()


def test_the_conventional_preset_takes_a_psi_by_hand_too() -> None:
    settings = small(detection__preset="conventional", detection__thresholds={"temp:psi": 0.35})
    found = told(settings)
    assert {s.scores["psi"].threshold for s in of(found, "temp")} == {0.35}
    assert {s.scores["psi"].threshold for s in of(found, "distance")} == {0.2}


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"PSI": 0.2}, r"'PSI'; it may hold a detector, or signal:detector, of adwin \("),
        ({"temp:kuiper": 0.2}, "'temp:kuiper'; it may hold a detector"),
        ({"wasserstein": 0.2}, r"wasserstein is not in detection.detectors"),
        ({"adwin": 2.0}, "delta, between 0 and 1"),
    ],
)
def test_names_that_there_are_not_are_refused_with_those_there_are(
    held: dict[str, float], said: str
) -> None:
    settings = small(detection__thresholds=held)
    for check in (
        lambda: check_judges(settings.detection),
        lambda: Judging(settings),
        lambda: thresholds(PROFILE, settings),
    ):
        with pytest.raises(SettingsError, match=said):
            check()


def test_signals_that_there_are_not_are_refused_where_one_model_is_at_hand() -> None:
    def check(key: str, **more: Any) -> None:
        check_signals(small(detection__thresholds={key: 0.2}, **more).detection, PROFILE.signals)

    check("temp:psi")
    check("psi")
    with pytest.raises(SettingsError, match=r"'tmp:psi'; it may hold signals .*temp"):
        check("tmp:psi")
    with pytest.raises(SettingsError, match="a detector that judges a category; wasserstein does"):
        check("carrier:wasserstein", detection__detectors="psi,wasserstein")
    # A worker has several models, and what is not there is left alone.
    assert Judging(small(detection__thresholds={"tmp:psi": 0.2}))


@pytest.mark.parametrize("held", [0.0, -1.0, float("nan"), float("inf")])
def test_a_threshold_is_a_number_above_0(held: float) -> None:
    with pytest.raises(SettingsError, match=r"detection.thresholds.psi.*a number above 0"):
        small(detection__thresholds={"psi": held})


def test_an_unknown_detector_is_refused_before_anything_is_judged() -> None:
    with pytest.raises(SettingsError, match=r"detection.detectors.*'kuiper'.*page_hinkley"):
        Judging(small(detection__detectors="psi,kuiper"))


def test_thresholds_by_hand_are_read_from_the_environment() -> None:
    found = load_settings(
        environ={"DRIFTLOG_DETECTION_THRESHOLDS": "psi=0.2, input.confidence:psi=0.3"}
    )
    assert found.detection.thresholds == {"psi": 0.2, "input.confidence:psi": 0.3}


def test_distances_of_ordered_values_watch_numbers_alone() -> None:
    watched = {
        name: {one.signal for one in PROFILE.signals if watches(name, one)}
        for name in ("psi", "wasserstein", "jensen_shannon")
    }
    assert "distance" in watched["wasserstein"] and "carrier" not in watched["wasserstein"]
    assert "carrier" in watched["jensen_shannon"] and "holiday" not in watched["jensen_shannon"]
    assert watched["psi"] == {one.signal for one in PROFILE.signals}
    hand = by_hand(small(detection__thresholds={"psi": 0.1}).detection, PROFILE.signals)
    assert set(hand) == {"psi"} and (hand["psi"] == 0.1).all()
