"""``driftlog calibrate`` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from driftlog.cli import main


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    rng = np.random.default_rng(7)
    lines = ["at,amount,kind"]
    for i in range(3_000):
        lines.append(f"{i / 20},{rng.normal(50, 5):.4f},{rng.choice(['a', 'b'])}")
    path = tmp_path / "quiet.csv"
    path.write_text("\n".join(lines))
    return path


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["calibrate", *map(str, words)])


def test_thresholds_smallest_shifts_and_the_trial_are_shown(csv: Path) -> None:
    told = call("--rows", csv, "--time", "at", "--run", "10000")
    assert told.exit_code == 0, told.output
    text = " ".join(told.output.split())
    assert "3 signals" in text and "20 events/s (reference)" in text
    assert "split evenly over 3 signals x 5 detectors" in text
    assert "13 that apply" in text  # all of them, but none watches the spread of a category
    assert "amount" in text and " sd" in text and "nats" in text
    assert "Tried on 10,000 rows in 50 panes" in text and "it is kept" in text
    assert "made of these very rows" in text


def test_a_profile_shows_what_it_can_see_without_rows(csv: Path, tmp_path: Path) -> None:
    profile = tmp_path / "p.json"
    built = CliRunner().invoke(
        main, ["reference", "build", str(csv), "--time", "at", "--out", str(profile)]
    )
    assert built.exit_code == 0, built.output
    usual = json.loads(call("--reference", profile, "--json").output)
    strict = json.loads(call("--reference", profile, "--json", "--budget", "0.01").output)
    assert "check" not in usual and usual["alarm_budget"] == 1.0
    assert strict["rows_between"] == pytest.approx(100 * usual["rows_between"])
    for before, after in zip(usual["signals"], strict["signals"], strict=True):
        assert after["smallest_shift_sd"] > before["smallest_shift_sd"]

    tried = call("--reference", profile, "--rows", csv, "--time", "at", "--run", "5000")
    assert "made of these very rows" not in tried.output


def test_machines_get_the_trial_as_figures(csv: Path) -> None:
    told = json.loads(
        call("--rows", csv, "--time", "at", "--run", "5000", "--rate", "40", "--json").output
    )
    assert told["rate"] == 40.0
    assert [run["expected"] for run in told["check"]["runs"][:2]] == [30.0, 3.0]
    assert told["check"]["runs"][2]["budget"] == 1.0
    assert told["check"]["at_most"] > told["check"]["false_incidents_a_month"] >= 0.0


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "driftlog.toml"
    path.write_text(text)
    return path


def test_thresholds_by_hand_are_marked_and_stand_outside_the_budget(
    csv: Path, tmp_path: Path
) -> None:
    hand = written(
        tmp_path,
        '[detection.thresholds]\n"amount:psi" = 0.002\nadwin = 0.001\n'
        "[detection]\nmin_effect_psi = 0.0001\nmin_effect_sd = 0.0001\n",
    )
    words = ("--rows", csv, "--time", "at", "--run", "10000")
    usual = json.loads(call(*words, "--json").output)
    text = " ".join(call(*words, "--config", hand).output.split())
    assert "Set by hand (*), and no part of the budget: " in text
    assert "psi 0.002 (amount)" in text and "adwin 0.001 (amount, kind, error)" in text
    assert "6.91*" in text and "0.002*" in text
    assert "incidents opened by thresholds set by hand alone" in text
    assert "it is kept" in text

    told = json.loads(call(*words, "--config", hand, "--json").output)
    assert told["judges"] == usual["judges"] - 4
    by_hand = {one["signal"]: one["by_hand"] for one in told["signals"]}
    assert by_hand["amount"] == {"adwin": 0.001, "psi": 0.002}
    assert by_hand["kind"] == {"adwin": 0.001}
    # The trial of the budget is of what the budget has solved.
    *larger, own = told["check"]["runs"]
    assert own["by_hand"] > 0 and not any(run["by_hand"] for run in larger)

    everything = written(
        tmp_path,
        "[detection.thresholds]\npage_hinkley = 20\nspread = 20\nadwin = 1e-9\npsi = 0.2\n"
        "level_shift = 3\n",
    )
    text = " ".join(call("--rows", csv, "--config", everything, "--run", "1000").output.split())
    assert "Nothing is left that a budget could be kept of" in text


def test_versions_and_further_judges_are_shown(csv: Path, tmp_path: Path) -> None:
    config = written(
        tmp_path,
        '[detection]\ndetectors = ["psi", "kolmogorov_smirnov", "wasserstein"]\n'
        "[models]\nversions = 2\n",
    )
    words = ("--rows", csv, "--time", "at", "--run", "1000", "--config", config)
    text = " ".join(call(*words).output.split())
    assert "(psi, kolmogorov_smirnov, wasserstein), 5 that apply, x 1 series x 2 versions" in text
    amount, kind, _ = json.loads(call(*words, "--json").output)["signals"]
    assert 0.0 < amount["window"]["kolmogorov_smirnov"] < 0.3
    assert kind["window"] == {"kolmogorov_smirnov": None, "wasserstein": None}


def test_a_signal_that_there_is_not_is_named_with_those_there_are(
    csv: Path, tmp_path: Path
) -> None:
    config = written(tmp_path, '[detection.thresholds]\n"amuont:psi" = 0.2\n')
    told = call("--rows", csv, "--time", "at", "--config", config)
    assert told.exit_code == 2
    assert "'amuont:psi'; it may hold signals amount, kind, error" in told.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name --reference, --rows, or both"),
        (("--reference", "nowhere.json"), "nowhere.json cannot be read as a reference"),
        (("--rows", "nowhere.csv"), "nowhere.csv does not exist"),
        (("--rows", "x.csv", "--budget", "0"), "detection.alarm_budget"),
    ],
)
def test_what_cannot_be_used_is_named(words: tuple[str, ...], said: str) -> None:
    told = call(*words)
    assert told.exit_code == 2
    assert said in told.output
