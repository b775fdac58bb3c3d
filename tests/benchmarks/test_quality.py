"""The quality benchmark: its quick run shows what detection is for, and its rows are as named."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from rich.progress import Progress

from benchmarks.quality.__main__ import measure
from benchmarks.quality.claims import claims
from benchmarks.quality.findings import Findings
from benchmarks.quality.kinds import KINDS, LEVELS, Source
from benchmarks.quality.model import PANE_ROWS, Pace, prepared, reference
from benchmarks.quality.plan import PARTS, QUICK
from benchmarks.quality.quiet import most_allowed
from benchmarks.quality.report import markdown
from benchmarks.quality.storage import completed, load, save
from stream.preparation import Preparation


def test_the_quick_run_shows_every_claim(tmp_path: Path) -> None:
    bar = Progress(console=Console(file=io.StringIO()), disable=True)
    found = measure(QUICK, PARTS, seed=1, data=tmp_path, bar=bar)
    told = claims(found)
    assert [one.what for one in told if not one.holds] == []
    # Quiet data, delays, onsets, incidents, and the peers beside us: none was left out.
    assert len(told) >= 8
    text = markdown(found)
    for kind in QUICK.kinds:
        assert KINDS[kind].title in text
    assert "river PageHinkley" in text and "seed 1" in text

    # A part that is run by itself keeps the others, and nothing of a run with another seed.
    file = tmp_path / "quality.json"
    save(found, file)
    assert load(file) == found
    assert completed(Findings(found.conditions), load(file)) == found
    other = Findings(found.conditions | {"seed": "2"})
    assert completed(other, load(file)) is other


def test_more_incidents_than_chance_allows_are_no_pass() -> None:
    assert [most_allowed(expected) for expected in (300.0, 30.0, 3.0)] == [334, 41, 7]


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_makes_a_reference_and_rows(name: str) -> None:
    kind = KINDS[name]
    rng = np.random.default_rng(3)
    profile = reference(kind, max(2_000, kind.least_reference), rng)
    assert {one.type for one in profile.signals} == {kind.type}
    assert all((one.season is not None) == bool(kind.cycle) for one in profile.signals)
    source = Source(kind, len(profile.signals), rng)
    values, ts_ms = source.timed(500)
    rows = prepared(Preparation(profile.signals), values, kind, ts_ms)
    assert not rows.missing.any()
    assert abs(float(rows.z.mean())) < 0.5
    if name == "zipf":
        assert source.rows(1_000).max() == len(LEVELS) - 1


@pytest.mark.parametrize(("name", "phi"), [("ar8", 0.8), ("ar9", 0.9)])
def test_autocorrelation_goes_on_across_calls(name: str, phi: float) -> None:
    source = Source(KINDS[name], 50, np.random.default_rng(4))
    rows = np.concatenate([source.rows(7) for _ in range(600)], axis=1)
    centred = rows - rows.mean()
    neighbours = (centred[:, 1:] * centred[:, :-1]).mean() / centred.var()
    assert neighbours == pytest.approx(phi, abs=0.02)
    assert rows.var() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("rows", [20_000, 5_000_000, 10**9])
def test_a_pace_fits_any_run_into_budgets_that_settings_allow(rows: int) -> None:
    pace = Pace.for_run(rows, 300.0)
    budget = 300.0 / pace.months(rows)
    assert budget <= 10_001.0 and pace.rate <= 60.0
    settings = pace.settings(budget)
    assert settings.detection.expected_rate * settings.stream.pane / 1000 == pytest.approx(
        PANE_ROWS
    )
