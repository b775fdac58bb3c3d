"""A mad value among a thousand neither hides a drift nor makes one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from driftlog.records import ReferenceProfile, SignalState, SignalType, SignalVerdict
from driftlog.settings import ModelSettings, load_settings
from stream.profile import build_profile
from stream.profiling.cells import Cells
from stream.profiling.cells import Kind as Cell
from stream.profiling.columns import Column, Columns
from stream.rehearsal import Rehearsal

ROWS, PANE_ROWS = 1_000, 250
MAD = 1e6


def profile(values: NDArray[np.float64]) -> ReferenceProfile:
    rows = len(values)
    kinds = np.full(rows, Cell.NUMBER, dtype=np.int8)
    cells = Cells(kinds, values, (), np.full(rows, -1, dtype=np.int32))
    return build_profile(
        Columns(
            np.arange(rows, dtype=np.int64),
            (Column("x", "x", "input", cells),),
            {},
            key=np.arange(rows, dtype=np.uint64),
        ),
        model="m",
        version="1",
        origin="file",
        models=ModelSettings(include=("x",)),
        timed=False,
    )


def told_of(shift: float, mad: float | None) -> SignalVerdict:
    """The last verdict on 1,000 rows of N(shift, 1), one of them mad, with a usual reference."""
    rng = np.random.default_rng(11)
    reference = profile(rng.normal(size=10_000))
    assert reference.signals[0].type is SignalType.NUMBER
    values = rng.normal(size=ROWS) + shift
    if mad is not None:
        values[ROWS // 2] = mad
    rehearsal = Rehearsal(reference, load_settings(environ={}))
    rows = rehearsal.preparation.of_columns(ROWS, {"x": values}, {})
    panes = list(rehearsal.run(rows, PANE_ROWS))
    return panes[-1].verdicts[0].signals[0]


@pytest.mark.parametrize("mad", [MAD, -MAD, 1e300, float("inf")])
def test_one_mad_value_among_a_thousand_hides_no_drift(mad: float) -> None:
    plain, spoiled = told_of(0.5, None), told_of(0.5, mad)
    assert plain.psi > 0.2
    # Bins cut anew from the range of the rows at hand leave .002 of it.
    assert spoiled.psi == pytest.approx(plain.psi, rel=0.05)
    assert spoiled.effect_sd == pytest.approx(plain.effect_sd, abs=0.02)
    assert plain.state is SignalState.DRIFT and spoiled.state is SignalState.DRIFT


@pytest.mark.parametrize("mad", [MAD, -MAD, 1e300, float("inf")])
def test_one_mad_value_among_a_thousand_makes_no_drift(mad: float) -> None:
    assert told_of(0.0, None).state is SignalState.OK
    assert told_of(0.0, mad).state not in (SignalState.PENDING, SignalState.DRIFT)
