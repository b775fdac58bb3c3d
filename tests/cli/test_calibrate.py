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
    assert "split evenly over 3 signals x 4 detectors" in text
    assert "10 that apply" in text  # all of them, but none watches the spread of a category
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
