"""Distances of a window: told of what has moved, and judges where the settings name them."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import ks_2samp, wasserstein_distance

from driftlog.errors import SettingsError
from driftlog.records import Event, ReferenceProfile, SignalState, SignalVerdict
from driftlog.settings import ModelSettings, Settings, load_settings
from stream.judging import Judging
from stream.preparation import Prepared
from stream.profile import profile_of_events
from stream.rehearsal import Rehearsal, RehearsedPane
from stream.thresholds import thresholds
from stream.window_statistics import bin_centres, ordered_inflation

PANE_ROWS = 100
OTHERS = ("kolmogorov_smirnov", "wasserstein", "jensen_shannon", "chi_square")
Values = dict[str, NDArray[Any]]


def values(rows: int, seed: int, moved: bool = False) -> Values:
    rng = np.random.default_rng(seed)
    shift = 0.8 if moved else 0.0
    return {
        "age": 40.0 + 7.0 * (rng.normal(size=rows) + shift),
        "spend": np.where(rng.random(rows) < 0.8, 0.0, rng.lognormal(size=rows)),
        "night": rng.random(rows) < (0.5 if moved else 0.2),
        "carrier": rng.choice(["UA", "AA", "DL"], rows, p=[0.2, 0.2, 0.6] if moved else None),
    }


def events(rows: int, seed: int, moved: bool = False) -> list[Event]:
    columns = values(rows, seed, moved)
    cells = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [
        Event(
            event_id=f"e{i}",
            correlation_id="",
            ts_ms=100 * i,
            model="m",
            version="1",
            inputs=dict(zip(columns, row, strict=True)),
        )
        for i, row in enumerate(cells)
    ]


@cache
def profile() -> ReferenceProfile:
    return profile_of_events(
        events(5_000, seed=1), model="m", version="1", origin="file", models=ModelSettings()
    )


def chosen(**changes: Any) -> Settings:
    return load_settings(
        environ={}, overrides={k.replace("__", "."): v for k, v in changes.items()}
    )


def rehearsed(
    settings: Settings, moved_from: int, panes: int, reference: ReferenceProfile | None = None
) -> list[RehearsedPane]:
    """Panes of which those from ``moved_from`` on are of moved values."""
    rehearsal = Rehearsal(reference or profile(), settings)
    return [
        rehearsal.step(prepared(rehearsal, PANE_ROWS, 100 + pane, pane >= moved_from))
        for pane in range(panes)
    ]


def prepared(rehearsal: Rehearsal, rows: int, seed: int, moved: bool) -> Prepared:
    from stream.sample import sample_of_events

    sample = sample_of_events(events(rows, seed, moved), rehearsal.profile, ModelSettings())
    return sample.prepared(rehearsal.preparation, np.arange(rows))


def told(pane: RehearsedPane) -> dict[str, SignalVerdict]:
    return {signal.signal: signal for signal in pane.verdicts[0].signals}


def test_distances_are_told_of_what_has_moved_and_of_nothing_else() -> None:
    panes = rehearsed(chosen(), 10, 16)
    for pane in panes[:10]:
        assert not any(signal.statistics for signal in told(pane).values())
    last = told(panes[-1])
    assert last["age"].state is SignalState.DRIFT
    assert set(last["age"].statistics) == {"kolmogorov_smirnov", "wasserstein", "jensen_shannon"}
    assert set(last["carrier"].statistics) == {"jensen_shannon"}
    # A boolean has its rate, and its chi-square if wished.
    assert last["night"].state is SignalState.DRIFT and not last["night"].statistics
    assert last["spend"].state is SignalState.OK and not last["spend"].statistics


def test_the_alert_has_them_too() -> None:
    alerts = [alert for pane in rehearsed(chosen(), 10, 14) for alert in pane.alerts]
    age = next(signal for signal in alerts[0].signals if signal.signal == "age")
    assert 0.6 < age.statistics["wasserstein"] < 1.0
    assert 0.2 < age.statistics["kolmogorov_smirnov"] < 0.5
    assert 0.0 < age.statistics["jensen_shannon"] < 1.0


def test_they_are_of_the_rows_since_the_onset_and_near_the_classical_ones() -> None:
    last = told(rehearsed(chosen(), 10, 30)[-1])["age"]
    usual = values(5_000, seed=1)["age"]
    panes = [values(PANE_ROWS, 100 + pane, moved=True) for pane in range(10, 30)]
    now = np.concatenate([pane["age"] for pane in panes])
    assert last.statistics["kolmogorov_smirnov"] == pytest.approx(
        ks_2samp(now, usual).statistic, abs=0.03
    )
    sd = profile().signals[[s.signal for s in profile().signals].index("age")].sd
    expected = wasserstein_distance(now, usual) / sd
    assert last.statistics["wasserstein"] == pytest.approx(expected, rel=0.08)
    # It cannot be less than the shift of the mean.
    assert last.statistics["wasserstein"] >= abs(last.effect_sd) - 1e-9


def test_the_settings_choose_them() -> None:
    last = told(rehearsed(chosen(detection__statistics="chi_square"), 10, 16)[-1])
    for name in ("age", "night", "carrier"):
        assert set(last[name].statistics) == {"chi_square", "chi_square_p"}
        assert last[name].statistics["chi_square_p"] < 1e-6
    none = rehearsed(chosen(detection__statistics=[]), 10, 16)
    assert not any(signal.statistics for signal in told(none[-1]).values())
    with pytest.raises(SettingsError, match="some of kolmogorov_smirnov, wasserstein"):
        chosen(detection__statistics="hellinger")


@pytest.mark.parametrize("name", OTHERS)
def test_each_may_judge_alone(name: str) -> None:
    """One that is named opens an incident of what it watches; quiet panes before are quiet."""
    panes = rehearsed(chosen(detection__detectors=name), 60, 75)
    for pane in panes[:60]:
        assert not pane.alerts
        assert not any(signal.detectors for signal in told(pane).values())
    opened = next(alert for pane in panes for alert in pane.alerts)
    assert {signal.detector for signal in opened.signals} == {name}
    last = told(panes[-1])
    watched = {signal for signal, verdict in last.items() if name in verdict.scores}
    everything = {"age", "spend", "night", "carrier", "error"}
    assert (
        watched
        == {
            "kolmogorov_smirnov": {"age", "spend"},
            "wasserstein": {"age", "spend"},
            "jensen_shannon": {"age", "spend", "carrier"},
            "chi_square": everything,
        }[name]
    )
    assert last["age"].state is SignalState.DRIFT


def test_the_budget_is_paid_for_signals_that_are_watched_alone() -> None:
    count = len(profile().signals)
    both = thresholds(profile(), chosen(detection__detectors="psi,kolmogorov_smirnov"))
    assert both.judges == count + 2
    # Half as many judges for twice the number of versions: each has the same share.
    one, two = (
        thresholds(profile(), chosen(detection__detectors="psi", models__versions=versions))
        for versions in (1, 2)
    )
    assert two.rows_between == pytest.approx(2 * one.rows_between)
    assert two.psi_level[0] == pytest.approx(one.psi_level[0] / 2)


def test_judges_of_the_window_keep_nothing_of_their_own() -> None:
    """They read the bins of the PSI: four of them add nothing to the state."""
    sizes = []
    for detectors in ("psi", ",".join(("psi", *OTHERS))):
        settings = chosen(detection__detectors=detectors)
        judging = Judging(settings, partitions=1)
        state = judging.fresh(judging.shards(profile(), 0)[0], profile())
        rehearsal = Rehearsal(profile(), settings)
        for pane in range(70):
            rows = rehearsal._as_rows(PANE_ROWS, pane * 10_000, 10_000)
            state.step(pane * 10_000, rows, prepared(rehearsal, PANE_ROWS, pane, False), None)
        sizes.append(len(state.dump()))
    assert abs(sizes[1] - sizes[0]) < 200


def test_verdicts_are_the_same_after_a_restart_and_with_the_state_of_elsewhere() -> None:
    settings = chosen(detection__detectors=",".join(("page_hinkley", "psi", *OTHERS)))
    judging = Judging(settings, partitions=1)
    shard = judging.shards(profile(), 0)[0]
    whole, moved = judging.fresh(shard, profile()), judging.fresh(shard, profile())
    rehearsal = Rehearsal(profile(), settings)
    for pane in range(40):
        if pane in (5, 22, 24):
            raw = moved.dump()
            moved = judging.fresh(shard, profile())
            moved.restore(raw)
        rows = rehearsal._as_rows(PANE_ROWS, pane * 10_000, 10_000)
        ready = prepared(rehearsal, PANE_ROWS, pane, 20 <= pane < 30)
        assert moved.step(pane * 10_000, rows, ready, None) == whole.step(
            pane * 10_000, rows, ready, None
        )


def test_a_reference_from_before_has_its_distances_by_the_edges() -> None:
    old = msgspec.structs.replace(
        profile(),
        signals=tuple(
            msgspec.structs.replace(one, centres=(), ordered_inflation=0.0)
            for one in profile().signals
        ),
    )
    settings = chosen(detection__detectors="wasserstein,kolmogorov_smirnov")
    now = told(rehearsed(settings, 10, 30, old)[-1])["age"]
    new = told(rehearsed(settings, 10, 30)[-1])["age"]
    assert now.state is SignalState.DRIFT
    assert now.scores["kolmogorov_smirnov"].score == new.scores["kolmogorov_smirnov"].score
    assert now.scores["wasserstein"].score == pytest.approx(
        new.scores["wasserstein"].score, rel=0.15
    )
    for was, one in zip(old.signals, profile().signals, strict=True):
        assert ordered_inflation(was) >= one.inflation
        assert (np.diff(bin_centres(was)) >= 0).all()
        assert len(bin_centres(was)) == len(bin_centres(one))


def test_the_bins_of_a_constant_are_where_its_z_is() -> None:
    rows = [msgspec.structs.replace(one, inputs={"gate": 7.0}) for one in events(200, seed=1)]
    constant = profile_of_events(
        rows, model="m", version="1", origin="file", models=ModelSettings(include=("gate",))
    )
    gate = next(one for one in constant.signals if one.signal == "gate")
    assert gate.centres == (-10.0, 0.0, 10.0)
