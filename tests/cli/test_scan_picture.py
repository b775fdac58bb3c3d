"""The pictures of a scan say where and how far a signal went."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftlog.cli.scan_file import LogFile, Times, fitting_pane
from driftlog.cli.scan_means import Trace
from driftlog.cli.scan_picture import bars, buckets, plot
from driftlog.cli.scan_tally import Drift
from driftlog.records import (
    AlertSignal,
    BinShare,
    Onset,
    ReferenceProfile,
    SignalProfile,
    SignalType,
    Spread,
)
from driftlog.settings import DetectionSettings

PANES = 40


def trace(shift_at: int = 20, missing: float = 0.0) -> Trace:
    signal = SignalProfile(
        signal="dist",
        role="input",
        type=SignalType.NUMBER,
        rows=1_000,
        missing=0.0,
        bins=("a",),
        shares=(1.0,),
        mean=1_000.0,
        sd=200.0,
        quantiles=(500.0, 700.0, 900.0, 1_000.0, 1_100.0, 1_300.0, 1_500.0),
    )
    profile = ReferenceProfile(
        model="m",
        version="1",
        reference_id="r",
        origin="file",
        effective_from_ms=0,
        rows=1_000,
        span_ms=(0, 1),
        rate=1.0,
        signals=(signal,),
    )
    found = Trace(profile)
    for pane in range(PANES):
        late = pane >= shift_at
        found.starts_ms.append(pane * 1_000)
        found.rows.append(10)
        found.present.append(np.array([round(10 * (1 - missing * late))]))
        found.means.append(np.array([2.0 * late]))
    return found


def drift(missing: float = 0.0, moved: tuple[BinShare, ...] = ()) -> Drift:
    worst = AlertSignal(
        series="m@1/*",
        signal="dist",
        state="drift",
        detector="page_hinkley",
        scores={},
        psi=1.0,
        effect_sd=2.0,
        direction=1,
        onset=Onset(ts_ms=20_000),
        rows=100,
        before=Spread(rows=1_000, mean=1_000.0),
        after=Spread(rows=100, mean=1_400.0, missing=missing),
        moved=moved,
    )
    return Drift("m@1/*", worst, {"alert": (20_000, 30_000)})


def drawn(width: int = 80, missing: float = 0.0) -> list[str]:
    lines = plot(
        drift(missing),
        trace(missing=missing),
        Times("second"),
        DetectionSettings(),
        1_000,
        width,
    )
    return [line.plain for line in lines]


def test_the_axis_marks_the_onset_and_how_long_the_drift_lasted() -> None:
    axis = drawn()[-2].strip()
    assert axis == "└" + 20 * "─" + "▲" + 9 * "━" + 10 * "─"


def test_the_mean_leaves_the_usual_band_at_the_onset() -> None:
    *lines, _, dates = drawn()
    top, bottom = lines[0], lines[-1]
    assert top.strip().startswith("1,400") and bottom.strip().startswith("950")
    assert top[-20:] == 20 * "▀"
    assert bottom[-40:-20].strip("▀▄") == ""  # before, at the bottom, on the band
    assert bottom[-20:] == 20 * "░"
    assert dates.split() == ["0", "s", "40", "s"]


def test_many_panes_share_columns_and_no_line_is_too_wide() -> None:
    for width in (30, 40, 60):
        assert max(map(len, drawn(width))) <= width


def test_where_values_vanish_their_share_is_drawn() -> None:
    lines = drawn(missing=0.5)
    assert lines[0].strip().startswith("0.5")
    assert lines[3].strip().startswith("0 ")


@given(width=st.integers(1, 100), starts=st.sets(st.integers(0, 500), min_size=1, max_size=60))
def test_slices_of_time_keep_the_mean(width: int, starts: set[int]) -> None:
    made = trace()
    made.starts_ms = [1_000 * at for at in sorted(starts)]
    count = len(starts)
    made.rows, made.present = [10] * count, [np.array([10])] * count
    made.means = [np.array([float(at)]) for at in range(count)]
    found, first, each = buckets(made, 0, False, 1_000, width)
    assert len(found) <= width
    assert first == 1_000 * min(starts) and each % 1_000 == 0
    per = [sum((one - first) // each == at for one in made.starts_ms) for at in range(len(found))]
    whole = sum(n * value for n, value in zip(per, found.tolist(), strict=True) if n)
    assert np.isclose(whole, sum(range(count)))
    assert all(np.isnan(value) == (n == 0) for n, value in zip(per, found, strict=True))


def test_bars_compare_the_levels_that_moved() -> None:
    moved = (
        BinShare(bin="UA", before=0.6, after=0.2, part=0.7),
        BinShare(bin="other levels", before=0.0001, after=0.0002, part=0.1),
    )
    lines = [line.plain for line in bars(drift(moved=moved), 80)]
    assert len(lines) == 2  # a bin that was and is empty moved nothing
    assert lines[0].count("█") == 3 * lines[1].count("█") == 30
    assert lines[0].endswith("60.0%") and lines[1].endswith("20.0%")


@given(
    rows=st.integers(1, 10**7),
    span=st.integers(0, 10**12),
)
def test_a_fitting_pane_is_round_and_neither_tiny_nor_huge(rows: int, span: int) -> None:
    pane = fitting_pane(LogFile(rows, 0, span, "date", iter(())))
    assert pane >= 1
    if rows >= 6_000 and 3_000_000 <= span <= 7 * 300 * 86_400_000:
        assert 100 <= span / pane <= 900
